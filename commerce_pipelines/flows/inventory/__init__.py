"""Stock of Odoo -> targets -> what is to be published.

What belongs here: readings, plans and pushes of quantities. What does not: sending effects in general (flows/outbox/),
Dagster (assets/, sensors/).
"""
