"""Goods in a marketplace's own warehouses (FBA): the marketplace's ledger of them, and whether Odoo says the same.

What belongs here: shapes and rules. What does not: reading reports (channels/), Odoo's stock (odoo/inbound/), tables
(warehouse/inbound/), the order of steps (flows/inbound/).
"""
