"""PostgreSQL: landed answers, the vault of personal data, staged tables, exceptions, shared rate limits.

What belongs here: everything that knows SQL. What does not: what the rows mean to the business (domain/), where they
come from (channels/) or go to (odoo/). Import its modules, not this package, which stays empty so that imports are
fast.
"""
