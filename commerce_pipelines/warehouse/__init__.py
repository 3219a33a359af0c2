"""PostgreSQL: the landing of raw answers, the vault of personal data, staged tables, quarantine, shared rate limits.

What belongs here: everything that knows SQL. What does not: what the rows mean to the business (domain/), where they
come from (channels/) or go to (odoo/). Import the modules, not this package: it stays empty so that nothing is slow.
"""
