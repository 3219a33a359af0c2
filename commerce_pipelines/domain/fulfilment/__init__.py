"""Goods on their way to the buyer: what the channel is told of them.

What belongs here: the shape of a shipment, and the rules of what is confirmed. What does not: how a marketplace is told
(channels/*/fulfilment/), what Odoo has delivered (odoo/fulfilment/).
"""
