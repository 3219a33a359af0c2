"""How far a backfill has come, so that a killed backfill continues where it stopped.

What belongs here: one row per channel, topic and span of days. What does not: the runs themselves (Dagster keeps
them), which days a run takes (flows/intake/backfill.py).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def begin(
    connection: Connection, channel: str, topic: str, first: date, last: date, now: datetime, *, anew: bool
) -> date | None:
    """Record that the days `first` to `last` are to be loaded. Returns the last day that is done already, None for
    none.

    A finished backfill begins again, because whoever starts it again expects changes.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.backfills AS known (channel, topic, first_day, last_day, started_at)"
            " VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (channel, topic, first_day, last_day) DO UPDATE SET finished_at = NULL,"
            " started_at = CASE WHEN known.finished_at IS NULL AND NOT %s THEN known.started_at"
            " ELSE excluded.started_at END,"
            " done_through = CASE WHEN known.finished_at IS NULL AND NOT %s THEN known.done_through END"
            " RETURNING done_through",
            (channel, topic, first, last, now, anew, anew),
        )
        row = cursor.fetchone()
    return row[0] if row else None


def advance(
    connection: Connection, channel: str, topic: str, span: tuple[date, date], through: date, now: datetime
) -> None:
    """The days up to `through` of the backfill `span` are in Odoo or wait with a reason. With the last day the backfill
    is finished."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.backfills SET done_through = %s, finished_at = CASE WHEN %s THEN %s::timestamptz END"
            " WHERE channel = %s AND topic = %s AND first_day = %s AND last_day = %s",
            (through, through >= span[1], now, channel, topic, *span),
        )
