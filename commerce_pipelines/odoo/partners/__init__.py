"""Buyers in Odoo: identity, addresses, VAT numbers.

What belongs here: finding and creating partners. What does not: sale orders (odoo/sales/).
"""
