"""Dagster's sensors and schedules, and the receiver of Odoo's hints.

What belongs here: when runs are requested. What does not: what they do (flows/).
"""
