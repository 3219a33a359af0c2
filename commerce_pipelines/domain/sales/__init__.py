"""What an order becomes in Odoo: mapping, drafts, the life cycle, the proof.

What belongs here: rules about sale orders. What does not: VAT (domain/vat/), writing to Odoo (odoo/sales/).
"""
