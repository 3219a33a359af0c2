"""Opened things: connections, the IO manager, run storage, the run launcher, alerts.

What belongs here: opening them. What does not: what is done with them (flows/).
"""
