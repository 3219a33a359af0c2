"""Proofs of a channel's days as they were, so that a report can be read as of a date.

What belongs here: keeping each change of a day's figures, reading those of a time, and counting what was known then.
What does not: the newest proofs (orders/proof_rows.py, returns/proof_rows.py), the comparison
(domain/sales/completeness.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ...core.topics import Topic
from ...domain.sales.completeness import Completeness

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

KEPT_FOR = timedelta(days=400)  # how long figures are kept after others took their place
_DAYS = "topic = %(topic)s AND channel = %(channel)s AND day >= %(start)s AND day < %(end)s"


def keep(
    connection: Connection, topic: Topic, channel: str, span: tuple[date, date],
    days: Mapping[tuple[date, str], Completeness], now: datetime,
) -> None:  # fmt: skip
    """Note in what proofs of the days `[start, end)`, made at `now`, differ from those before."""
    texts = {group: msgspec.json.encode(proof, order="sorted").decode() for group, proof in days.items()}
    values = {
        "topic": str(topic), "channel": channel, "start": span[0], "end": span[1], "now": now, "keep": KEPT_FOR,
        "days": [day for day, _ in texts], "currencies": [currency for _, currency in texts],
        "proofs": list(texts.values()),
    }  # fmt: skip
    fresh = (
        "SELECT * FROM unnest(%(days)s::date[], %(currencies)s::text[], %(proofs)s::text[]) n (day, currency, proof)"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH fresh AS ({fresh}) UPDATE commerce.proof_history h SET until = %(now)s WHERE {_DAYS}"
            " AND until IS NULL AND NOT EXISTS (SELECT FROM fresh n"
            " WHERE (n.day, n.currency, n.proof) = (h.day, h.currency, h.proof))",
            values,
        )
        cursor.execute(
            f"WITH fresh AS ({fresh}) INSERT INTO commerce.proof_history (topic, channel, day, currency, since, proof)"
            " SELECT %(topic)s, %(channel)s, n.day, n.currency, %(now)s, n.proof FROM fresh n WHERE NOT EXISTS ("
            f"SELECT FROM commerce.proof_history h WHERE {_DAYS} AND until IS NULL"
            " AND (h.day, h.currency) = (n.day, n.currency)) ON CONFLICT DO NOTHING",
            values,
        )
        cursor.execute("DELETE FROM commerce.proof_history WHERE until < %(now)s - %(keep)s", values)


def drop_others(
    connection: Connection, table: str, channel: str, span: tuple[date, date], days: Collection[tuple[date, str]]
) -> None:  # fmt: skip
    """Delete the newest proofs of the days `[start, end)`, kept in `commerce.<table>`, except those of these days and
    currencies."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM commerce.{table} WHERE channel = %s AND day >= %s AND day < %s AND (day, currency) NOT IN"
            " (SELECT * FROM unnest(%s::date[], %s::text[]))",
            (channel, *span, [day for day, _ in days], [currency for _, currency in days]),
        )


def read(
    connection: Connection, topic: Topic, channel: str, span: tuple[date, date], at: datetime
) -> dict[tuple[date, str], Completeness]:
    """What the newest proofs made until `at` said of the days `[start, end)`, by day and currency."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT day, currency, proof FROM commerce.proof_history WHERE {_DAYS} AND since <= %(at)s"
            " AND (until IS NULL OR until > %(at)s) ORDER BY day, currency",
            {"topic": str(topic), "channel": channel, "start": span[0], "end": span[1], "at": at},
        )
        return {(day, currency): msgspec.json.decode(text, type=Completeness) for day, currency, text in cursor}


def read_first(connection: Connection, channel: str) -> datetime | None:
    """When the first proof of the channel that is kept was made; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(since) FROM commerce.proof_history WHERE channel = %s", (channel,))
        first: datetime | None = cursor.fetchone()[0]  # type: ignore[index]
    return first


def count_known(
    connection: Connection, topic: Topic, channel: str, span: tuple[date, date], at: datetime
) -> tuple[int, int]:
    """Records of the days `[start, end)` of which an answer had come here by `at`, and those of them that had been
    written to Odoo by then. A record that is no sale counts among the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH heard AS (SELECT DISTINCT record_id FROM commerce.snapshots WHERE channel = %(channel)s
                AND topic = %(topic)s AND day >= %(start)s AND day < %(end)s AND first_seen <= %(at)s)
            SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM commerce.audit a WHERE a.record = k.record_id
                AND a.account = %(channel)s AND a.topic = %(topic)s AND a.at <= %(at)s AND a.action LIKE %(written)s))
            FROM heard k""",
            {"topic": str(topic), "channel": channel, "start": span[0], "end": span[1], "at": at,
             "written": "credit note %" if topic is Topic.REFUNDS else "sale order %"},
        )  # fmt: skip
        counted: tuple[int, int] = cursor.fetchone()  # type: ignore[assignment]
    return counted
