"""eBay's listings and quantities.

What does not belong here: which quantity is right (domain/inventory/).
"""
