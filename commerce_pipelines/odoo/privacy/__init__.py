"""A person in Odoo: finding what Odoo holds of them, and making it anonymous.

What belongs here: calls. What does not: what may go and what stays (domain/privacy).
"""
