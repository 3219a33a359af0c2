"""Tables of returns and refunds: staged rows, the ledgers of what became of them in Odoo, and the proofs.

What belongs here: rows of these tables. What does not: what they mean (domain/returns/, flows/returns/).
"""
