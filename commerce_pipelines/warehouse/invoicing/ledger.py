"""The ledger of invoices: which orders have to be looked at, and what was seen of each.

What belongs here: reading and writing the rows. What does not: what is due (flows/invoicing/).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.reasons import EXPLAINS
from ...core.topics import Topic
from ...domain.invoicing.sold import InvoiceOutcome, State

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

COLUMNS = (
    *("channel", "order_id", "day", "sale_id", "digest", "state", "code", "currency", "total", "invoiced", "paid"),
    *("documents", "delivered_at", "settled", "looked_at"),
)
# Notes of an order that leave its invoice alone: they are about partners and stock, or the invoice exists already.
HARMLESS = (
    "oversold", "duplicate_partner", "invalid_vat_number", "vat_number_of_another", "address_withheld", "not_followed",
)  # fmt: skip
_INVOICED = (State.INVOICED, State.PAID)
# What the channel took for an order, less the refunds that made the order itself worth less.
_WORTH = """(o.total - coalesce((SELECT sum(r.total) FROM commerce.order_reductions r
    WHERE r.channel = o.channel AND r.order_id = o.order_id), 0))::bigint"""


# Posted credit notes of ours for what came back in an exchange: (record id, the part that pays for other goods).
_SET_OFF = """coalesce((SELECT json_agg(json_build_array(c.odoo_id, r.set_off) ORDER BY c.odoo_id)
    FROM commerce.credit_notes c JOIN commerce.refunds r USING (channel, refund_id)
    WHERE c.channel = s.channel AND c.order_id = s.order_id AND r.set_off > 0 AND c.odoo_id IS NOT NULL
    AND c.state = 'posted' AND c.action IN ('created', 'changed', 'unchanged'))::text, '')"""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """An order that has to be looked at. total, collected: what the channel says now, minor units. digest: of that
    answer, and of what was set off. problem: the code of what forbids to invoice it, '' for nothing. set_off: as in
    `Claim`. made: invoices that were seen before."""

    order_id: str
    day: date
    sale_id: int
    digest: str
    currency: str
    total: int
    collected: int
    problem: str
    set_off: dict[int, int]
    made: frozenset[int]


def list_due(connection: Connection, channel: str, since: date, stamp: str, *, whole_from: date | None) -> list[Due]:
    """The channel's confirmed orders since that day that are not settled; of the days from `whole_from` on all, because
    a person may change an invoice later. stamp: of the settings."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT s.order_id, s.day, s.odoo_id, s.digest || {_SET_OFF}, s.currency, {_WORTH}, o.collected,
            CASE WHEN o.status = 'cancelled' THEN 'cancelled' ELSE coalesce((SELECT min(e.code)
                FROM commerce.exceptions e WHERE e.channel = s.channel AND e.topic = %(orders)s
                AND e.record_id = s.order_id AND e.resolved_at IS NULL AND e.note <> ALL(%(harmless)s)), '') END,
            {_SET_OFF}, coalesce(i.documents, '[]')::text
            FROM commerce.sale_orders s JOIN commerce.orders o USING (channel, order_id)
            LEFT JOIN commerce.invoices i USING (channel, order_id)
            WHERE s.channel = %(channel)s AND s.day >= %(since)s AND s.odoo_id IS NOT NULL
            AND s.state IN ('sale', 'done')
            AND (coalesce(i.settled, '') <> s.digest || {_SET_OFF} || ' ' || %(stamp)s OR s.day >= %(whole_from)s)
            ORDER BY s.day, s.order_id""",
            {"channel": channel, "orders": Topic.ORDERS, "since": since, "stamp": stamp, "harmless": list(HARMLESS),
             "whole_from": whole_from or date.max},
        )  # fmt: skip
        return [_read_due(row) for row in cursor]


def _read_due(row: tuple[Any, ...]) -> Due:
    *plain, set_off, made = row
    pairs = msgspec.json.decode(set_off, type=list[tuple[int, int]]) if set_off else []
    fields = dict(zip(Due.__struct_fields__, plain, strict=False))
    return Due(**fields, set_off=dict(pairs), made=_read_made(made))


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A paid order of the channel. total: minor units that the channel took for it. sale_id: 0 where Odoo lacks it."""

    order_id: str
    day: date
    currency: str
    total: int
    sale_id: int
    made: frozenset[int]


def list_taken(connection: Connection, channel: str, start: date, end: date) -> list[Taken]:
    """The channel's paid orders of the days `[start, end)`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT o.order_id, o.day, o.currency, {_WORTH}, coalesce(s.odoo_id, 0),
            coalesce(i.documents, '[]')::text
            FROM commerce.orders o LEFT JOIN commerce.sale_orders s USING (channel, order_id)
            LEFT JOIN commerce.invoices i USING (channel, order_id)
            WHERE o.channel = %s AND o.day >= %s AND o.day < %s AND o.status = 'paid' AND {_WORTH} > 0
            AND NOT (o.is_test OR o.is_other_channel) ORDER BY o.day, o.order_id""",
            (channel, start, end),
        )
        names = Taken.__struct_fields__[:-1]
        return [Taken(**dict(zip(names, row[:-1], strict=True)), made=_read_made(row[-1])) for row in cursor]


def _read_made(text: str) -> frozenset[int]:
    return frozenset(document[0] for document in msgspec.json.decode(text, type=list[tuple[int, str, str]]))


def keep(
    connection: Connection, channel: str, rows: Iterable[tuple[Due, InvoiceOutcome]], settled: Collection[str],
    stamp: str, now: datetime,
) -> None:  # fmt: skip
    """Keep what was seen. settled: the orders of which nothing is left to do until their answer or a setting changes.
    Since when an order is delivered stays as it was first seen."""
    from psycopg2.extras import execute_values

    values = [
        (
            channel, due.order_id, due.day, due.sale_id, due.digest, outcome.state.value,
            outcome.reason.code if outcome.reason else due.problem, due.currency, due.total, outcome.invoiced,
            outcome.paid, msgspec.json.encode(outcome.invoices).decode(), now if outcome.delivered else None,
            f"{due.digest} {stamp}" if due.order_id in settled else "", now,
        )
        for due, outcome in rows
    ]  # fmt: skip
    changes = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS[2:] if column != "delivered_at")
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            f"INSERT INTO commerce.invoices AS known ({', '.join(COLUMNS)}) VALUES %s"
            f" ON CONFLICT (channel, order_id) DO UPDATE SET {changes}, delivered_at = CASE"
            " WHEN excluded.delivered_at IS NULL THEN NULL"
            " ELSE coalesce(known.delivered_at, excluded.delivered_at) END",
            values,
            page_size=500,
        )


def list_late(connection: Connection, channel: str, now: datetime, days: int) -> list[tuple[str, str]]:
    """(order, its state and reason) of the orders that were delivered more than so many days ago and are not invoiced
    completely, oldest first. What a person has taken over is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, trim(state || ' ' || code) FROM commerce.invoices WHERE channel = %s"
            " AND delivered_at < %s AND invoiced < total AND NOT state = ANY(%s) ORDER BY delivered_at, order_id",
            (channel, now - timedelta(days=days), [State.LEFT.value, *(state.value for state in _INVOICED)]),
        )
        return cursor.fetchall()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An order whose posted invoices are not what the channel took, in minor units."""

    order_id: str
    currency: str
    total: int
    invoiced: int


def list_differing(connection: Connection, channel: str) -> list[Difference]:
    """The invoiced orders whose money differs from the channel's without an open note that explains it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT i.order_id, i.currency, {_WORTH}, i.invoiced FROM commerce.invoices i
            JOIN commerce.orders o USING (channel, order_id)
            WHERE i.channel = %s AND i.state = ANY(%s) AND i.invoiced <> {_WORTH}
            AND NOT EXISTS (SELECT FROM commerce.exceptions e WHERE e.channel = i.channel AND e.topic = %s
                AND e.record_id = i.order_id AND e.resolved_at IS NULL AND e.note = ANY(%s))
            ORDER BY i.day, i.order_id""",
            (channel, [state.value for state in _INVOICED], Topic.ORDERS, sorted(EXPLAINS)),
        )
        names = Difference.__struct_fields__
        return [Difference(**dict(zip(names, row, strict=True))) for row in cursor]


def read_rows(connection: Connection, channel: str, order_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The ledger's rows of these orders, by id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, state, code, currency, total, invoiced, paid, documents::text, delivered_at, looked_at"
            " FROM commerce.invoices WHERE channel = %s AND order_id = ANY(%s)",
            (channel, list(order_ids)),
        )
        names = [column.name for column in cursor.description or ()]
        return {row[0]: dict(zip(names, row, strict=True)) for row in cursor}
