"""How records came: in which way a channel was last read for its polls and its messages, and how many answers of some
days came by each.

What belongs here: that row, and those counts. What does not: choosing a way (channels/), showing it (assets/orders.py).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """how: poll, webhook or pull. way: in words, with the reason for it. answers: that were new, of the days asked
    for."""

    how: str
    way: str
    read_at: datetime | None
    answers: int


def note(connection: Connection, channel: str, topic: str, how: str, way: str, now: datetime) -> None:
    """The newest reading counts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.readings (channel, topic, how, way, read_at) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (channel, topic, how) DO UPDATE SET way = excluded.way, read_at = excluded.read_at",
            (channel, topic, how, way, now),
        )


def read(connection: Connection, channel: str, topic: str, start: date, end: date) -> list[Reading]:
    """How the answers of the days `[start, end)` came first, with the newest reading of each kind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.how, coalesce(r.way, ''), r.read_at, s.answers FROM (SELECT how, count(*) AS answers"
            " FROM commerce.snapshots WHERE channel = %(channel)s AND topic = %(topic)s AND day >= %(start)s"
            " AND day < %(end)s GROUP BY how) s LEFT JOIN commerce.readings r ON r.channel = %(channel)s"
            " AND r.topic = %(topic)s AND r.how = s.how ORDER BY s.how",
            {"channel": channel, "topic": topic, "start": start, "end": end},
        )
        names = Reading.__struct_fields__
        return [Reading(**dict(zip(names, row, strict=True))) for row in cursor]
