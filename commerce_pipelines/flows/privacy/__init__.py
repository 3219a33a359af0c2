"""A data subject's rights: erasure (GDPR Art. 17) and access (Art. 15, 20).

What belongs here: finding a person everywhere, and putting the steps together. What does not: rows
(warehouse/privacy), Odoo's calls (odoo/privacy), commands (cli/privacy.py).
"""
