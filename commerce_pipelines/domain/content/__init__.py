"""Product content: what Odoo says of a product, what a listing shows, and the difference.

What belongs here: nouns and pure rules. What does not: reading Odoo (odoo/catalogue/), marketplaces (channels/), rows
(warehouse/content/), sending (flows/content/).
"""
