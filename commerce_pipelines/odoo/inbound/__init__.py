"""The marketplace's own warehouse (FBA) as Odoo has it.

What belongs here: reading and writing its records in Odoo. What does not: what the marketplace says of it.
"""
