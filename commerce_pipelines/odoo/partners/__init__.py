"""Buyers in Odoo: identity, addresses, VAT numbers.

What does not belong here: sale orders (odoo/sales/).
"""
