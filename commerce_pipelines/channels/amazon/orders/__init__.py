"""Amazon's orders: reading, types, translation.

What belongs here: everything about orders. What does not: one call and its errors (api/).
"""
