"""Everything that knows Odoo.

What belongs here: calls, Odoo's records and what Odoo makes of them. What does not: business rules (domain/), SQL,
Dagster.
"""
