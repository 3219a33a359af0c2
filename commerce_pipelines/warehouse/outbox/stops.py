"""Runs that the breaker stopped, and a person's word that one of them was right.

What belongs here: keeping a stopped plan, releasing it, finding what was released. What does not: when a run is stopped
(domain/inventory/publishing.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

VALID = timedelta(hours=24)  # a release older than this was for another day's figures


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """One stopped run. plan: listing key -> quantity that it would have published; read: products read with stock."""

    stopped_at: datetime
    run_id: str
    reasons: str
    read: int
    plan: dict[str, int]
    released_at: datetime | None = None
    released_by: str | None = None


def hold(connection: Connection, channel: str, run_id: str, reasons: str, read: int, plan: dict[str, int]) -> None:
    """Keep what was stopped, in place of what was stopped before and never released."""
    with connection.cursor() as cursor:
        resolve(connection, channel)
        cursor.execute(
            "INSERT INTO commerce.inventory_stops (channel, stopped_at, run_id, reasons, read, plan)"
            " VALUES (%s, clock_timestamp(), %s, %s, %s, %s)",
            (channel, run_id, reasons, read, msgspec.json.encode(plan).decode()),
        )


def resolve(connection: Connection, channel: str) -> None:
    """The cause went away by itself: forget what waited for a person."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.inventory_stops WHERE channel = %s AND released_at IS NULL",
            (channel,),
        )


def held(connection: Connection, channel: str) -> Stop | None:
    """The run that waits for a person, if any."""
    return _one(connection, channel, "released_at IS NULL")


def released(connection: Connection, channel: str) -> Stop | None:
    """The newest run that a person has agreed to and that is not carried out yet."""
    return _one(connection, channel, "released_at > clock_timestamp() - %(valid)s AND used_at IS NULL")


def release(connection: Connection, channel: str, by: str) -> Stop | None:
    """Agree to exactly the figures of the run that waits; None where none does."""
    stop = held(connection, channel)
    if stop is not None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE commerce.inventory_stops SET released_at = clock_timestamp(), released_by = %s"
                " WHERE channel = %s AND stopped_at = %s",
                (by, channel, stop.stopped_at),
            )
    return stop


def used(connection: Connection, channel: str) -> None:
    """What was released has been carried out whole; it is not valid again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.inventory_stops SET used_at = clock_timestamp()"
            " WHERE channel = %s AND released_at IS NOT NULL AND used_at IS NULL",
            (channel,),
        )


def _one(connection: Connection, channel: str, condition: str) -> Stop | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT stopped_at, run_id, reasons, read, plan, released_at, released_by FROM commerce.inventory_stops"
            f" WHERE channel = %(channel)s AND {condition} ORDER BY stopped_at DESC LIMIT 1",
            {"channel": channel, "valid": VALID},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    fields = dict(zip(Stop.__struct_fields__, row, strict=True))
    return Stop(**fields | {"plan": msgspec.json.decode(fields["plan"], type=dict[str, int])})
