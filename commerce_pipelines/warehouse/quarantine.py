"""The quarantine: records that cannot go on wait in `exceptions` with a reason, until the cause is gone.

What belongs here: keeping, resolving and listing them. What does not: why a record is refused (whoever raises
RecordError), when it is tried again (flows/). Messages hold no personal data, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ..domain.errors import RecordError
from .database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class OpenException(msgspec.Struct, frozen=True, kw_only=True):
    """One record that waits. code, message, fix, subject: as in RecordError; tries: how often this stage refused it."""

    channel: str
    order_id: str
    stage: str
    code: str
    message: str
    fix: str
    subject: str
    day: date | None
    run_id: str
    first_seen: datetime
    last_seen: datetime
    tries: int


def record(
    connection: Connection,
    channel: str,
    stage: str,
    failures: Iterable[tuple[str, date | None, RecordError]],
    run_id: str,
    now: datetime,
) -> None:
    """Put records into quarantine, or note that they failed again: first_seen stays, tries grows, they are open."""
    from psycopg2.extras import execute_values

    rows = {
        storable(order_id): (
            channel, storable(order_id), stage, error.code, storable(error.message), storable(error.fix),
            storable(error.subject), day, run_id, now, now,
        )
        for order_id, day, error in failures
    }  # fmt: skip
    if not rows:
        return
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            """INSERT INTO commerce.exceptions AS known (channel, order_id, stage, code, message, fix, subject, day,
            run_id, first_seen, last_seen) VALUES %s ON CONFLICT (channel, order_id, stage) DO UPDATE SET code = excluded.code,
            message = excluded.message, fix = excluded.fix, subject = excluded.subject, day = excluded.day,
            run_id = excluded.run_id, last_seen = excluded.last_seen, tries = known.tries + 1, resolved_at = NULL""",
            [rows[order_id] for order_id in sorted(rows)],
            page_size=500,
        )


def resolve(connection: Connection, channel: str, stage: str, order_ids: Iterable[str], now: datetime) -> int:
    """These records went through; returns how many of them were waiting."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.exceptions SET resolved_at = %s"
            " WHERE channel = %s AND stage = %s AND order_id = ANY(%s) AND resolved_at IS NULL",
            (now, channel, stage, [storable(order_id) for order_id in order_ids]),
        )
        return cursor.rowcount


def resolve_others(
    connection: Connection,
    channel: str,
    stage: str,
    start: date,
    end: date,
    still_failing: Iterable[str],
    now: datetime,
) -> int:
    """All of the days `[start, end)` went through but `still_failing`; returns how many were waiting."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.exceptions SET resolved_at = %s WHERE channel = %s AND stage = %s"
            " AND day >= %s AND day < %s AND order_id <> ALL(%s) AND resolved_at IS NULL",
            (now, channel, stage, start, end, [storable(order_id) for order_id in still_failing]),
        )
        return cursor.rowcount


def open_exceptions(connection: Connection, channel: str | None = None) -> list[OpenException]:
    """What waits, of one channel or of all, by channel and by when it was first refused."""
    fields = OpenException.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(fields)} FROM commerce.exceptions WHERE resolved_at IS NULL"
            " AND (%s::text IS NULL OR channel = %s) ORDER BY channel, first_seen, order_id, stage",
            (channel, channel),
        )
        return [OpenException(**dict(zip(fields, row, strict=True))) for row in cursor]
