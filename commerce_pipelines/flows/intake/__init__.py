"""Channel -> landing: following changes, pulling days.

What does not belong here: what is made of the answers (flows/orders/).
"""
