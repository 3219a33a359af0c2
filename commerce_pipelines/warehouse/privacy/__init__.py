"""Requests of data subjects, and what this database holds of a person.

What belongs here: rows. What does not: deciding (domain/privacy), Odoo (odoo/privacy).
"""
