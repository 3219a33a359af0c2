"""Everything that a channel's targets are computed from, and what each reading costs.

    take_stock       reads all stock of a channel's company, seconds
    recent_stock     the stored stock; reads Odoo if that is older than five minutes
    read_listings    reads all listings of the channel, thousands of calls on a large shop
    read_offer       reads the warehouse only: stored listings, stock and orders
    read_pipes       reads the warehouse only: orders that Odoo does not have yet; decrypts those that are only landed

What belongs here: taking snapshots, storing the newest, gathering what is stored. What does not: what follows from it
(publish.py), the calls (odoo/inventory/stock.py, channels/).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ...channels.capabilities import offered
from ...core.errors import CommerceError, ProtocolError, SettingsError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.inventory.listings import UNREADABLE, UNREADABLE_KEY, Listing
from ...domain.orders.order import open_units
from ...domain.sales.mapping import measured
from ...resources.connections import Connections
from ..orders.stage import read_landed

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection

    from ...domain.inventory.availability import Offer, Pipe, Place, Sizes
    from ...odoo.inventory.stock import Catalogue, Stock

LISTINGS = "listings"  # the stage in the exceptions
SHARED_FOR = timedelta(seconds=30)  # as long, runs that were requested together share one reading of Odoo
STOCK_FRESH_FOR = timedelta(minutes=5)  # older stock is read again before anything is pushed


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
    from ...odoo.inventory.stock import Catalogue, read_stock
    from ...warehouse.inventory.stock import load_stock
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
    snapshot = Snapshot(stock.levels, list(stock.places), taken_at, stock.read, False, stock.sizes, company)
    return keep_stock(connections, snapshot) if store else snapshot


def keep_stock(connections: Connections, snapshot: Snapshot) -> Snapshot:
    """Store a read, unless a newer one is stored; returns it with what became of it."""
    from ...warehouse.inventory.kept_levels import keep_levels
    from ...warehouse.inventory.stock import store_stock

    company, taken_at = snapshot.company, snapshot.taken_at
    with connections.warehouse.transaction() as connection:
        stored = store_stock(connection, snapshot.levels, snapshot.places, taken_at, snapshot.sizes, company)
        if stored:
            keep_levels(connection, company, taken_at, connections.settings.stock_kept_for)
    return msgspec.structs.replace(snapshot, stored=stored)


def take_all(
    connections: Connections, *, whole: bool = False, since: datetime | None = None
) -> tuple[list[Snapshot], list[str]]:
    """`take_stock` for every company that channels belong to, and the errors of companies that failed. Raises the error
    if all fail, so that one company's fault never holds up another's stock.

    since: a stock that was read later, by a run of another channel, serves this one too.
    """
    snapshots: dict[int, Snapshot] = {}
    errors: list[CommerceError] = []
    for name in [channel.name for channel in connections.settings.channels] or [""]:
        try:
            if (company := connections.company_of(name)) in snapshots:
                continue
            if since is None:
                snapshots[company] = take_stock(connections, name, whole=whole)
            else:
                snapshots[company] = _share_stock(connections, name, since)
        except CommerceError as error:
            if str(error) not in map(str, errors):
                errors.append(error)
    if not snapshots:
        raise errors[0]
    return list(snapshots.values()), [str(error) for error in errors]


def _share_stock(connections: Connections, name: str, since: datetime) -> Snapshot:
    """The stock of a channel's company as it was read after `since` and less than SHARED_FOR ago, else read now. Of
    several runs at once one reads, and the others wait for it."""
    from ...warehouse.tables import database

    with connections.warehouse.lock(f"stock of {connections.company_of(name)}", wait=True):
        snapshot = stored_stock(connections, name)
        if snapshot is not None and snapshot.taken_at >= since:
            with connections.warehouse.transaction() as connection:
                if database.clock(connection) - snapshot.taken_at <= SHARED_FOR:
                    return snapshot
        return take_stock(connections, name)


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
    channel = connections.settings.channel(name)
    return Offer(
        channel=name, rules=channel.inventory, sales=channel, listings=listings, levels=stock.levels,
        places=stock.places, taken_at=stock.taken_at, read=stock.read, sizes=stock.sizes,
        pipes=read_pipes(connections, stock),
    )  # fmt: skip


def read_pipes(connections: Connections, stock: Snapshot) -> list[Pipe]:
    """What each channel that sells this stock sold and the stock cannot show yet: the units of staged orders, and of
    those that are only landed."""
    from ...domain.inventory.availability import Pipe
    from ...warehouse.inventory import pipe

    pipes, taken_at = [], stock.taken_at
    for channel in connections.settings.channels:
        if _resolve_company(connections, channel.name) != stock.company:
            continue
        with connections.warehouse.transaction() as connection:
            landed = pipe.unstaged(connection, channel.name, taken_at)
            units = pipe.staged_units(connection, channel.name, taken_at, channel.history_before, but=landed)
        if landed:
            source, landing = connections.channel(channel.name).orders, connections.landing(channel.name, Topic.ORDERS)
            for order in read_landed(source, landing, landed):
                units.update(open_units(order, channel.zone, channel.history_before, taken_at))
        pipes.append(Pipe(channel, units))
    return pipes


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
    from ...warehouse.outbox.effects import EFFECTS_KEPT_FOR
    from ...warehouse.tables import database

    channel = connections.channel(name)
    offers = offered(channel.listings, channel, "listings")
    with connections.warehouse.transaction() as connection:
        read_at, before = database.clock(connection), listings.count(connection, name)
    shown = [listing for page in offers.read() for listing in page]
    if before and not shown:
        raise ProtocolError(f"{name} shows no listing at all, last time {before}; what was read before is kept.")
    with connections.warehouse.transaction() as connection:
        _record_unreadable(connection, name, shown, run_id, read_at)
        keep = max(EFFECTS_KEPT_FOR, connections.settings.stock_kept_for)
        return listings.store_listings(connection, name, shown, read_at, keep)


def _record_unreadable(
    connection: Connection, name: str, listings: Iterable[Listing], run_id: str, read_at: datetime
) -> None:
    """Listings that cannot be read wait in the exceptions until a reading of the channel can read them."""
    from ...warehouse import exceptions

    bad = {listing.key: listing.reference for listing in listings if listing.key.startswith(UNREADABLE_KEY)}
    failures = [
        exceptions.Failure(record_id=key, day=None, reason=_explain_unreadable(name, reference))
        for key, reference in bad.items()
    ]
    waiting = exceptions.open_exceptions(connection, name, Topic.INVENTORY)
    gone = [row.record_id for row in waiting if row.stage == LISTINGS and row.record_id not in bad]
    exceptions.resolve(connection, name, Topic.INVENTORY, LISTINGS, gone, read_at)
    exceptions.record(connection, name, Topic.INVENTORY, LISTINGS, failures, run_id, read_at)


def _explain_unreadable(name: str, reference: Mapping[str, str]) -> Reason:
    where = reference.get(UNREADABLE, "")
    return Reason(
        "bad_payload", f"A listing of {name} cannot be read ({where}); it keeps the quantity that it shows.",
        f"Look at the listing in the marketplace, then materialise {name}/listings; if it is right there, report the "
        "place in its answer.", where,
    )  # fmt: skip


def _resolve_company(connections: Connections, name: str) -> int:
    """The company's id, -1 for a channel whose company the user may not enter; none of its orders can be loaded
    either."""
    try:
        return connections.company_of(name)
    except SettingsError:
        return -1
