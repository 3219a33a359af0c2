"""eBay's refunds: reading, types, translation. Returns are not read: they are a Post-Order API of their own.

What belongs here: everything about both. What does not: orders (orders/), one call and its errors (api/).
"""
