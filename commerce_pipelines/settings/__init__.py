"""commerce.yaml: reading it, and what is wrong with it in sentences.

What does not belong here: the keys of one room (each room's own section).
"""
