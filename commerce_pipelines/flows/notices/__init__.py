"""Messages that come in from marketplaces and Odoo.

What belongs here: which are kept, and what follows from them. What does not: HTTP (cli/receive.py), one marketplace's
messages (channels/<kind>/notices/), Dagster (sensors/).
"""
