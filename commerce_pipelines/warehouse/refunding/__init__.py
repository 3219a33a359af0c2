"""Tables of refunds out: credit notes that people made, and how far the channel has paid them back.

What belongs here: rows of these tables. What does not: what they mean (domain/refunding/, flows/refunding/).
"""
