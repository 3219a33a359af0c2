"""Counts of what waits, for monitors: each by an index or a catalogue, never by reading a table through.

What belongs here: the queries. What does not: what a figure means and when it is late (flows/health.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Waiting(msgspec.Struct, frozen=True):
    """Records in the exceptions. is_note: they hold nothing up."""

    channel: str
    topic: str
    code: str
    is_note: bool
    count: int
    since: datetime


class Unsettled(msgspec.Struct, frozen=True):
    """Effects of a lane that are not settled, in one status."""

    target: str
    kind: str
    status: str
    count: int
    since: datetime


def count_exceptions(connection: Connection) -> list[Waiting]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, topic, code, note <> '', count(*), min(first_seen) FROM commerce.exceptions"
            " WHERE resolved_at IS NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
        )
        return [Waiting(*row) for row in cursor]


def count_effects(connection: Connection) -> list[Unsettled]:
    """Those that are settled are not counted: they are as many as were ever sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT target, kind, status, count(*), min(planned_at) FROM commerce.effects"
            " WHERE status IN ('planned', 'held', 'released', 'sent', 'pending', 'unknown')"
            " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        return [Unsettled(*row) for row in cursor]


def measure_database(connection: Connection) -> int:
    """Bytes of the whole database, Dagster's tables included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        row = cursor.fetchone()
    return int(row[0]) if row else 0
