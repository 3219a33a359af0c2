"""Tables of a marketplace's own warehouses: its ledger, what its stores show, and what Odoo differs by.

What belongs here: rows of these tables. What does not: what they mean (domain/inbound/, flows/inbound/).
"""
