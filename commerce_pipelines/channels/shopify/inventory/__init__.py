"""Shopify's stock: types, listings and quantities.

What belongs here: reading and writing it. What does not: which quantity is right (domain/inventory/).
"""
