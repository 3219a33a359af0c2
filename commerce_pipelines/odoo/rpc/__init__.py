"""Calling Odoo: both APIs, errors, load() and reading in bulk.

What belongs here: calls of any model. What does not: what a model means.
"""
