"""Opened things: connections, the IO manager, run storage, the run launcher, alerts.

What does not belong here: what is done with them (flows/).
"""
