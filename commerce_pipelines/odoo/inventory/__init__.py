"""Stock in Odoo: one snapshot of what is free, with kits resolved.

What belongs here: reading stock. What does not: what a channel may offer (domain/inventory/).
"""
