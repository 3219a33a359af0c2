"""Dagster's sensors and schedules, and the receiver of Odoo's hints.

What does not belong here: what they ask for (flows/).
"""
