"""Refunds that eBay pays back for credit notes of Odoo.

What belongs here: everything about them. What does not: refunds that eBay reports (returns/), one call and its errors
(api/).
"""
