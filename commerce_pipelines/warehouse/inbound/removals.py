"""Rows of parcels that a marketplace sends back, and what of them Odoo has moved.

What belongs here: writing and reading them. What does not: what they mean (domain/inbound/removal_ways.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ...domain.inbound.removal_ways import Kept, Layer
from ...domain.inbound.removals import Parcel
from ..tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class KeptParcel(Kept, frozen=True, kw_only=True):
    """moved: units of Odoo's that left the marketplace's warehouse."""

    moved: float = 0.0


class _Goods(msgspec.Struct, frozen=True, array_like=True):
    """A SKU of a parcel, as the column `goods` holds it."""

    msku: str
    is_sellable: bool
    units: int
    layers: tuple[Layer, ...]


def read_kept(
    connection: Connection, channel: str, order_ids: Collection[str], days: tuple[date, date]
) -> list[KeptParcel]:
    """All parcels of these orders, and of every order with a parcel that left from the day `start` on, or that waits
    and left in `[first, start)`. days: first and start. Of a row without goods, which is older than their column,
    nothing can be moved."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, order_id, shipped_on, carrier, tracking, goods, moved, transfers, code"
            " FROM commerce.fba_removals WHERE channel = %s AND (order_id = ANY(%s) OR order_id IN (SELECT order_id"
            " FROM commerce.fba_removals WHERE channel = %s AND (shipped_on >= %s"
            " OR (code <> '' AND goods <> '[]' AND shipped_on >= %s)))) ORDER BY key",
            (channel, [storable(order) for order in order_ids], channel, days[1], days[0]),
        )
        return [_build_parcel(row) for row in cursor]


def _build_parcel(row: tuple[Any, ...]) -> KeptParcel:
    key, order_id, shipped_on, carrier, tracking, goods, moved, transfers, code = row
    of = msgspec.convert(goods, list[_Goods])
    units = {(sku.msku, sku.is_sellable): sku.units for sku in of if sku.units}
    return KeptParcel(
        key=key, moved=moved, transfers=transfers, code=code,
        layers={(sku.msku, sku.is_sellable): sku.layers for sku in of},
        parcel=Parcel(order_id=order_id, shipped_on=shipped_on, carrier=carrier, tracking=tracking, units=units),
    )  # fmt: skip


def keep(connection: Connection, channel: str, parcels: Iterable[KeptParcel], now: datetime) -> None:
    """The newest state of these parcels."""
    with connection.cursor() as cursor:
        for row in parcels:
            parcel = row.parcel
            cursor.execute(
                "INSERT INTO commerce.fba_removals (channel, key, order_id, shipped_on, carrier, tracking, units,"
                " moved, code, goods, transfers, read_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (channel, key) DO UPDATE SET shipped_on = EXCLUDED.shipped_on,"
                " carrier = EXCLUDED.carrier, tracking = EXCLUDED.tracking, units = EXCLUDED.units,"
                " moved = EXCLUDED.moved, code = EXCLUDED.code, goods = EXCLUDED.goods,"
                " transfers = EXCLUDED.transfers, read_at = EXCLUDED.read_at",
                (channel, row.key, storable(parcel.order_id), parcel.shipped_on, storable(parcel.carrier),
                 storable(parcel.tracking), sum(parcel.units.values()), row.moved, row.code, _encode_goods(row),
                 row.transfers, now),
            )  # fmt: skip


def _encode_goods(row: Kept) -> str:
    goods = sorted(row.parcel.units.keys() | row.layers.keys())
    rows = [_Goods(msku, sellable, row.parcel.units.get((msku, sellable), 0), row.layers.get((msku, sellable), ()))
            for msku, sellable in goods]  # fmt: skip
    return msgspec.json.encode(rows).decode()
