"""Invoices of orders and payments for them in Odoo.

What belongs here: reading them, Odoo's invoicing wizard, posting, payments and their journals. What does not: what is
due (domain/invoicing/), credit notes (odoo/returns/).
"""
