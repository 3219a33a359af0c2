"""Rows of shipments to a marketplace's warehouses, and of what was counted and received of each product.

What belongs here: reading and writing them. What does not: what they mean (domain/inbound/road.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ...domain.inbound.road import Count
from ..tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class KeptCount(msgspec.Struct, frozen=True, kw_only=True):
    """code: the product's internal reference. mskus: the shipment's SKUs of it."""

    code: str
    mskus: tuple[str, ...]
    count: Count


class KeptShipment(msgspec.Struct, frozen=True, kw_only=True):
    """transfers: names of the transfers in Odoo. arrived_on: the first day on which it was seen to have arrived."""

    shipment_id: str
    status: str
    centre: str
    transfers: tuple[str, ...]
    arrived_on: date | None = None
    counts: tuple[KeptCount, ...] = ()


def keep(connection: Connection, channel: str, shipments: Iterable[KeptShipment], now: datetime) -> None:
    """The newest state of these shipments; the day of arrival stays the first one."""
    from psycopg2.extras import execute_values

    for shipment in shipments:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO commerce.fba_shipments AS s (channel, shipment_id, status, centre, transfers, arrived_on,"
                " read_at, booked) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (channel, shipment_id) DO UPDATE SET status = EXCLUDED.status,"
                " centre = EXCLUDED.centre, transfers = EXCLUDED.transfers,"
                " arrived_on = coalesce(s.arrived_on, EXCLUDED.arrived_on), read_at = EXCLUDED.read_at,"
                " booked = EXCLUDED.booked",
                (channel, shipment.shipment_id, storable(shipment.status), storable(shipment.centre),
                 list(shipment.transfers), shipment.arrived_on, now, sum(row.count.booked for row in shipment.counts)),
            )  # fmt: skip
            cursor.execute(
                "DELETE FROM commerce.fba_shipment_counts WHERE channel = %s AND shipment_id = %s",
                (channel, shipment.shipment_id),
            )
            execute_values(
                cursor,
                "INSERT INTO commerce.fba_shipment_counts (channel, shipment_id, product, code, mskus, shipped,"
                " received, booked, on_road) VALUES %s",
                [
                    (channel, shipment.shipment_id, row.count.product, row.code, [storable(sku) for sku in row.mskus],
                     row.count.shipped, row.count.received, row.count.booked, row.count.on_road)
                    for row in shipment.counts
                ],
            )  # fmt: skip


def read_arrivals(connection: Connection, channel: str) -> dict[str, date]:
    """The day on which each shipment was first seen to have arrived."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT shipment_id, arrived_on FROM commerce.fba_shipments WHERE channel = %s AND arrived_on IS NOT NULL",
            (channel,),
        )
        return dict(cursor.fetchall())


def count_receipts(connection: Connection, channel: str, shipment_id: str) -> dict[str, int]:
    """Units that the marketplace's ledger says it received of a shipment, by SKU: the better proof."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT msku, sum(quantity) FROM commerce.fba_ledger_events WHERE channel = %s AND reference = ANY(%s)"
            " AND lower(name) = 'receipts' GROUP BY msku",
            (channel, shipment_id.split()),
        )
        return {msku: int(units) for msku, units in cursor}
