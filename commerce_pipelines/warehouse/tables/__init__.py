"""The door to the database and its bridge to frames.

What belongs here: what every table needs. What does not: what a single table means (the topics' folders).
"""
