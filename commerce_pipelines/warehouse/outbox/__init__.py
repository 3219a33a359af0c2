"""What shall be true outside and what became of it: effects, attempts, holds, in the same way for every target and
kind.

What belongs here: tables of the outbox. What does not: what is wanted (domain/, flows/), calls (flows/outbox/).
"""
