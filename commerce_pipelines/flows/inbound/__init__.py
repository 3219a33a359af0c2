"""A marketplace's own warehouses: its ledger is read, and Odoo's stock of them is compared with it.

What belongs here: what the lane's assets and schedules do, without Dagster. What does not: the rules (domain/inbound/),
the calls (channels/*/inbound/, odoo/inbound/).
"""
