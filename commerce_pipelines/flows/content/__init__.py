"""The content of listings brought in line with Odoo.

What belongs here: reading both sides, planning, a person's consent, sending. What does not: which text is right
(domain/content/), calls (odoo/catalogue/, channels/), Dagster (assets/content.py).
"""
