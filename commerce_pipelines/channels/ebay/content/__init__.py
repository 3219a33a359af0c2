"""What eBay's listings say of products.

What belongs here: reading and writing it. What does not: which text is right (domain/content/), quantities
(inventory/).
"""
