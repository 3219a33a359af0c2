"""`make bench`: each figure is a ratio against a baseline measured in the same run.

What belongs here: nothing but the package. What does not: the benchmarks (one module each), what they share
(measure.py, figures.py, database.py), their data (shop_orders.py, odoo_orders.py).
"""
