"""The door to the database and its bridge to frames.

What does not belong here: what a single table means (the topics' folders).
"""
