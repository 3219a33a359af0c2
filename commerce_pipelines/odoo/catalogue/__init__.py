"""Product content in Odoo: templates, variants, translations, pictures.

What belongs here: reading it. What does not: what a listing shows of it (domain/content/).
"""
