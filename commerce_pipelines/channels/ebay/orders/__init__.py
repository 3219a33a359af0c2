"""eBay's orders: reading by either API, types, translation.

What does not belong here: one call and its errors (api/).
"""
