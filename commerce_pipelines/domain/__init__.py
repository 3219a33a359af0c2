"""Pure business rules, without any input or output.

What belongs here: what orders, stock, taxes and money mean. What does not: marketplaces, Odoo, SQL, Dagster.
"""
