"""Refunds out: a person's credit note in Odoo -> money back on the channel, once.

What belongs here: what the lane's asset and schedules do, without Dagster. What does not: the rules
(domain/refunding/), finding credit notes (odoo/refunding/), the calls (channels/*/refunding/).
"""
