"""Records that sale orders mention: the company, names, currencies, products, services.

What does not belong here: taxes (odoo/accounting/).
"""
