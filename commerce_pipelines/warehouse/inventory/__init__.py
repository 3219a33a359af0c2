"""Rows of stock: levels, listings, targets, orders that are not in Odoo yet.

What belongs here: tables of stock. What does not: what has been sent (warehouse/outbox/). Import the modules inside
functions: they load pandas.
"""
