"""Rehearsals: what would differ by other settings, and which settings a person agreed to.

What belongs here: reading and writing these rows. What does not: the comparison (domain/rehearsal/).
"""
