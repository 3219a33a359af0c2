"""New orders that are here although nobody was told of them.

What belongs here: counting them. What does not: messages (warehouse/shared/notifications.py), what follows
(flows/notices/listeners.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ...core.topics import Topic
from ...domain.orders.order import OrderStatus

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

DAY = timedelta(days=1)  # business days begin up to fourteen hours away from UTC's


def count(connection: Connection, channel: str, since: datetime, until: datetime, *, most: int) -> int:
    """How many orders, at most `most`, were placed after `since` and are here since before `until`, in the state that
    they have now. An order that is not paid yet does not count: of those nobody is told at some marketplaces."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM commerce.orders o WHERE o.channel = %(channel)s AND o.day >= %(day)s"
            " AND o.placed_at > %(since)s AND o.status <> %(waiting)s AND EXISTS (SELECT FROM commerce.snapshots s"
            " WHERE s.channel = o.channel AND s.topic = %(topic)s AND s.record_id = o.order_id"
            " AND s.digest = decode(o.digest, 'hex') AND s.first_seen <= %(until)s) LIMIT %(most)s) AS orders",
            {
                "channel": channel, "day": (since - DAY).date(), "since": since, "until": until, "most": most,
                "waiting": str(OrderStatus.WAITING), "topic": str(Topic.ORDERS),
            },
        )  # fmt: skip
        row = cursor.fetchone()
    assert row is not None  # noqa: S101 - count(*)
    return int(row[0])
