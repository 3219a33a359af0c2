"""Money in: orders invoiced in Odoo, and payments registered for their invoices.

What belongs here: what the lane's asset and schedules do, without Dagster. What does not: the rules
(domain/invoicing/), writing to Odoo (odoo/invoicing/).
"""
