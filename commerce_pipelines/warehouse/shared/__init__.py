"""What processes share: rate limits, access tokens, hints, accounts, conditions.

What belongs here: rows that no topic owns. What does not: rows of orders or stock.
"""
