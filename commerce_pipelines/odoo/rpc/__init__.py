"""Calling Odoo: both APIs, errors, load() and reading in bulk.

What does not belong here: any model's meaning.
"""
