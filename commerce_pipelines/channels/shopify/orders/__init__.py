"""Shopify's orders: reading, types, translation.

What does not belong here: one call and its errors (api/).
"""
