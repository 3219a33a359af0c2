"""Which country an order was decided to leave from by the marketplace's ledger, and the ledger's rows for deciding it.

What belongs here: rows. What does not: the rule (domain/sales/departures.py), keeping the ledger (warehouse/inbound/).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ...domain.sales.departures import LONGEST, STALE, Departure, PlaceDay, Places, Shipping
from ..tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class LoadedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order in Odoo, and what it was decided by. evidence: of its VAT, JSON. lines: (SKU, units) of its goods."""

    order_id: str
    placed_at: datetime
    updated_at: datetime
    is_shipped: bool
    decided: Departure
    evidence: str
    digest: str
    odoo_id: int
    day: date
    lines: tuple[tuple[str, int], ...] = ()


def read_decided(connection: Connection, channel: str, order_ids: Collection[str]) -> dict[str, Departure]:
    """What these orders were decided by; those that nobody has decided yet are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, country, countries, source, later FROM commerce.order_departures"
            " WHERE channel = %s AND order_id = ANY(%s)",
            (channel, list(order_ids)),
        )
        return {
            order_id: Departure(country=country, countries=tuple(countries), by=source, later=tuple(later))
            for order_id, country, countries, source, later in cursor
        }


def keep(connection: Connection, channel: str, decided: Mapping[str, Departure], now: datetime) -> None:
    """What was decided first stays."""
    from psycopg2.extras import execute_values

    if not decided:
        return
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.order_departures (channel, order_id, country, countries, source, decided_at)"
            " VALUES %s ON CONFLICT DO NOTHING",
            [
                (channel, order_id, row.country, list(row.countries), row.by, now)
                for order_id, row in sorted(decided.items())
            ],
        )


def read_loaded(connection: Connection, channel: str, since: datetime) -> list[LoadedOrder]:
    """Orders in Odoo that were decided since then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.order_id, d.country, d.countries, d.source, d.later, o.placed_at, o.updated_at, o.shipped,"
            " s.evidence, s.digest, s.odoo_id, s.day, (SELECT coalesce(jsonb_agg(jsonb_build_array(l.sku, l.quantity)),"
            " '[]') FROM commerce.order_lines l WHERE (l.channel, l.order_id) = (d.channel, d.order_id)"
            " AND l.kind = 'product') FROM commerce.order_departures d JOIN commerce.orders o USING (channel, order_id)"
            " JOIN commerce.sale_orders s USING (channel, order_id) WHERE d.channel = %s AND d.decided_at >= %s"
            " AND s.odoo_id IS NOT NULL ORDER BY d.order_id",
            (channel, since),
        )
        return [
            LoadedOrder(
                order_id=row[0], placed_at=row[5], updated_at=row[6], is_shipped=row[7] == "yes",
                decided=Departure(country=row[1], countries=tuple(row[2]), by=row[3], later=tuple(row[4])),
                evidence=row[8], digest=row[9], odoo_id=row[10], day=row[11],
                lines=tuple((sku, quantity) for sku, quantity in row[12]),
            )
            for row in cursor
        ]  # fmt: skip


def keep_later(connection: Connection, channel: str, later: Mapping[str, Sequence[str]]) -> None:
    """What the ledger says since against what orders were decided by, by order id."""
    with connection.cursor() as cursor:
        for order_id, countries in later.items():
            cursor.execute(
                "UPDATE commerce.order_departures SET later = %s WHERE channel = %s AND order_id = %s",
                (list(countries), channel, order_id),
            )


def read_places(connection: Connection, channel: str, orders: Collection[Shipping]) -> Places:
    """The ledger's summary of the SKUs of these orders over their days, and its details that name them."""
    if not orders:
        return Places()
    mskus = sorted({storable(sku) for order in orders for sku in order.units})
    first = min(order.placed_on for order in orders) - STALE
    last = max(order.placed_on for order in orders) + LONGEST
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day FROM commerce.fba_ledger_days WHERE channel = %s AND day BETWEEN %s AND %s",
            (channel, first, last),
        )
        days = frozenset(day for (day,) in cursor)
        cursor.execute(
            "SELECT msku, day, place, sum(greatest(starts, ends, in_transit, 0)), sum(greatest(-shipments, 0))"
            " FROM commerce.fba_ledger_balances WHERE channel = %s AND msku = ANY(%s) AND day BETWEEN %s AND %s"
            " AND upper(disposition) IN ('', 'SELLABLE') GROUP BY msku, day, place",
            (channel, mskus, first, last),
        )
        of: dict[str, list[PlaceDay]] = {}
        for msku, day, place, units, shipped in cursor:
            of.setdefault(msku, []).append(PlaceDay(day, place, int(units), int(shipped)))
        named = _read_named(connection, channel, [order.order_id for order in orders], (first, last))
    return Places(days=days, of=of, named=named)


def _read_named(
    connection: Connection, channel: str, order_ids: Collection[str], span: tuple[date, date]
) -> dict[str, frozenset[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reference, array_agg(DISTINCT country) FROM commerce.fba_ledger_events WHERE channel = %s"
            " AND lower(name) = 'shipments' AND quantity < 0 AND reference = ANY(%s) AND day BETWEEN %s AND %s"
            " GROUP BY reference",
            (channel, list(order_ids), *span),
        )
        return {reference: frozenset(countries) for reference, countries in cursor}
