"""What is on record of one article's stock: quantities that listings were told, and orders that took it.

What belongs here: rows of a span of time. What does not: what follows from them (flows/inventory/history.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_ZONES = timedelta(days=1)  # by how much the day of an order, in its channel's zone, may be another than ours


class Linked(NamedTuple):
    """A listing. product_id: Odoo's product that it sells, None where none is linked, with that internal reference;
    units: of it in one unit of the listing."""

    channel: str
    key: str
    sku: str
    code: str
    units: int
    product_id: int | None


class Pushed(NamedTuple):
    """A quantity that was sent to a listing. free: Odoo's units behind it, as a read found them that began at
    `taken_at`. settled_at: when the marketplace's answer came, None where none came."""

    channel: str
    key: str
    quantity: int
    free: int | None
    taken_at: datetime | None
    status: str
    started_at: datetime
    settled_at: datetime | None


class Sold(NamedTuple):
    """An order of the article. seen_at: when its first answer came here. loaded_at: when Odoo had it, None before.
    oversold: Odoo could not reserve all of it. gone_at: when it was cancelled, at the latest; None where it was not.
    other: what it sold, where that is another article that takes the same stock: a kit, or a part of one."""

    channel: str
    order_id: str
    sku: str
    units: int
    status: str
    placed_at: datetime
    seen_at: datetime | None
    loaded_at: datetime | None
    oversold: bool
    gone_at: datetime | None = None
    other: str = ""


def list_linked(connection: Connection, channel: str, sku: str) -> list[Linked]:
    """All listings, of any channel, of the article that a channel's listing has; empty where none is linked to it. sku:
    the listing's SKU or key, or the article's code in Odoo."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(Linked._fields)} FROM commerce.inventory_targets WHERE code <> '' AND code IN ("
            " SELECT code FROM commerce.inventory_targets WHERE channel = %s AND %s IN (sku, key, code))"
            " ORDER BY channel, key",
            (channel, sku),
        )
        return [Linked(*row) for row in cursor]


def list_of_products(connection: Connection, products: Collection[int]) -> list[Linked]:
    """All listings of these products."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(Linked._fields)} FROM commerce.inventory_targets WHERE product_id = ANY(%s)"
            " ORDER BY channel, key",
            (list(products),),
        )
        return [Linked(*row) for row in cursor]


def read_pushed(connection: Connection, listings: Sequence[Linked], start: datetime, end: datetime) -> list[Pushed]:
    """What these listings were told in the span, and the last that each was told before it, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH wanted AS (SELECT * FROM unnest(%(channels)s::text[], %(keys)s::text[]) w (channel, key)),
            told AS (SELECT p.channel, p.key, p.quantity, p.free, p.taken_at, p.status, p.started_at, p.settled_at,
                     p.sequence FROM commerce.published_inventory p JOIN wanted USING (channel, key)
                     WHERE p.started_at < %(end)s),
            last AS (SELECT max(sequence) FROM told WHERE started_at < %(start)s AND status = 'accepted'
                     GROUP BY channel, key)
            SELECT channel, key, quantity, free, taken_at, status, started_at, settled_at FROM told
            WHERE started_at >= %(start)s OR sequence IN (TABLE last) ORDER BY sequence""",
            {"channels": [row.channel for row in listings], "keys": [row.key for row in listings],
             "start": start, "end": end},
        )  # fmt: skip
        return [Pushed(*row) for row in cursor]


def read_sold(connection: Connection, listings: Sequence[Linked], start: datetime, end: datetime) -> list[Sold]:
    """Orders of these listings that were placed in the span, oldest first."""
    pairs = sorted({(row.channel, row.sku) for row in listings})
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT o.channel, o.order_id, l.sku, sum(l.quantity)::bigint, o.status, o.placed_at,
                (SELECT min(first_seen) FROM commerce.snapshots s WHERE s.channel = o.channel AND s.topic = 'orders'
                 AND s.record_id = o.order_id),
                (SELECT recorded_at FROM commerce.sale_orders d WHERE d.channel = o.channel
                 AND d.order_id = o.order_id AND d.state <> ''),
                EXISTS (SELECT FROM commerce.exceptions e WHERE e.channel = o.channel AND e.topic = 'orders'
                 AND e.record_id = o.order_id AND e.code = 'oversold'),
                CASE o.status WHEN 'cancelled' THEN least(o.updated_at, (SELECT min(a.at) FROM commerce.audit a
                    WHERE a.record = o.order_id AND a.account = o.channel AND a.topic = 'orders'
                    AND a.action = 'sale order cancelled')) END
            FROM commerce.orders o JOIN commerce.order_lines l USING (channel, order_id)
            JOIN unnest(%(channels)s::text[], %(skus)s::text[]) w (channel, sku)
                ON w.channel = o.channel AND w.sku = l.sku
            WHERE o.placed_at >= %(start)s AND o.placed_at < %(end)s AND l.kind = 'product'
            AND o.day BETWEEN %(first)s AND %(last)s AND l.day BETWEEN %(first)s AND %(last)s
            AND o.fulfilled_by = 'merchant' AND NOT o.is_test AND NOT o.is_other_channel
            GROUP BY o.channel, o.order_id, l.sku, o.status, o.placed_at, o.updated_at
            ORDER BY o.placed_at, o.order_id""",
            {"channels": [channel for channel, _ in pairs], "skus": [sku for _, sku in pairs],
             "start": start, "end": end, "first": (start - _ZONES).date(), "last": (end + _ZONES).date()},
        )  # fmt: skip
        return [Sold(*row) for row in cursor]
