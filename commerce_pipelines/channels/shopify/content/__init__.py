"""Content of a shop's products: what they show, and changing it.

What belongs here: Shopify's side of the flow `content`. What does not: which texts are right (domain/content/).
"""
