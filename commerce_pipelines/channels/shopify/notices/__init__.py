"""Webhooks of a Shopify shop.

What belongs here: what Shopify sends, and the subscriptions. What does not: HTTP in (cli/receive.py), what follows.
"""
