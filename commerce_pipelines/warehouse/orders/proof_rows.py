"""The proofs of a channel's days, one row per business day and currency, so that any day can be read with SQL.

What belongs here: keeping them and reading them back. What does not: comparing (domain/sales/completeness.py), asking
either side (flows/orders/prove.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.topics import Topic
from ...domain.sales.completeness import Claim, Completeness
from ..shared import proof_history
from ..tables.upserts import write_changed

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

Days = Mapping[tuple[date, str], Completeness]

COLUMNS = (
    *("channel", "day", "currency", "orders_in_channel", "sale_orders_in_odoo", "exceptions", "missing", "surplus"),
    *("channel_total", "odoo_total", "collected", "proved_at", "missing_orders", "surplus_orders", "afresh"),
    *("explained", "flagged"),
)


def keep(
    connection: Connection, channel: str, span: tuple[date, date], days: Days, now: datetime, afresh: bool
) -> None:
    """Replace the proofs of the days `[start, end)`; `proved_at` says when one last changed. afresh: the channel was
    asked."""
    rows = [
        (
            channel, day, currency, proof.orders_in_channel, proof.sale_orders_in_odoo, proof.exceptions,
            len(proof.missing), len(proof.surplus), proof.channel_total.get(currency, 0),
            proof.odoo_total.get(currency, 0), proof.collected.get(currency, 0), now,
            msgspec.json.encode(proof.absent).decode(), msgspec.json.encode(proof.surplus).decode(), afresh,
            proof.explained.get(currency, 0), proof.flagged,
        )
        for (day, currency), proof in days.items()
    ]  # fmt: skip
    proof_history.drop_others(connection, "completeness", channel, span, days)
    write_changed(connection, "completeness", COLUMNS, COLUMNS[:3], rows, stamp="proved_at")
    proof_history.keep(connection, Topic.ORDERS, channel, span, days, now)


def missed(connection: Connection, channel: str, span: tuple[date, date]) -> list[tuple[date, Claim]]:
    """The orders that the newest proofs of the days `[start, end)` miss and that are not staged on any day: the channel
    has them, and they are not landed yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, missing_orders FROM commerce.completeness"
            " WHERE channel = %s AND day >= %s AND day < %s AND missing > 0",
            (channel, *span),
        )
        claims = [(day, claim) for day, text in cursor for claim in msgspec.json.decode(text, type=list[Claim])]
        ids = [claim.order_id for _, claim in claims]
        if not ids:
            return []
        cursor.execute("SELECT order_id FROM commerce.orders WHERE channel = %s AND order_id = ANY(%s)", (channel, ids))
        staged = {order_id for (order_id,) in cursor}
    return [(day, claim) for day, claim in claims if claim.order_id not in staged]


def read(connection: Connection, channel: str) -> dict[tuple[date, str], Completeness]:
    """The newest proof of every day that was ever proved, by day and currency."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, currency, orders_in_channel, sale_orders_in_odoo, exceptions, channel_total, odoo_total,"
            " collected, missing_orders, surplus_orders, explained, flagged FROM commerce.completeness"
            " WHERE channel = %s ORDER BY day, currency",
            (channel,),
        )
        return {(row[0], row[1]): _read_proof(row[1:]) for row in cursor}


def red_days(connection: Connection, channel: str, before: date) -> list[date]:
    """The days before `before` whose newest proof misses an order or money, or has an order too many; oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT day FROM commerce.completeness WHERE channel = %s AND day < %s"
            " AND (missing > 0 OR surplus > 0 OR channel_total <> odoo_total + explained) ORDER BY day",
            (channel, before),
        )
        return [day for (day,) in cursor]


class Wanting(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest proofs of a channel's incomplete days find: how many orders are missing or too many, whether
    money differs, and between which days."""

    channel: str
    missing: int
    surplus: int
    differs: bool
    first: date
    last: date


def wanting(connection: Connection) -> list[Wanting]:
    """The channels that have incomplete days."""
    names = Wanting.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, sum(missing)::int, sum(surplus)::int, bool_or(channel_total <> odoo_total + explained),"
            " min(day), max(day) FROM commerce.completeness"
            " WHERE missing > 0 OR surplus > 0 OR channel_total <> odoo_total + explained"
            " GROUP BY channel ORDER BY channel"
        )
        return [Wanting(**dict(zip(names, row, strict=True))) for row in cursor]


def _read_proof(row: tuple[Any, ...]) -> Completeness:
    """A proof from its row, whose columns are in the order in which `read` selects them."""
    currency, orders, sales, waiting, channel_total, odoo_total, collected, absent, surplus, explained, flagged = row
    return Completeness(
        orders_in_channel=orders,
        sale_orders_in_odoo=sales,
        exceptions=waiting,
        absent=msgspec.json.decode(absent, type=tuple[Claim, ...]),
        surplus=msgspec.json.decode(surplus, type=tuple[str, ...]),
        channel_total={currency: channel_total},
        odoo_total={currency: odoo_total},
        difference={currency: channel_total - odoo_total - explained},
        collected={currency: collected} if collected else {},
        explained={currency: explained} if explained else {},
        flagged=flagged,
    )
