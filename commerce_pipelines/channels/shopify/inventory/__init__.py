"""Shopify's stock: types, listings and quantities.

What does not belong here: which quantity is right (domain/inventory/).
"""
