"""Answers by when they came: those of one day, whatever day their records belong to, and all of one record.

What belongs here: choosing them. What does not: opening them (landing.py), what they show (domain/drift/).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..tables.database import Warehouse
from .landing import SEALED, Landing, Snapshot

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# An old answer says what the marketplace sends of old records: some withhold a buyer's name after a month.
RECENT = timedelta(days=7)
_ON_THE_DAY = "s.first_seen >= %s AND s.first_seen < %s AND s.source_updated_at > s.first_seen - %s"


def count_answers(connection: Connection, channel: str, topic: str, start: datetime, end: datetime) -> int:
    """How many answers about recent changes came in during `[start, end)`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM commerce.snapshots s WHERE s.channel = %s AND s.topic = %s AND {_ON_THE_DAY}",
            (channel, topic, start, end, RECENT),
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def find_first(connection: Connection, channel: str, topic: str, start: datetime, end: datetime) -> datetime | None:
    """When the first answer about a recent change came in during `[start, end)`; None where none did."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.first_seen FROM commerce.snapshots s WHERE s.channel = %s AND s.topic = %s AND {_ON_THE_DAY}"
            " ORDER BY s.first_seen LIMIT 1",
            (channel, topic, start, end, RECENT),
        )
        row = cursor.fetchone()
    return row[0] if row else None


def read_answers(
    warehouse: Warehouse, landing: Landing, place: tuple[str, str], span: tuple[datetime, datetime], most: int
) -> Iterator[Snapshot]:
    """Answers about recent changes that came in during the span, the last of each record, at most so many, chosen by
    their digest and so by chance, but the same ones each time. An order that changed ten times is one order. place:
    channel and topic. Erased and destroyed answers are left out."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"{SEALED} AND {_ON_THE_DAY} AND k.wrapped_key IS NOT NULL AND octet_length(s.payload) > 0 AND NOT"
            " EXISTS (SELECT FROM commerce.snapshots n WHERE n.channel = s.channel AND n.topic = s.topic"
            " AND n.record_id = s.record_id AND n.first_seen > s.first_seen AND n.first_seen < %s)"
            " ORDER BY s.digest LIMIT %s",
            (*place, *span, RECENT, span[1], most),
        )
        rows = cursor.fetchall()
        yield from (snapshot for snapshot in landing.open_rows(connection, rows) if snapshot.raw)


def read_record(warehouse: Warehouse, landing: Landing, place: tuple[str, str], record_id: str) -> list[Snapshot]:
    """Every answer about one record, oldest revision first, also those that can no longer be opened (`raw` is None
    then). place: channel and topic."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"{SEALED} AND s.record_id = %s ORDER BY s.source_updated_at, s.first_seen, s.digest", (*place, record_id)
        )
        return list(landing.open_rows(connection, cursor.fetchall()))
