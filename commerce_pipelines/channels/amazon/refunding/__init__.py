"""Refunds that Amazon pays back for credit notes of Odoo.

What belongs here: everything about them. What does not: refunds that Amazon reports (returns/), one call and its errors
(api/).
"""
