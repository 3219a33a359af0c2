"""What processes share: rate limits, access tokens, hints.

What does not belong here: rows of orders or stock.
"""
