"""Rules about persons: what of them may go, what has to stay and for how long.

What belongs here: pure rules. What does not: finding a person (flows/privacy), Odoo's own steps (odoo/privacy).
"""
