"""Which staged rows still say what the newest answers say, and by what reading the rows of a day were made.

What belongs here: finding out which answers need not be read again, and taking staged rows away. What does not: the
rows themselves (orders/staged_rows.py, returns/staged_rows.py), the answers (landing.py).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from ...core.topics import Topic
from ..tables.database import AMONG, listed

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Place(NamedTuple):
    """Where the records of a topic are staged: their table, that of their lines, and the column of their ids."""

    table: str
    lines: str
    key: str


PLACES: dict[str, Place] = {
    Topic.ORDERS: Place("orders", "order_lines", "order_id"),
    Topic.RETURNS: Place("returns", "return_lines", "return_id"),
    Topic.REFUNDS: Place("refunds", "refund_lines", "refund_id"),
}


def write_condition(topic: str) -> str:
    """A condition on `s` and `k`, with some days as its parameter: the answer is of one of these days, is there, and is
    the one that the record's staged row was made of."""
    table, _, key = PLACES[topic]
    return (
        "(s.day = ANY(%s::date[]) AND k.wrapped_key IS NOT NULL AND octet_length(s.payload) > 0"
        f" AND EXISTS (SELECT FROM commerce.{table} r WHERE r.channel = s.channel AND r.{key} = s.record_id"
        " AND r.day = s.day AND r.digest = encode(s.digest, 'hex')))"
    )


def drop_stale(
    connection: Connection, channel: str, topic: str, days: Collection[date], but: Collection[str]
) -> None:  # fmt: skip
    """Delete the staged rows of these days that are not of the newest answer about their record. but: ids of records
    whose rows stay."""
    table, _, key = PLACES[topic]
    with connection.cursor() as cursor:
        # A subquery with a limit is never joined, so that it costs a look into the index for each row.
        cursor.execute(
            f"""DELETE FROM commerce.{table} r WHERE r.channel = %s AND r.day = ANY(%s::date[]) AND r.{key} <> ALL(%s)
            AND NOT EXISTS (SELECT FROM (SELECT s.digest, s.day FROM commerce.snapshots s WHERE s.channel = r.channel
                AND s.topic = %s AND s.record_id = r.{key}
                ORDER BY s.source_updated_at DESC, s.first_seen DESC, s.digest DESC LIMIT 1) n
                WHERE n.day = r.day AND encode(n.digest, 'hex') = r.digest) RETURNING r.{key}""",
            (channel, list(days), list(but), str(topic)),
        )
        _drop_lines(connection, channel, topic, [record_id for (record_id,) in cursor.fetchall()])


def drop(
    connection: Connection, channel: str, topic: str, days: Collection[date], record_ids: Collection[str]
) -> None:  # fmt: skip
    """Delete what is staged of these records on these days."""
    if not record_ids:
        return
    table, _, key = PLACES[topic]
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM commerce.{table} WHERE channel = %s AND day = ANY(%s::date[]) AND {key} {AMONG}"
            f" RETURNING {key}",
            (channel, list(days), listed(record_ids)),
        )
        _drop_lines(connection, channel, topic, [record_id for (record_id,) in cursor.fetchall()])


def is_any_staged(connection: Connection, channel: str, topic: str, record_ids: Collection[str]) -> bool:
    """Whether one of these records is staged, on whatever day."""
    table, _, key = PLACES[topic]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM commerce.{table} WHERE channel = %s AND {key} {AMONG})",
            (channel, listed(record_ids)),
        )
        return bool(cursor.fetchone()[0])  # type: ignore[index]


def _drop_lines(connection: Connection, channel: str, topic: str, record_ids: Collection[str]) -> None:
    if not record_ids:
        return
    _, lines, key = PLACES[topic]
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM commerce.{lines} WHERE channel = %s AND {key} {AMONG}", (channel, listed(record_ids))
        )


def list_read(
    connection: Connection, channel: str, topic: str, days: Collection[date], reading: str
) -> list[date]:  # fmt: skip
    """Those of these days whose staged rows were all made by this reading, except what it could not read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day FROM commerce.staged_days WHERE channel = %s AND topic = %s AND day = ANY(%s::date[])"
            " AND reading = %s",
            (channel, str(topic), list(days), reading),
        )
        return [day for (day,) in cursor]


def note_read(
    connection: Connection, channel: str, topic: str, days: Collection[date], reading: str
) -> None:  # fmt: skip
    """All staged rows of these days were made by this reading."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.staged_days AS before (channel, topic, day, reading)"
            " SELECT %s, %s, day, %s FROM unnest(%s::date[]) day ON CONFLICT (channel, topic, day)"
            " DO UPDATE SET reading = excluded.reading WHERE before.reading <> excluded.reading",
            (channel, str(topic), reading, sorted(days)),
        )
