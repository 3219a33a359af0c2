"""An order as every marketplace's translation yields it.

What does not belong here: what it becomes in Odoo (domain/sales/).
"""
