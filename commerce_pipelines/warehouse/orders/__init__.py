"""Rows of orders: staging, the ledger, proofs and backfills.

What belongs here: tables of orders. What does not: the rules (domain/), when to load (flows/orders/).
"""
