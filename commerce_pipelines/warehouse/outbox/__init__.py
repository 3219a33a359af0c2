"""What shall be true outside and what became of it: effects, attempts, holds; for every target and kind alike.

What does not belong here: what is wanted (domain/, flows/), calls (flows/outbox/).
"""
