"""Tables of product content: products of Odoo, listings, what was told to them, the difference.

What belongs here: reading and writing these rows. What does not: what follows from them (domain/content/,
flows/content/).
"""
