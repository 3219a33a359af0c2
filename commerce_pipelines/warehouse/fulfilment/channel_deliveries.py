"""What channels ship themselves, and how far it is taken over into Odoo: one row an order that was tried.

What belongs here: writing and reading these rows. What does not: what is done about them (flows/fulfilment/).

An order is due while its staged answer is another one than that which was settled: its row says so itself
(`is_taken_over`, by a trigger), because an index finds it then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ..tables.database import block_writers

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_DUE = (
    " FROM commerce.orders o JOIN commerce.sale_orders l USING (channel, order_id)"
    " LEFT JOIN commerce.channel_deliveries d USING (channel, order_id)"
    " WHERE o.channel = %(channel)s AND o.fulfilled_by = 'channel' AND o.shipped <> 'no' AND o.status = 'paid'"
    " AND NOT o.is_other_channel AND NOT o.is_test AND NOT o.is_taken_over AND l.odoo_id IS NOT NULL"
)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """An order of which the channel has shipped something. digest: of its staged answer."""

    order_id: str
    odoo_id: int
    digest: str


def list_due(connection: Connection, channel: str) -> list[Due]:
    """The orders that may have something to take over, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT o.order_id, l.odoo_id, o.digest{_DUE} ORDER BY o.placed_at, o.order_id", {"channel": channel}
        )
        return [Due(order_id=order_id, odoo_id=odoo_id, digest=digest) for order_id, odoo_id, digest in cursor]


def has_due(connection: Connection, channel: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT{_DUE})", {"channel": channel})
        row = cursor.fetchone()
    return bool(row and row[0])


def has_untried(connection: Connection, channel: str, stamp: str) -> bool:
    """Whether an order is due that no run has tried with these settings. stamp: their fingerprint."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT{_DUE} AND coalesce(d.tried, '') <> o.digest || %(stamp)s)",
            {"channel": channel, "stamp": stamp},
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def mark_tried(
    connection: Connection, channel: str, due: Iterable[Due], settled: Collection[str], stamp: str, now: datetime
) -> None:
    """Record that a run has dealt with these orders. settled: those of which nothing is left to take over."""
    from psycopg2.extras import execute_values

    rows = [
        (channel, row.order_id, row.digest + stamp, row.digest if row.order_id in settled else "", now) for row in due
    ]
    block_writers(connection, "channel_deliveries", channel)
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.channel_deliveries (channel, order_id, tried, settled, tried_at) VALUES %s"
            " ON CONFLICT (channel, order_id) DO UPDATE SET tried = excluded.tried, settled = excluded.settled,"
            " tried_at = excluded.tried_at",
            rows,
            page_size=500,
        )
