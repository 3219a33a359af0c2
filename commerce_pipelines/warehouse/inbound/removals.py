"""Rows of parcels that a marketplace sends back, and what of them Odoo has moved.

What belongs here: writing and reading them. What does not: what they mean (domain/inbound/removals.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ...domain.inbound.removals import Parcel
from ..tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class KeptParcel(msgspec.Struct, frozen=True, kw_only=True):
    """moved: units of Odoo's that left the marketplace's warehouse. code: why a person has to look, '' for nothing."""

    key: str
    parcel: Parcel
    moved: float
    code: str = ""


def read_moved(connection: Connection, channel: str, keys: Collection[str]) -> dict[str, float]:
    """What Odoo had moved of these parcels at the last run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, moved FROM commerce.fba_removals WHERE channel = %s AND key = ANY(%s)", (channel, list(keys))
        )
        return dict(cursor.fetchall())


def keep(connection: Connection, channel: str, parcels: Iterable[KeptParcel], now: datetime) -> None:
    """The newest state of these parcels."""
    with connection.cursor() as cursor:
        for row in parcels:
            parcel = row.parcel
            cursor.execute(
                "INSERT INTO commerce.fba_removals (channel, key, order_id, shipped_on, carrier, tracking, units,"
                " moved, code, read_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (channel, key) DO UPDATE"
                " SET carrier = EXCLUDED.carrier, units = EXCLUDED.units, moved = EXCLUDED.moved, code = EXCLUDED.code,"
                " read_at = EXCLUDED.read_at",
                (channel, row.key, storable(parcel.order_id), parcel.shipped_on, storable(parcel.carrier),
                 storable(parcel.tracking), sum(parcel.units.values()), row.moved, row.code, now),
            )  # fmt: skip
