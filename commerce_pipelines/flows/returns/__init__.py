"""Returns and refunds: landing -> staged rows -> transfers and credit notes in Odoo, and their proof.

What belongs here: what the lane's assets and sensors do, without Dagster. What does not: reading the channel
(flows/intake/), the rules (domain/returns/), writing to Odoo (odoo/returns/).
"""
