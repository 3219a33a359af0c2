"""Shipments: what Odoo has delivered, told to the channels; what a channel ships itself, delivered in Odoo.

What belongs here: the steps of an asset or a sensor. What does not: the rules (domain/fulfilment/), calls (channels/,
odoo/), Dagster (assets/, sensors/).
"""
