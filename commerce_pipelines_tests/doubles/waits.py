"""Waiting, in a test, for what another session of PostgreSQL does.

What belongs here: looking until it is so. What does not: what is tested.
"""

from __future__ import annotations

from commerce_pipelines.warehouse.tables.database import Warehouse


def wait_until_blocked(warehouse: Warehouse, sessions: int = 1) -> None:
    """Until so many sessions of the database wait for an advisory lock."""
    while count_blocked(warehouse) < sessions:
        pass


def count_blocked(warehouse: Warehouse) -> int:
    """The sessions of the database that wait for an advisory lock."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        (blocked,) = cursor.fetchone() or (0,)
        return int(blocked)
