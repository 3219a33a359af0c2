"""Channel -> landing: following changes, pulling days.

What belongs here: getting answers from a channel. What does not: what is made of them (flows/orders/).
"""
