"""The PostgreSQL that is used: a configured one, or an embedded cluster and its keeper.

What belongs here: finding and running the server. What does not: tables (warehouse/tables/).
"""
