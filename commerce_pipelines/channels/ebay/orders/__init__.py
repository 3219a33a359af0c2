"""eBay's orders: reading by either API, types, translation.

What belongs here: everything about orders. What does not: one call and its errors (api/).
"""
