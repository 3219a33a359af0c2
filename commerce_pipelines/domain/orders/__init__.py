"""An order as every marketplace's translation yields it.

What belongs here: the order's shape and checks. What does not: what the order becomes in Odoo (domain/sales/).
"""
