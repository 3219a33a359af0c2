"""Which VAT a sale bears: the decision, rates, territories, the key of a tax.

What does not belong here: taxes of Odoo (odoo/accounting/).
"""
