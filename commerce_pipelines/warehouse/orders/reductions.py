"""The table of what refunds took off orders: written before Odoo is, so that no lane undoes what another has begun.

What belongs here: reading and writing its rows. What does not: what a refund takes off (domain/returns/uninvoiced.py),
carrying it out (flows/returns/reduce.py), orders less it (domain/sales/reductions.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ...domain.sales.reductions import Cut, Reduction, is_whole

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_decode = msgspec.json.Decoder(tuple[Cut, ...]).decode


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One row. applied_at: when Odoo's order was found to be less it."""

    order_id: str
    currency: str
    reduction: Reduction
    applied_at: datetime | None = None


def read(connection: Connection, channel: str, order_ids: Iterable[str]) -> dict[str, list[Kept]]:
    """The rows of these orders, by order id, in the order in which they were planned."""
    kept: dict[str, list[Kept]] = {}
    for row in _select(connection, channel, "order_id", order_ids):
        kept.setdefault(row.order_id, []).append(row)
    return kept


def read_of_refunds(connection: Connection, channel: str, refund_ids: Iterable[str]) -> list[Kept]:
    return _select(connection, channel, "refund_id", refund_ids)


def _select(connection: Connection, channel: str, column: str, ids: Iterable[str]) -> list[Kept]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, currency, refund_id, total, cuts, applied_at FROM commerce.order_reductions"
            f" WHERE channel = %s AND {column} = ANY(%s) ORDER BY planned_at, refund_id",
            (channel, list(ids)),
        )
        return [
            Kept(
                order_id=order_id, currency=currency, applied_at=applied_at,
                reduction=Reduction(refund_id=refund_id, total=total, cuts=_decode(cuts)),
            )
            for order_id, currency, refund_id, total, cuts, applied_at in cursor
        ]  # fmt: skip


def read_reductions(
    connection: Connection, channel: str, order_ids: Iterable[str]
) -> Mapping[str, tuple[Reduction, ...]]:
    """What refunds take off these orders, by order id, whether Odoo has it yet or not."""
    return {
        order_id: tuple(row.reduction for row in rows)
        for order_id, rows in read(connection, channel, order_ids).items()
    }


def find_whole(connection: Connection, channel: str, totals: Mapping[str, int]) -> set[str]:
    """Those of these orders, given with their totals, of which refunds take everything off."""
    reductions = read_reductions(connection, channel, totals)
    return {order_id for order_id, taken_off in reductions.items() if is_whole(taken_off, totals[order_id])}


def plan(connection: Connection, channel: str, rows: Iterable[Kept], now: datetime) -> None:
    """Write new rows. One that is there stays as it is."""
    from psycopg2.extras import execute_values

    values = [
        (
            channel, row.reduction.refund_id, row.order_id, row.currency, row.reduction.total,
            msgspec.json.encode(row.reduction.cuts).decode(), now,
        )
        for row in rows
    ]  # fmt: skip
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.order_reductions"
            " (channel, refund_id, order_id, currency, total, cuts, planned_at) VALUES %s ON CONFLICT DO NOTHING",
            values,
        )


def mark_applied(connection: Connection, channel: str, order_ids: Iterable[str], now: datetime) -> None:
    """Note that Odoo's orders are less all that their refunds take off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.order_reductions SET applied_at = %s"
            " WHERE channel = %s AND order_id = ANY(%s) AND applied_at IS NULL",
            (now, channel, list(order_ids)),
        )


def withdraw(connection: Connection, channel: str, order_ids: Iterable[str]) -> None:
    """Delete what could not be carried out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.order_reductions WHERE channel = %s AND order_id = ANY(%s) AND applied_at IS NULL",
            (channel, list(order_ids)),
        )
