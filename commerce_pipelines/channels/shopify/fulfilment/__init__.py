"""Shopify is told of parcels.

What belongs here: fulfilling fulfilment orders, and reading back what Shopify shows of a parcel. What does not: which
shipments there are (domain/fulfilment/, odoo/fulfilment/), orders (orders/).
"""
