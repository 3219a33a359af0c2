"""Tables of the shape of answers: a profile for each day, and what differed.

What belongs here: reading and writing these rows. What does not: what differs (domain/drift/), reading the answers
(landing/samples.py).
"""
