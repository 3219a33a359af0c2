"""Taxes and fiscal positions in Odoo.

What belongs here: finding and creating them. What does not: which VAT a sale bears (domain/vat/).
"""
