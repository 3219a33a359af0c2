"""Orders that a person has let go on although the marketplace calls them risky.

What belongs here: storing and reading them. What does not: what follows for an order (domain/sales/review.py).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def accept(connection: Connection, channel: str, order_id: str, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.accepted_orders (channel, order_id, accepted_at) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (channel, order_id, now),
        )


def read_accepted(connection: Connection, channel: str, order_ids: Collection[str]) -> set[str]:
    """Which of these orders were accepted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id FROM commerce.accepted_orders WHERE channel = %s AND order_id = ANY(%s)",
            (channel, list(order_ids)),
        )
        return {order_id for (order_id,) in cursor}
