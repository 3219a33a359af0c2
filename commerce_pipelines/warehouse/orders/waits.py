"""How long new orders took, from the first word of them to their sale order.

What belongs here: reading when the first word came. What does not: what is shown of it (assets/orders.py).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from ...core.topics import Topic

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def read_waits(connection: Connection, channel: str, order_ids: Collection[str], now: datetime) -> list[float]:
    """Seconds from the first word of each of these orders, which is a message about it or its first landed answer,
    until now. Sorted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM %(now)s - least("
            "(SELECT min(first_seen) FROM commerce.snapshots s WHERE s.channel = %(channel)s"
            " AND s.topic = %(topic)s AND s.record_id = wanted.id),"
            "(SELECT min(received_at) FROM commerce.notifications n WHERE n.channel = %(channel)s"
            " AND n.topic = %(topic)s AND n.record_id = wanted.id)))::float AS seconds"
            " FROM unnest(%(ids)s::text[]) AS wanted (id) ORDER BY 1",
            {"now": now, "channel": channel, "topic": Topic.ORDERS, "ids": list(order_ids)},
        )
        return [seconds for (seconds,) in cursor if seconds is not None]
