"""Marketplaces: one folder each, and what all of them share.

What belongs here: everything that knows a vendor's API. What does not: Odoo, SQL, Dagster.
"""
