"""Records that sale orders mention: the company, names, currencies, products, services.

What belongs here: finding or creating them. What does not: taxes (odoo/accounting/).
"""
