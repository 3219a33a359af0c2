"""Stock in Odoo: one snapshot of what is free, kits resolved.

What does not belong here: what a channel may offer (domain/inventory/).
"""
