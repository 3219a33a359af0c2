"""Rows of stock: levels, listings, targets, orders that are not in Odoo yet.

Import the modules inside functions: they load pandas. What does not belong here: what has been sent
(warehouse/outbox/).
"""
