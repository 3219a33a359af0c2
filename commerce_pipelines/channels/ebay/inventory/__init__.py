"""eBay's listings and quantities.

What belongs here: reading and writing them. What does not: which quantity is right (domain/inventory/).
"""
