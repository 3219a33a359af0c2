"""Rows of orders: staging and the ledger.

What does not belong here: the rules (domain/), when to load (flows/orders/).
"""
