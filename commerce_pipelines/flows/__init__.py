"""What each asset and sensor does, without Dagster: the command line, the benchmarks and the tests run the same code.

intake/     channel -> landing orders/     landing -> orders, order_lines -> Odoo; the proof of channel against Odoo
inventory/  stock of Odoo -> targets -> what is to be published outbox/     sending effects that are on record
"""
