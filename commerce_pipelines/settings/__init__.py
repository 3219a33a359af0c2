"""commerce.yaml: reading it, and stating its mistakes in sentences.

What belongs here: the file as a whole. What does not: the keys of one room (each room's own section).
"""
