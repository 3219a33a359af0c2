"""Amazon's returns (goods) and refunds (money): reading, types, translation.

What belongs here: everything about both. What does not: orders (orders/), one call and its errors (api/).
"""
