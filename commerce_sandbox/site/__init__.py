"""The demo's pages for people: the three shops, Odoo, a panel that breaks something, and the alerts that came.

What belongs here: pages and what their buttons do. What does not: what a marketplace or Odoo makes of it (../amazon,
../ebay, ../shopify, ../odoo).
"""
