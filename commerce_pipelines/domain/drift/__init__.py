"""The shape of a marketplace's answers, and whether it still is what it was.

What belongs here: profiles and their comparison, pure. What does not: reading answers (warehouse/landing/), when it is
done (flows/drift.py).
"""
