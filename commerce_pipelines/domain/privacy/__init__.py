"""Rules about personal data: which may be erased, which has to stay, and for how long.

What belongs here: pure rules. What does not: finding a person (flows/privacy), Odoo's own steps (odoo/privacy).
"""
