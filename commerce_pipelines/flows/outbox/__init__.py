"""Sending what is on record, for every kind of effect.

What does not belong here: what to send (the topics' flows), the calls (channels/).
"""
