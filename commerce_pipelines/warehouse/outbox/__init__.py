"""What is sent and what became of it: pushes, runs held back.

What does not belong here: what to send (domain/, flows/).
"""
