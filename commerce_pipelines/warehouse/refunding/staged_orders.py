"""Orders with their lines as they are staged, for whoever needs figures and no persons.

What belongs here: reading these rows back. What does not: writing them (orders/staged_rows.py), orders as the channel
told them, with the buyer (flows/orders/stage.py). Staged rows outlive the channel's answers, which are destroyed at
their age limit; an erasure removes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from ...domain.orders.order import Order, OrderLine

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_ORDER = (
    *("channel", "order_id", "number", "placed_at", "updated_at", "status", "fulfilled_by", "currency", "total"),
    *("collected", "prices_include_tax", "marketplace"),
)
_LINE = ("line_id", "kind", "title", "quantity", "amount", "tax", "rate", "sku")


def read_orders(connection: Connection, channel: str, order_ids: Sequence[str]) -> dict[str, Order]:
    """Those of these orders that are staged, without anybody's data."""
    lines: dict[str, list[OrderLine]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT order_id, of_line, {', '.join(_LINE)} FROM commerce.order_lines WHERE channel = %s"
            " AND order_id = ANY(%s) ORDER BY order_id, position",
            (channel, list(order_ids)),
        )
        for order_id, of_line, *values in cursor:
            line = {**dict(zip(_LINE, values, strict=True)), "of": of_line}
            lines.setdefault(order_id, []).append(msgspec.convert(line, OrderLine))
        cursor.execute(
            f"SELECT {', '.join(_ORDER)} FROM commerce.orders WHERE channel = %s AND order_id = ANY(%s)",
            (channel, list(order_ids)),
        )
        rows = [dict(zip(_ORDER, row, strict=True)) for row in cursor]
    return {row["order_id"]: msgspec.convert({**row, "lines": lines.get(row["order_id"], [])}, Order) for row in rows}
