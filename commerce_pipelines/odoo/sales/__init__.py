"""Sale orders in Odoo: loading, comparing, confirming, cancelling.

What does not belong here: what an order becomes (domain/sales/).
"""
