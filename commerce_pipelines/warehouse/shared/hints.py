"""Hints: a notice that something changed, without saying what. One row per topic, so that many hints cost nothing.

What belongs here: writing and reading that row. What does not: who may hint (sensors/receiver.py), what a hint leads to
(sensors/inventory.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

STOCK = "stock"


def name_orders_read(channel: str) -> str:
    """The topic by which the receiver tells that it has landed an order of the channel."""
    return f"orders read of {channel}"


def hint(connection: Connection, topic: str) -> None:
    """Record that this topic may have changed, now, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.hints (topic, hinted_at) VALUES (%s, clock_timestamp())"
            " ON CONFLICT (topic) DO UPDATE SET hinted_at = clock_timestamp()",
            (topic,),
        )


def forget(connection: Connection, topic: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.hints WHERE topic = %s", (topic,))


def hinted_at(connection: Connection, topic: str) -> datetime | None:
    """The time of the last hint. A caller that remembers it and later reads another time knows that a hint came in
    between."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT hinted_at FROM commerce.hints WHERE topic = %s", (topic,))
        row = cursor.fetchone()
    return row[0] if row else None
