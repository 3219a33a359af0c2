"""What Odoo has delivered of the channels' orders, and which of these deliveries are dealt with.

What belongs here: these tables. What does not: parcels that a channel was told of, which are effects
(warehouse/outbox/).
"""
