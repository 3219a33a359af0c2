"""Sale orders in Odoo: loading, comparing, confirming, cancelling.

What belongs here: everything that reads or writes sale orders. What does not: what an order becomes (domain/sales/).
"""
