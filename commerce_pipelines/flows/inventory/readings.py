"""Odoo's stock and a channel's listings, read whole and kept; and what of the stock is sold already.

What belongs here: taking snapshots and storing the newest. What does not: what follows from them (publish.py), the
calls (odoo/inventory/snapshot.py, channels/).
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ...channels.capabilities import offered
from ...channels.settings import ChannelSettings
from ...core.errors import ProtocolError, RecordError
from ...core.topics import Topic
from ...domain.keys import fold, key
from ...domain.orders.order import FulfilledBy, LineKind, Order, OrderStatus, Shipped, business_day
from ...domain.sales.mapping import alias
from ...resources.connections import Connections
from ...warehouse.inventory.pipe import WAITING, staged_units, unstaged
from ..orders.stage import read_order

if TYPE_CHECKING:
    import pandas as pd

    from ...domain.inventory.availability import Place
    from ...odoo.inventory.snapshot import Catalogue, Stock

_CHUNK = 500


class Snapshot(msgspec.Struct, frozen=True):
    """A stock read: rows and warehouses as of domain/inventory/availability.py, when it began (by the database's
    clock), how many products have stock, and whether it is the newest one stored."""

    levels: pd.DataFrame
    places: list[Place]
    taken_at: datetime
    read: int
    stored: bool = True


def take_stock(connections: Connections, *, whole: bool = False, store: bool = True) -> Snapshot:
    """Read Odoo's stock and keep it. whole: read the internal references anew, too, not only those that changed.

    Raises ProtocolError for an empty read, and then keeps what was there.
    """
    from ...odoo.inventory.snapshot import Catalogue, read_stock
    from ...warehouse.inventory.stock import load_stock, store_stock
    from ...warehouse.tables import database

    categories = any(
        override.categories for channel in connections.settings.channels for override in channel.inventory.overrides
    )
    with connections.warehouse.transaction() as connection:
        taken_at = database.clock(connection)
        levels, _, before = load_stock(connection)
    known: Catalogue | None = None
    if before is not None and not whole:
        own = levels[levels["kind"] == "stored"]
        known = Catalogue(dict(zip(own["product_id"].tolist(), own["code"].tolist(), strict=True)), before)
    stock: Stock = read_stock(connections.odoo, known, categories)
    stored = False
    if store:
        with connections.warehouse.transaction() as connection:
            stored = store_stock(connection, stock.levels, stock.places, taken_at)
    return Snapshot(stock.levels, list(stock.places), taken_at, stock.read, stored)


def stored_stock(connections: Connections) -> Snapshot | None:
    """The newest snapshot that was kept, None before the first."""
    from ...warehouse.inventory.stock import load_stock

    with connections.warehouse.transaction() as connection:
        levels, places, taken_at = load_stock(connection)
    if taken_at is None:
        return None
    return Snapshot(levels, places, taken_at, int(levels.loc[levels["on_hand"] > 0, "product_id"].nunique()))


def read_listings(connections: Connections, name: str, *, store: bool = True, locked: bool = False) -> pd.DataFrame:
    """Every listing as the channel shows it now. `locked`: the caller holds the channel's lock already.

    Raises ProtocolError where a channel that had listings shows none: a fault, not a closed shop.
    """
    from ...warehouse.inventory import listings, rows
    from ...warehouse.tables import database

    if not locked:
        with rows.channel_lock(connections.warehouse, name):
            return read_listings(connections, name, store=store, locked=True)
    channel = connections.channel(name)
    offers = offered(channel.listings, channel, "listings")
    with connections.warehouse.transaction() as connection:
        read_at = database.clock(connection)
        before = len(rows.load_rows(connection, "listings", name))
    frame = listings.listing_frame(name, offers.read(), read_at)
    if before and not len(frame):
        raise ProtocolError(f"{name} shows no listing at all, last time {before}; what was read before is kept.")
    if store:
        with connections.warehouse.transaction() as connection:
            listings.store_listings(connection, name, frame)
    return frame


def in_pipe(connections: Connections, snapshot: Snapshot) -> dict[int, int]:
    """Units by product id that were sold on any channel and that the snapshot cannot have seen in Odoo."""
    ids = dict(zip(snapshot.levels["code"].tolist(), snapshot.levels["product_id"].tolist(), strict=True))
    plain, folded = ({spell(code): product for code, product in ids.items()} for spell in (key, fold))
    units: Counter[int] = Counter()
    for channel in connections.settings.channels:
        for sku, quantity in _sold(connections, channel, snapshot.taken_at).items():
            code, each = alias(sku, channel)
            product = folded.get(fold(code)) if channel.sku_fold_case else plain.get(code)
            if product is not None:
                units[int(product)] += quantity * each
    return dict(units)


def _sold(connections: Connections, channel: ChannelSettings, taken_at: datetime) -> Counter[str]:
    """Units by SKU of one channel's orders, staged or only landed, that are not in Odoo yet."""
    with connections.warehouse.transaction() as connection:
        fresh = unstaged(connection, channel.name, taken_at)
        units = staged_units(connection, channel.name, taken_at, channel.history_before, fresh)
    if fresh:
        source, landing = connections.channel(channel.name).orders, connections.landing(channel.name, Topic.ORDERS)
        for start in range(0, len(fresh), _CHUNK):
            for snapshot in landing.newest_of(fresh[start : start + _CHUNK]).values():
                try:
                    order = None if snapshot.raw is None else read_order(source, snapshot.raw, snapshot.record_id)
                except RecordError:
                    continue  # waits in exceptions as soon as it is staged
                if order is not None and _takes_stock(order, channel, taken_at):
                    units.update(_units(order))
    return units


def _takes_stock(order: Order, channel: ChannelSettings, now: datetime) -> bool:
    """The same rule as `staged_units`, for an order that is not a row yet."""
    history = channel.history_before
    return (
        (order.status is OrderStatus.PAID or (order.status is OrderStatus.WAITING and order.placed_at > now - WAITING))
        and order.fulfilled_by is FulfilledBy.MERCHANT
        and not (order.is_test or order.is_other_channel)
        and not (
            order.shipped is Shipped.YES
            and history is not None
            and business_day(order.placed_at, channel.zone) < history
        )
    )


def _units(order: Order) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in order.lines:
        if line.kind is LineKind.PRODUCT and line.sku:
            units[line.sku] += line.quantity
    return units
