"""Stock of Odoo -> targets -> what is to be published.

What does not belong here: sending it (flows/outbox/), Dagster (assets/, sensors/).
"""
