"""What shall be true outside, and how far it is: effects, their two manners, their life.

What does not belong here: what is wanted (the topics' own rules), keeping it (warehouse/outbox/), sending it
(flows/outbox/).
"""
