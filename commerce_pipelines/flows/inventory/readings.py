"""Everything that a channel's targets are computed from, and what each reading costs.

    take_stock       reads all stock of a channel's company, seconds
    recent_stock     the stored stock; reads Odoo if that is older than five minutes
    read_listings    reads all listings of the channel, thousands of calls on a large shop
    read_offer       reads the warehouse only: stored listings, stock and orders

What belongs here: taking snapshots, storing the newest, gathering what is stored. What does not: what follows from it
(publish.py), the calls (odoo/inventory/snapshot.py, channels/).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from ...channels.capabilities import offered
from ...channels.settings import ChannelSettings
from ...core.errors import CommerceError, ProtocolError, RecordError, SettingsError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.inventory.listings import UNREADABLE, UNREADABLE_KEY
from ...domain.keys import fold, key
from ...domain.orders.order import Sold, open_units
from ...domain.sales.mapping import goods_of, measured
from ...resources.connections import Connections
from ...warehouse.inventory.pipe import Pipe, read_pipe
from ..orders.stage import read_order

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection

    from ...domain.inventory.availability import Offer, Place, Sizes
    from ...odoo.inventory.snapshot import Catalogue, Stock

LISTINGS = "listings"  # the stage in the exceptions
STOCK_FRESH_FOR = timedelta(minutes=5)  # older stock is read again before anything is pushed
_ORDERS_A_CHUNK = 500


class Snapshot(msgspec.Struct, frozen=True):
    """A stock read: rows, warehouses and sizes as in domain/inventory/availability.py, when it began (by the database's
    clock), how many products have stock, whether it is the newest one stored, and which company it belongs to (see
    `company_of`)."""

    levels: pd.DataFrame
    places: list[Place]
    taken_at: datetime
    read: int
    stored: bool = True
    sizes: Sizes = {}
    company: int = 0


def take_stock(connections: Connections, name: str = "", *, whole: bool = False, store: bool = True) -> Snapshot:
    """Read the stock of a channel's company and store it. whole: read all internal references, not only those that
    changed.

    Raises ProtocolError for an empty read, and keeps the stored stock then.
    """
    from ...odoo.inventory.snapshot import Catalogue, read_stock
    from ...warehouse.inventory.stock import load_stock, store_stock
    from ...warehouse.tables import database

    categories = any(
        override.categories for channel in connections.settings.channels for override in channel.inventory.overrides
    )
    company = connections.company_of(name)
    with connections.warehouse.transaction() as connection:
        taken_at = database.clock(connection)
        levels, _, before = load_stock(connection, company)
    catalogue: Catalogue | None = None
    if before is not None and not whole:
        own = levels[levels["kind"] == "stored"]
        catalogue = Catalogue(dict(zip(own["product_id"].tolist(), own["code"].tolist(), strict=True)), before)
    goods = {some for channel in connections.settings.channels for some in measured(channel)}
    stock: Stock = read_stock(connections.odoo_of(name), catalogue, categories, goods)
    stored = False
    if store:
        with connections.warehouse.transaction() as connection:
            stored = store_stock(connection, stock.levels, stock.places, taken_at, stock.sizes, company)
    return Snapshot(stock.levels, list(stock.places), taken_at, stock.read, stored, stock.sizes, company)


def take_all(connections: Connections, *, whole: bool = False) -> tuple[list[Snapshot], list[str]]:
    """`take_stock` for every company that channels belong to, and the errors of companies that failed. Raises the error
    if all fail, so that one company's fault never holds up another's stock."""
    snapshots: dict[int, Snapshot] = {}
    errors: list[CommerceError] = []
    for name in [channel.name for channel in connections.settings.channels] or [""]:
        try:
            if connections.company_of(name) not in snapshots:
                snapshots[connections.company_of(name)] = take_stock(connections, name, whole=whole)
        except CommerceError as error:
            if str(error) not in map(str, errors):
                errors.append(error)
    if not snapshots:
        raise errors[0]
    return list(snapshots.values()), [str(error) for error in errors]


def stored_stock(connections: Connections, name: str = "") -> Snapshot | None:
    """The newest snapshot of a channel's company that is stored, None before the first."""
    company = connections.company_of(name)
    with connections.warehouse.transaction() as connection:
        return _load_snapshot(connection, company)


def _load_snapshot(connection: Connection, company: int) -> Snapshot | None:
    from ...warehouse.inventory.stock import load_sizes, load_stock

    levels, places, taken_at = load_stock(connection, company)
    if taken_at is None:
        return None
    read = int(levels.loc[levels["on_hand"] > 0, "product_id"].nunique())
    return Snapshot(levels, places, taken_at, read, sizes=load_sizes(connection, company), company=company)


def recent_stock(connections: Connections, name: str = "") -> Snapshot:
    """The newest stored snapshot of a channel's company; if it is older than STOCK_FRESH_FOR or missing, a new one,
    which is stored."""
    from ...warehouse.tables import database

    snapshot = stored_stock(connections, name)
    if snapshot is not None:
        with connections.warehouse.transaction() as connection:
            if database.clock(connection) - snapshot.taken_at <= STOCK_FRESH_FOR:
                return snapshot
    return take_stock(connections, name)


def read_offer(connections: Connections, name: str, stock: Snapshot) -> Offer:
    """What is stored of a channel, with this stock, or with the stored stock if that was read later."""
    from ...domain.inventory.availability import Offer
    from ...warehouse.inventory import rows
    from ...warehouse.inventory.stock import newer_stock

    with connections.warehouse.transaction() as connection:
        listings = rows.load_rows(connection, "listings", name)
        if newer_stock(connection, stock.taken_at, stock.company):
            stock = _load_snapshot(connection, stock.company) or stock
        pipe = read_pipe(connection, _list_histories(connections, stock), stock.taken_at)
    channel = connections.settings.channel(name)
    return Offer(
        channel=name, rules=channel.inventory, sales=channel, listings=listings, levels=stock.levels,
        places=stock.places, taken_at=stock.taken_at, read=stock.read,
        ordered=_read_units_by_product(connections, stock, pipe), sizes=stock.sizes,
    )  # fmt: skip


def read_listings(connections: Connections, name: str, run_id: str = "") -> pd.DataFrame:
    """Every listing as the channel shows it now, stored. Waits while another process works on the channel's
    listings."""
    from ...warehouse.inventory.rows import lock_name

    with connections.warehouse.lock(lock_name(name), wait=True):
        return reread_listings(connections, name, run_id)


def reread_listings(connections: Connections, name: str, run_id: str = "") -> pd.DataFrame:
    """`read_listings` for a caller that already holds the channel's lock.

    Raises ProtocolError where a channel that had listings shows none: a fault, not a closed shop.
    """
    from ...warehouse.inventory import listings
    from ...warehouse.tables import database

    channel = connections.channel(name)
    offers = offered(channel.listings, channel, "listings")
    with connections.warehouse.transaction() as connection:
        read_at, before = database.clock(connection), listings.count(connection, name)
    frame = listings.listing_frame(name, offers.read(), read_at)
    if before and not len(frame):
        raise ProtocolError(f"{name} shows no listing at all, last time {before}; what was read before is kept.")
    with connections.warehouse.transaction() as connection:
        listings.store_listings(connection, name, frame)
        _record_unreadable(connection, name, frame, run_id, connections.instruments.now())
    return frame


def _record_unreadable(connection: Connection, name: str, frame: pd.DataFrame, run_id: str, now: datetime) -> None:
    """Listings that cannot be read wait in the exceptions until a reading of the channel can read them."""
    from ...warehouse import exceptions

    bad = frame[[key.startswith(UNREADABLE_KEY) for key in frame["key"]]]
    failures = [
        exceptions.Failure(record_id=key, day=None, reason=_explain_unreadable(name, json.loads(reference)))
        for key, reference in zip(bad["key"], bad["reference"], strict=True)
    ]
    still = {failure.record_id for failure in failures}
    waiting = exceptions.open_exceptions(connection, name, Topic.INVENTORY)
    gone = [row.record_id for row in waiting if row.stage == LISTINGS and row.record_id not in still]
    exceptions.resolve(connection, name, Topic.INVENTORY, LISTINGS, gone, now)
    exceptions.record(connection, name, Topic.INVENTORY, LISTINGS, failures, run_id, now)


def _explain_unreadable(name: str, reference: Mapping[str, str]) -> Reason:
    where = reference.get(UNREADABLE, "")
    return Reason(
        "bad_payload", f"A listing of {name} cannot be read ({where}); it keeps the quantity that it shows.",
        f"Look at the listing in the marketplace, then materialise {name}/listings; if it is right there, report the "
        "place in its answer.", where,
    )  # fmt: skip


def in_pipe(connections: Connections, snapshot: Snapshot) -> dict[int, int | Fraction]:
    """Units by product id that were sold on any channel of the snapshot's company and that the snapshot cannot
    contain."""
    histories = _list_histories(connections, snapshot)
    with connections.warehouse.transaction() as connection:
        pipe = read_pipe(connection, histories, snapshot.taken_at)
    return _read_units_by_product(connections, snapshot, pipe)


def _list_histories(connections: Connections, snapshot: Snapshot) -> dict[str, date | None]:
    """`history_before` of the channels that sell this stock."""
    return {
        channel.name: channel.history_before
        for channel in connections.settings.channels
        if _resolve_company(connections, channel.name) == snapshot.company
    }


def _resolve_company(connections: Connections, name: str) -> int:
    """The company's id, -1 for a channel whose company the user may not enter; none of its orders can be loaded
    either."""
    try:
        return connections.company_of(name)
    except SettingsError:
        return -1


def _read_units_by_product(connections: Connections, snapshot: Snapshot, pipe: Pipe) -> dict[int, int | Fraction]:
    """The pipe's units by product id. Orders that are only landed are decrypted and read for it."""
    from ...domain.inventory.availability import MICRO

    ids = dict(zip(snapshot.levels["code"].tolist(), snapshot.levels["product_id"].tolist(), strict=True))
    plain, folded = ({spell(code): product for code, product in ids.items()} for spell in (key, fold))
    units: dict[int, int | Fraction] = {}
    for channel in map(connections.settings.channel, pipe.units):
        sold = pipe.units[channel.name] + _read_landed_units(connections, channel, pipe, snapshot.taken_at)
        for (sku, title), quantity in sold.items():
            goods = goods_of(sku, title, channel)
            product = folded.get(fold(goods.code)) if channel.sku_fold_case else plain.get(goods.code)
            if product is not None:
                # A unit that Odoo lacks: what is sold is held back as if it were the product's own.
                size = goods.unit and snapshot.sizes.get((int(product), goods.measure))
                needs = Fraction(size, MICRO) if size else goods.quantity
                units[int(product)] = units.get(int(product), 0) + quantity * needs
    return units


def _read_landed_units(
    connections: Connections, channel: ChannelSettings, pipe: Pipe, taken_at: datetime
) -> Counter[Sold]:
    """Units by SKU and title of one channel's orders that are landed and not staged yet."""
    units: Counter[Sold] = Counter()
    if fresh := pipe.landed[channel.name]:
        source, landing = connections.channel(channel.name).orders, connections.landing(channel.name, Topic.ORDERS)
        for start in range(0, len(fresh), _ORDERS_A_CHUNK):
            for snapshot in landing.newest_of(fresh[start : start + _ORDERS_A_CHUNK]).values():
                try:
                    order = None if snapshot.raw is None else read_order(source, snapshot.raw, snapshot.record_id)
                except RecordError:
                    continue  # waits in the exceptions as soon as it is staged
                if order is not None:
                    units.update(open_units(order, channel.zone, channel.history_before, taken_at))
    return units
