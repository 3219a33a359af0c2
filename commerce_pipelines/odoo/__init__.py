"""Everything that knows Odoo.

What belongs here: calls, Odoo's records and how Odoo computes with them. What does not: business rules (domain/), SQL,
Dagster.
"""
