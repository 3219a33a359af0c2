"""Deliveries in Odoo.

What belongs here: reading which are done, and booking those that a channel made itself. What does not: what a channel
is told of them (domain/fulfilment/), stock levels (odoo/inventory/).
"""
