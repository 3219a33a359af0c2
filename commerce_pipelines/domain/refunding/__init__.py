"""Refunds out: money that a person credits in Odoo and that the channel pays back to the buyer.

What belongs here: shapes and pure rules of it. What does not: refunds that channels report (returns/), reading credit
notes (odoo/refunding/), the calls (channels/*/refunding/).
"""
