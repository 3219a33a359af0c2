"""What a channel may offer: listings, targets from free stock, the difference to publish.

What belongs here: rules about stock. What does not: reading stock (odoo/inventory/), keeping it (warehouse/inventory/).
"""
