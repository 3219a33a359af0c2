"""What every room may use: errors, the base of settings, URLs, the arithmetic of rate limits, failpoints.

What belongs here: a few small modules that know nothing of orders or stock. What does not: business rules (domain/).
"""
