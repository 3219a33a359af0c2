"""What the rules decide, in a shape in which two sets of rules can be compared.

What belongs here: decisions and their differences, pure. What does not: deciding (domain/sales/, domain/inventory/),
reading the answers (flows/rehearsal.py).
"""
