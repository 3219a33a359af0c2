"""Taxes and fiscal positions in Odoo.

What does not belong here: which VAT a sale bears (domain/vat/).
"""
