"""Which PostgreSQL there is: the configured one or an embedded cluster and its keeper.

What does not belong here: tables (warehouse/tables/).
"""
