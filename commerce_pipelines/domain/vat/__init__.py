"""The VAT of a sale: the decision, rates, territories, the key of a tax.

What belongs here: rules of VAT law. What does not: Odoo's taxes (odoo/accounting/).
"""
