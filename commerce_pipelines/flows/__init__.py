"""What each asset and sensor does, without Dagster: the command line, the benchmarks and the tests run the very same.

pull.py / poll.py   channel -> landing        stage.py   landing -> orders, order_lines
load.py             staged orders -> Odoo     prove.py   channel against Odoo
"""
