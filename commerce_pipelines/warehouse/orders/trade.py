"""What was sold lately, on both sides.

What belongs here: counts and sums by channel. What does not: the proof that nothing is missing (proof_rows.py), how it
is shown (assets/overview.py).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from ...domain.orders.order import OrderStatus

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Trade(msgspec.Struct, frozen=True):
    """Paid orders of one business day in one currency, in minor units: of the channel, and those that Odoo has."""

    day: date
    currency: str
    orders: int
    total: int
    loaded: int
    loaded_total: int


def read_trade(connection: Connection, channel: str, start: date) -> list[Trade]:
    """Days from `start` on. Orders that are cancelled or not paid yet do not count, nor do tests, nor what another
    channel sold."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT o.day, o.currency, count(*), sum(o.total)::bigint, count(s.odoo_id),"
            " coalesce(sum(s.amount_total) FILTER (WHERE s.odoo_id IS NOT NULL), 0)::bigint"
            " FROM commerce.orders o LEFT JOIN commerce.sale_orders s USING (channel, order_id)"
            " WHERE o.channel = %s AND o.day >= %s AND o.status = %s AND NOT o.is_test AND NOT o.is_other_channel"
            " GROUP BY 1, 2 ORDER BY 1, 2",
            (channel, start, str(OrderStatus.PAID)),
        )
        return [Trade(*row) for row in cursor]
