"""Sending what is on record.

What does not belong here: what to send (flows/inventory/), the calls (channels/).
"""
