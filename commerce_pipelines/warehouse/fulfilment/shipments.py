"""Deliveries as rows, one an order, and the parcels on record that a channel was told of.

What belongs here: writing and reading them. What does not: what follows from them (domain/fulfilment/).

A row is due until it is settled: until nothing is left to tell of what its deliveries say. So whatever waits, for a
tracking number, for an answer, for a person, is looked at again by every run without any list of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ...domain.fulfilment.deliveries import DeliveredOrder
from ...domain.fulfilment.held_back import PASSING, HeldBack
from ...domain.fulfilment.shipment_plan import Recorded
from ...domain.fulfilment.shipments import Shipment
from ...domain.outbox.effects import Kind, Status
from ..tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_encode = msgspec.json.Encoder(order="deterministic").encode


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How far a company's deliveries are read. written_at: the newest change that was seen, by Odoo's clock. seen:
    digest of the changes of the last look, which were the same since `seen_at`."""

    written_at: datetime
    seen: str
    seen_at: datetime


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """An order of which something may have to be told. tried: the state in which it was last tried."""

    order_id: str
    delivered: DeliveredOrder
    digest: str
    shipped_at: datetime
    tried: str = ""


class Parcels(msgspec.Struct, frozen=True, kw_only=True):
    """What is on record of one order: parcels, each with its newest state, and keys of those that the channel refused
    or that a person has to decide on. held_back: of the refused ones, those whose reason passes by itself, by key.
    stopped: corrections that the channel refused, by key. unsettled: something is on its way."""

    records: tuple[Recorded, ...] = ()
    refused: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()
    held_back: Mapping[str, HeldBack] = {}
    stopped: Mapping[str, Shipment] = {}
    unsettled: bool = False


def read_reading(connection: Connection, company: int) -> Reading | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT written_at, seen, seen_at FROM commerce.shipment_readings WHERE company = %s", (company,)
        )
        row = cursor.fetchone()
    return Reading(written_at=row[0], seen=row[1], seen_at=row[2]) if row else None


def keep_reading(connection: Connection, company: int, reading: Reading) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.shipment_readings AS r (company, written_at, seen, seen_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (company) DO UPDATE SET written_at = greatest(r.written_at, excluded.written_at),"
            " seen = excluded.seen,"
            " seen_at = CASE WHEN r.seen = excluded.seen THEN r.seen_at ELSE excluded.seen_at END",
            (company, reading.written_at, reading.seen, reading.seen_at),
        )


def find_orders(connection: Connection, channels: Sequence[str], sales: Collection[int]) -> list[tuple[str, str, int]]:
    """(channel, order, sale order) of the ledger's orders with these record ids; another Odoo's may be among them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, order_id, odoo_id FROM commerce.sale_orders WHERE channel = ANY(%s) AND odoo_id = ANY(%s)",
            (list(channels), sorted(sales)),
        )
        return cursor.fetchall()


def open_sales(connection: Connection, channel: str, since: datetime) -> list[int]:
    """Record ids of sale orders that the channel does not show as completely shipped, of orders placed since, and of
    orders with something to tell."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.odoo_id FROM commerce.sale_orders l JOIN commerce.orders o USING (channel, order_id)"
            " WHERE l.channel = %(channel)s AND l.odoo_id IS NOT NULL AND o.placed_at >= %(since)s"
            " AND o.status = 'paid' AND o.fulfilled_by = 'merchant' AND o.shipped <> 'yes'"
            " UNION SELECT odoo_id FROM commerce.shipments WHERE channel = %(channel)s AND settled <> digest",
            {"channel": channel, "since": since},
        )
        return [sale for (sale,) in cursor]


def keep_deliveries(
    connection: Connection, channel: str, orders: Mapping[str, DeliveredOrder], read_at: datetime
) -> list[str]:
    """Keep what was read; returns the orders that are new or changed. What was read later stays."""
    from psycopg2.extras import execute_values

    rows = []
    for order_id, order in sorted(orders.items()):
        body = storable(_encode(order).decode())
        digest = hashlib.sha256(body.encode()).hexdigest()[:24]
        rows.append((channel, order_id, order.odoo_id, storable(order.name), len(order.deliveries),
                     max(delivery.shipped_at for delivery in order.deliveries), body, digest, read_at))  # fmt: skip
    if not rows:
        return []
    with connection.cursor() as cursor:
        changed = execute_values(
            cursor,
            "INSERT INTO commerce.shipments AS s (channel, order_id, odoo_id, name, deliveries, shipped_at, body,"
            " digest, read_at) VALUES %s ON CONFLICT (channel, order_id) DO UPDATE SET odoo_id = excluded.odoo_id,"
            " name = excluded.name, deliveries = excluded.deliveries, shipped_at = excluded.shipped_at,"
            " body = excluded.body, digest = excluded.digest, read_at = excluded.read_at"
            " WHERE s.digest <> excluded.digest AND s.read_at <= excluded.read_at RETURNING order_id",
            rows,
            page_size=500,
            fetch=True,
        )
    return [order_id for (order_id,) in changed]


def list_due(connection: Connection, channel: str, order_id: str = "") -> list[Due]:
    """The orders with something to tell, the oldest delivery first; with an order's id that order, due or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, body::text, digest, shipped_at, tried FROM commerce.shipments WHERE channel = %(channel)s"
            " AND CASE WHEN %(order)s = '' THEN settled <> digest ELSE order_id = %(order)s END"
            " ORDER BY shipped_at, order_id",
            {"channel": channel, "order": order_id},
        )
        return list(map(_build_due, cursor))


def list_delivered(connection: Connection, channel: str, since: datetime) -> list[Due]:
    """The orders with a delivery done since, due or not, the oldest delivery first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, body::text, digest, shipped_at, tried FROM commerce.shipments WHERE channel = %s"
            " AND shipped_at >= %s ORDER BY shipped_at, order_id",
            (channel, since),
        )
        return list(map(_build_due, cursor))


def _build_due(row: Sequence[Any]) -> Due:
    order_id, body, digest, shipped_at, tried = row
    delivered = msgspec.json.decode(body, type=DeliveredOrder)
    return Due(order_id=order_id, delivered=delivered, digest=digest, shipped_at=shipped_at, tried=tried)


def has_untried(connection: Connection, channel: str, stamp: str) -> bool:
    """Whether an order has something to tell that no run has tried with these settings. stamp: their fingerprint."""
    return _is_any_due(connection, channel, "tried <> digest || %s", stamp)


def has_due(connection: Connection, channel: str) -> bool:
    return _is_any_due(connection, channel, "true")


def _is_any_due(connection: Connection, channel: str, condition: str, *values: str) -> bool:
    """Whether an order is due. PostgreSQL guesses that most are, and would go through all that were ever delivered;
    asked for the oldest, it takes the index of those that are due."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT FROM commerce.shipments WHERE channel = %s AND settled <> digest AND {condition}"
            " ORDER BY shipped_at LIMIT 1",
            (channel, *values),
        )
        return cursor.fetchone() is not None


def mark_tried(connection: Connection, channel: str, due: Iterable[Due], settled: Collection[str], stamp: str) -> None:
    """Record that a run has dealt with these orders. settled: those of which nothing is left to tell. An order whose
    deliveries changed meanwhile stays due."""
    from psycopg2.extras import execute_values

    rows = [
        (channel, row.order_id, row.digest, row.digest + stamp, row.digest if row.order_id in settled else "")
        for row in due
    ]
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "UPDATE commerce.shipments s SET tried = v.tried,"
            " settled = v.settled, settled_at = CASE WHEN v.settled = '' THEN s.settled_at ELSE clock_timestamp() END"
            " FROM (VALUES %s) AS v (channel, order_id, digest, tried, settled)"
            " WHERE s.channel = v.channel AND s.order_id = v.order_id AND s.digest = v.digest",
            rows,
            page_size=500,
        )


def overdue(connection: Connection, channel: str, before: datetime) -> list[tuple[str, datetime]]:
    """(order, its newest delivery) of the orders with something to tell whose newest delivery is older than `before`,
    the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, shipped_at FROM commerce.shipments WHERE channel = %s AND settled <> digest"
            " AND shipped_at < %s ORDER BY shipped_at, order_id",
            (channel, before),
        )
        return cursor.fetchall()


def read_parcels(connection: Connection, channel: str, order_ids: Sequence[str]) -> dict[str, Parcels]:
    """What is on record of these orders' parcels."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.body->>'order_id', e.key, e.kind, e.body::text, e.status, e.attempt,"
            " coalesce(e.basis->>'package', ''), e.sent_at, coalesce(a.code, ''), a.settled_at"
            " FROM commerce.effects e LEFT JOIN commerce.attempts a ON a.effect = e.sequence AND a.number = e.attempt"
            " WHERE e.target = %s AND e.kind IN ('shipment', 'tracking')"
            " AND e.body->>'order_id' = ANY(%s) AND e.status <> 'superseded' ORDER BY e.sequence",
            (channel, list(order_ids)),
        )
        rows = cursor.fetchall()
    by_order: dict[str, list[_Row]] = {}
    for order_id, *values in rows:
        by_order.setdefault(order_id, []).append(_Row(*values))
    return {order_id: _sum_up(of_order) for order_id, of_order in by_order.items()}


class _Row(msgspec.Struct, frozen=True):
    key: str
    kind: str
    body: str
    status: str
    attempt: int
    package: str
    sent_at: datetime | None
    code: str = ""
    settled_at: datetime | None = None


def _sum_up(rows: Sequence[_Row]) -> Parcels:
    """rows: the effects of one order, the oldest first."""
    newest = {row.key: row for row in rows if row.kind == Kind.SHIPMENT}
    corrected = {row.key: row for row in rows if row.kind == Kind.TRACKING and row.status == Status.ACCEPTED}
    last = {row.key: row for row in rows if row.kind == Kind.TRACKING}
    doubtful = frozenset(key for key, row in newest.items() if row.status == Status.HELD and row.attempt)
    under_way = (Status.SENT, Status.PENDING, Status.UNKNOWN, Status.RELEASED)
    return Parcels(
        records=tuple(
            Recorded(
                shipment=_decode((corrected.get(key) or row).body), picking=int(key.partition("/")[0]),
                package=row.package, accepted=row.status == Status.ACCEPTED,
                begun=bool(row.attempt) and row.status != Status.REFUSED, sent_at=row.sent_at,
            )
            for key, row in newest.items()
        ),
        refused=frozenset(key for key, row in newest.items() if row.status == Status.REFUSED),
        doubtful=doubtful,
        held_back={
            key: HeldBack(code=row.code, at=row.settled_at, tries=_count_refusals(rows, key))
            for key, row in newest.items()
            if row.status == Status.REFUSED and row.code in PASSING and row.settled_at
        },
        stopped={key: _decode(row.body) for key, row in last.items() if row.status == Status.REFUSED},
        unsettled=any(row.status in under_way for row in (*newest.values(), *last.values())),
    )  # fmt: skip


def _count_refusals(rows: Iterable[_Row], key: str) -> int:
    return sum(row.key == key and row.kind == Kind.SHIPMENT and row.status == Status.REFUSED for row in rows)


def _decode(body: str) -> Shipment:
    return msgspec.json.decode(body, type=Shipment)


def references(connection: Connection, channel: str, keys: Sequence[str]) -> dict[str, str]:
    """The channel's own ids of confirmed parcels, by key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, reference FROM commerce.effects WHERE target = %s AND kind = 'shipment'"
            " AND status = 'accepted' AND key = ANY(%s)",
            (channel, list(keys)),
        )
        return dict(cursor.fetchall())


class EffectRow(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel, or the correction of one, as it is on record. body: a Shipment as JSON."""

    key: str
    kind: str
    body: str
    basis: Mapping[str, Any]
    status: str
    reference: str
    planned_at: datetime


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One call for a parcel. outcome: None while it is not known."""

    key: str
    kind: str
    number: int
    started_at: datetime
    outcome: str | None
    code: str
    message: str
    run_id: str


_OF_ORDER = "e.target = %s AND e.kind IN ('shipment', 'tracking') AND e.body->>'order_id' = %s"


def read_effects(connection: Connection, channel: str, order_id: str) -> list[EffectRow]:
    """All that was ever planned of an order's parcels, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.key, e.kind, e.body::text, e.basis, e.status, e.reference, e.planned_at FROM commerce.effects e"
            f" WHERE {_OF_ORDER} ORDER BY e.sequence",
            (channel, order_id),
        )
        names = EffectRow.__struct_fields__
        return [EffectRow(**dict(zip(names, row, strict=True))) for row in cursor]


def read_attempts(connection: Connection, channel: str, order_id: str) -> list[AttemptRow]:
    """Every call for an order's parcels, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.key, e.kind, a.number, a.started_at, a.outcome, a.code, a.message, a.run_id"
            f" FROM commerce.effects e JOIN commerce.attempts a ON a.effect = e.sequence WHERE {_OF_ORDER}"
            " ORDER BY a.started_at, a.number",
            (channel, order_id),
        )
        names = AttemptRow.__struct_fields__
        return [AttemptRow(**dict(zip(names, row, strict=True))) for row in cursor]


def find_sales(connection: Connection, channel: str, order_id: str) -> list[int]:
    """The sale order of an order, by the ledger."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT odoo_id FROM commerce.sale_orders WHERE channel = %s AND order_id = %s AND odoo_id IS NOT NULL",
            (channel, order_id),
        )
        return [sale for (sale,) in cursor]
