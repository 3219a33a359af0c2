"""Messages that marketplaces sent, as rows of ids: what changed, and what persons have asked for. No personal data.

A row is a hint: the record is read from the API, and a poll finds what no message told. Rows stay for a while after
they were dealt with, so that a message that comes again is known.

What belongs here: the rows. What does not: who may write one (flows/notices/reception.py), what follows from it
(flows/notices/).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

KEPT_FOR = timedelta(days=30)  # Shopify repeats for four hours, eBay for longer; somebody who caught one, when he likes
UNHEARD_FOR = timedelta(days=2)  # after which polls have found long since what a hint was about

SAME_MOMENT = timedelta(seconds=5)  # times of change are whole seconds, so that a second change may bear the same


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One message. digest: of its body. subjects: hex ids of the persons who asked. topic: '' of an event that nobody
    follows."""

    channel: str
    delivery_id: str
    digest: bytes
    event: str
    topic: str
    record_id: str = ""
    changed_at: datetime | None = None
    asks: str = ""
    subjects: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()


class Hint(msgspec.Struct, frozen=True):
    """A record that messages named, however many. until: when the last of them came. served: an answer is landed that
    is as new as the newest change. since: when it changed first, by the messages, or the first of them came."""

    record_id: str
    until: datetime
    served: bool
    since: datetime


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has asked a marketplace for, and it told us."""

    channel: str
    delivery_id: str
    asks: str
    record_id: str
    subjects: list[str]
    orders: list[str]
    received_at: datetime


def store(connection: Connection, rows: Sequence[Row]) -> None:
    """Put messages on record by one statement; a message that is known changes nothing."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.notifications (channel, delivery_id, digest, event, topic, record_id, changed_at,"
            " asks, subjects, orders) VALUES %s ON CONFLICT DO NOTHING",
            [
                (row.channel, row.delivery_id, row.digest, row.event, row.topic, row.record_id, row.changed_at,
                 row.asks, list(row.subjects), list(row.orders))
                for row in rows
            ],
            template="(%s, %s, %s, %s, %s, %s, %s, %s, %s::text[], %s::text[])",
            page_size=max(len(rows), 1),
        )  # fmt: skip


def list_hints(connection: Connection, channel: str, topics: Collection[str]) -> list[Hint]:
    """The records that messages named and nobody looked at since, the longest waiting first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT record_id, until, record_id <> '' AND changed_at IS NOT NULL AND EXISTS (SELECT FROM"
            " commerce.snapshots s WHERE s.channel = %(channel)s AND s.topic = h.topic AND s.record_id = h.record_id"
            " AND s.source_updated_at >= h.changed_at AND s.first_seen >= h.changed_at + %(moment)s), since"
            " FROM (SELECT topic, record_id, max(received_at) AS until,"
            " min(least(changed_at, received_at)) AS since,"
            " CASE WHEN bool_and(changed_at IS NOT NULL) THEN max(changed_at) END AS changed_at"
            " FROM commerce.notifications WHERE channel = %(channel)s AND topic = ANY(%(topics)s)"
            " AND handled_at IS NULL GROUP BY topic, record_id) h ORDER BY since",
            {"channel": channel, "topics": list(map(str, topics)), "moment": SAME_MOMENT},
        )
        return [Hint(*row) for row in cursor]


def settle(connection: Connection, channel: str, topics: Collection[str], hints: Sequence[Hint]) -> None:
    """These records were read after the messages about them came; a message that came meanwhile stays open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.notifications n SET handled_at = clock_timestamp()"
            " FROM unnest(%s::text[], %s::timestamptz[]) AS h (record_id, until)"
            " WHERE n.channel = %s AND n.topic = ANY(%s) AND n.handled_at IS NULL AND n.record_id = h.record_id"
            " AND n.received_at <= h.until",
            ([hint.record_id for hint in hints], [hint.until for hint in hints], channel, list(map(str, topics))),
        )


def list_requests(connection: Connection, topic: str) -> list[Request]:
    """The open requests of persons, the oldest first."""
    names = Request.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(names)} FROM commerce.notifications WHERE topic = %s AND handled_at IS NULL"
            " ORDER BY received_at",
            (topic,),
        )
        return [Request(**dict(zip(names, row, strict=True))) for row in cursor]


def close(connection: Connection, request: Request) -> None:
    """A request was handed on or answered."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.notifications SET handled_at = clock_timestamp() WHERE channel = %s AND delivery_id = %s",
            (request.channel, request.delivery_id),
        )


def last_heard(connection: Connection, channel: str) -> dict[str, datetime]:
    """When the last message of each event came."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event, max(received_at) FROM commerce.notifications WHERE channel = %s GROUP BY event", (channel,)
        )
        return dict(cursor.fetchall())


def last_of(connection: Connection, channel: str, topic: str) -> datetime | None:
    """When the last message about a record of the topic came."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(received_at) FROM commerce.notifications WHERE channel = %s AND topic = %s", (channel, topic)
        )
        row = cursor.fetchone()
    return row[0] if row else None


def forget(connection: Connection, hints_about: Collection[str]) -> int:
    """Drop what was dealt with long ago, hints that polls have overtaken, but of each event the newest message. Returns
    how many. hints_about: the topics whose messages are hints, and no requests."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.notifications n WHERE (handled_at < clock_timestamp() - %s"
            " OR topic = ANY(%s) AND received_at < clock_timestamp() - %s)"
            " AND EXISTS (SELECT FROM commerce.notifications m WHERE m.channel = n.channel AND m.event = n.event"
            " AND m.received_at > n.received_at)",
            (KEPT_FOR, list(map(str, hints_about)), KEPT_FOR + UNHEARD_FOR),
        )
        return cursor.rowcount
