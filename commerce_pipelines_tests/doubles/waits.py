"""Waiting, in a test, for what another process, or another session of PostgreSQL, does.

What belongs here: looking until it is so. What does not: what is tested.
"""

from __future__ import annotations

from collections.abc import Callable

from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.warehouse.tables.database import Warehouse

# No measure of speed: on a slow machine that does other things, what takes a second here may take a minute.
PATIENCE_SECONDS = 600.0


def until(wanted: Callable[[], object], tell: Callable[[], str] = str, pause: float = 0.02) -> None:
    """Until it is so. Raises with what `tell` knows where it never is. pause: seconds between two looks."""
    give_up = REAL.clock() + PATIENCE_SECONDS
    while not wanted():
        if REAL.clock() > give_up:
            raise AssertionError(f"It did not come to pass. {tell()}")
        REAL.sleep(pause)


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
