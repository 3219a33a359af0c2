"""Money in: which orders are invoiced, and which payments are registered for their invoices.

What belongs here: the rules, pure. What does not: reading and writing Odoo (odoo/invoicing/), refunds
(domain/returns/).
"""
