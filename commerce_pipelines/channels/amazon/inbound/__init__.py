"""Amazon's own warehouses: the ledger of the goods in them, and what it counts now.

What belongs here: the reports and calls of that. What does not: the comparison with Odoo (domain/inbound/).
"""
