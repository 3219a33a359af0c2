"""eBay is told of parcels.

What belongs here: making shipping fulfilments, correcting their tracking, and reading back what eBay shows of a parcel.
What does not: which shipments there are (domain/fulfilment/, odoo/fulfilment/), orders (orders/).
"""
