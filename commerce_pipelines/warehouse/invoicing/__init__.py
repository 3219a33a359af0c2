"""Rows of invoices: how far each order is invoiced and paid.

What belongs here: the table. What does not: what follows for an order (domain/invoicing/).
"""
