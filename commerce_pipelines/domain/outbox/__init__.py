"""What shall be true outside, and how far it is: effects, their two manners, their statuses.

What belongs here: shapes and rules of effects. What does not: which effects are wanted (the topics' own rules), their
tables (warehouse/outbox/), sending them (flows/outbox/).
"""
