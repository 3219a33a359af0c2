"""Refunds that a shop pays back for credit notes of Odoo.

What belongs here: everything about them. What does not: refunds that it reports (returns/), one call and its errors
(api/).
"""
