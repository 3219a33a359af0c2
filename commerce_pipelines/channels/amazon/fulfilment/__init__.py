"""Amazon is told of parcels.

What belongs here: confirming shipments and reading back what Amazon shows of them. What does not: which shipments there
are (domain/fulfilment/, odoo/fulfilment/), orders (orders/).
"""
