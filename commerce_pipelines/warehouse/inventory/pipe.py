"""Units that are sold on a channel and that are not in Odoo yet.

What belongs here: finding those orders, staged or only landed. What does not: which products their SKUs mean
(domain/sales/mapping.py), translating an answer (channels/).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ...domain.orders.order import UNPAID_FOR_LONG, Sold

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

UNSTAGED_FOR = timedelta(days=2)  # an order that could not be staged for longer waits in the exceptions


def staged_units(
    connection: Connection, channel: str, taken_at: datetime, history_before: date | None, but: Collection[str] = ()
) -> Counter[Sold]:
    """Units by the channel's SKU and title of staged orders that a stock read begun at `taken_at` cannot contain.

    They are the paid and waiting orders that leave the merchant's own warehouses, without those that the ledger knew as
    confirmed, or as cancelled by a person in Odoo, before the read began (`in_odoo_since`). An index of just this
    finds them among however many orders there were. An order confirmed meanwhile counts twice
    until the next read, which cannot oversell. Orders shipped before `history_before` never take stock in Odoo. but:
    order ids to leave out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT l.sku, l.title, sum(l.quantity)::bigint
            FROM commerce.orders o JOIN commerce.order_lines l USING (channel, order_id)
            WHERE o.channel = %(channel)s AND l.kind = 'product'
            AND o.status IN ('paid', 'waiting') AND (o.status = 'paid' OR o.placed_at > %(at)s - %(waiting)s)
            AND o.fulfilled_by = 'merchant' AND NOT o.is_test AND NOT o.is_other_channel
            AND NOT (o.shipped = 'yes' AND o.day < coalesce(%(history)s::date, '-infinity'))
            AND o.order_id <> ALL(%(but)s) AND (o.in_odoo_since IS NULL OR o.in_odoo_since >= %(at)s)
            GROUP BY l.sku, l.title""",
            {
                "channel": channel,
                "at": taken_at,
                "waiting": UNPAID_FOR_LONG,
                "history": history_before,
                "but": list(but),
            },
        )
        return Counter({(sku, title): units for sku, title, units in cursor})


def unstaged(connection: Connection, channel: str, taken_at: datetime) -> list[str]:
    """Ids of orders whose newest landed answer is not staged yet and that Odoo does not have, without erased orders."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT s.record_id
            FROM commerce.snapshots s JOIN commerce.subject_keys k USING (subject_id)
            WHERE s.channel = %(channel)s AND s.topic = 'orders' AND s.first_seen > %(at)s - %(days)s
            AND k.wrapped_key IS NOT NULL
            AND NOT EXISTS (SELECT FROM commerce.orders o WHERE o.channel = s.channel AND o.order_id = s.record_id
                AND (o.digest = encode(s.digest, 'hex') OR o.updated_at >= s.source_updated_at))
            AND NOT EXISTS (SELECT FROM commerce.sale_orders l WHERE l.channel = s.channel AND l.order_id = s.record_id
                AND l.state IN ('sale', 'done', 'cancel') AND l.recorded_at < %(at)s)""",
            {"channel": channel, "at": taken_at, "days": UNSTAGED_FOR},
        )
        return [order_id for (order_id,) in cursor]
