"""Credit notes that people make in Odoo.

What belongs here: finding them. What does not: their lines and their order (returns/invoiced_orders.py), what follows
(domain/refunding/).
"""
