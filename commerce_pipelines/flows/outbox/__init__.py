"""Sending effects that are on record, for every kind of effect.

What belongs here: what all kinds share. What does not: what to send (the topics' flows), the calls (channels/).
"""
