"""PostgreSQL's statistics of a table into which many rows came at once.

Without them it takes a table for nearly empty, and compares each row with each: of a table that was never looked at,
until its own daemon comes by after a minute; of one that is large already, until a tenth of it has changed (migration
0050 makes that some thousands).

What belongs here: asking for them. What does not: when many rows came (flows/intake/pull.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def refresh_statistics(connection: Connection, table: str) -> None:
    """A sample of the table's rows is read, which takes less than a second. Where somebody else is at it, nothing is
    done."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE (SKIP_LOCKED) commerce.{table}")
