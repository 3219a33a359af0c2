"""Stock -> targets -> difference -> push -> record: one channel's listings brought in step with Odoo.

What belongs here: the order of things, the lock, what is on record when. What does not: the rule and the breaker
(domain/inventory/availability.py, domain/inventory/publishing.py), taking snapshots (readings.py), how a channel is
told (channels/).

What the channel shows is taken from the last whole reading of its listings and from our own accepted pushes since; a
reading of 50,000 listings on every change would cost a marketplace's whole call budget. Where a sale, an unanswered
call or a refused comparison may have changed a listing, its target is told again, and the nightly reading repairs
edits made on the channel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import PermanentError, ProtocolError
from ...resources.connections import Connections
from ..outbox.dispatch import push
from .readings import Snapshot, in_pipe, read_listings, stored_stock, take_stock

if TYPE_CHECKING:
    import pandas as pd

    from ...domain.inventory.publishing import Figures

FRESH = timedelta(minutes=5)  # targets older than this are decided anew, from a new stock read, before anything is sent


class Stopped(PermanentError):
    """The breaker holds a run back; the message has the figures."""


class Plan(msgspec.Struct, frozen=True):
    """One channel's difference. table: the targets with shown, believed and action; reasons: why the breaker would stop
    it; planned: what would be pushed; released: what a person has agreed to."""

    table: pd.DataFrame
    taken_at: datetime
    now: datetime
    figures: Figures
    reasons: tuple[str, ...]
    released: Mapping[str, int]

    def pushes(self) -> pd.DataFrame:
        return self.table[self.table["action"] == "push"]


class Published(msgspec.Struct, kw_only=True):
    """What a run came to. before: the plan it began with; after: the same listings compared again at its end."""

    before: Plan
    after: Plan
    outcomes: Counter[str]
    dry: bool


def decide(connections: Connections, name: str, snapshot: Snapshot | None = None) -> pd.DataFrame:
    """A channel's targets from a stock snapshot (default: the newest one kept), and keep them.

    Targets of a newer snapshot that are there already win. Raises PermanentError before the first snapshot.
    """
    from ...warehouse.inventory.rows import channel_lock

    with channel_lock(connections.warehouse, name):
        return _decided(connections, name, snapshot)[0]


def compare(connections: Connections, name: str) -> Plan:
    """What a run would push now: stock read anew, listings as they were read last. Writes nothing anywhere.

    Raises PermanentError before the first reading of the listings.
    """
    from ...warehouse.inventory.rows import load_rows

    with connections.warehouse.transaction() as connection:
        listings = load_rows(connection, "listings", name)
    if not len(listings):
        raise PermanentError(f"The listings of {name} were never read; materialise {name}/listings first.")
    targets, taken_at, read = _decide(connections, name, listings, take_stock(connections, store=False))
    return _plan(connections, name, targets, taken_at, read)


def publish(
    connections: Connections, name: str, *, run_id: str = "", release: bool = False, dry_run: bool = False
) -> Published:
    """Push the difference and record it; one run per channel at a time.

    release: a person agrees to what the breaker would stop. Raises Stopped with the figures otherwise, and the
    channel's own errors, once what it did answer is on record. Every push is on record before it is sent, so that
    after a crash the next run knows which listings nobody can be sure of.
    """
    from ...warehouse.inventory.rows import channel_lock
    from ...warehouse.outbox import stops
    from ...warehouse.outbox.pushes import record_run

    warehouse = connections.warehouse
    dry = dry_run or connections.settings.channel(name).inventory.dry_run
    with channel_lock(warehouse, name):
        targets, taken_at, read = _newest(connections, name)
        plan = _plan(connections, name, targets, taken_at, read)
        with warehouse.transaction() as connection:
            if plan.reasons and not dry:
                planned = dict(zip(*(plan.pushes()[column].tolist() for column in ("key", "target")), strict=True))
                stops.hold(connection, name, run_id, "; ".join(plan.reasons), read, planned)
                if release:
                    stops.release(connection, name, f"run {run_id}")
            elif not dry:
                stops.resolve(connection, name)
        if plan.reasons and not release and not dry:
            raise Stopped(
                f"Nothing was published to {name}: {'; '.join(plan.reasons)}. If that is right, run "
                f"`commerce-pipelines inventory release {name}`, or materialise {name}/published_inventory with "
                "`release: true`."
            )
        if dry:
            return Published(before=plan, after=plan, outcomes=Counter(), dry=True)
        outcomes = _send(connections, name, plan, targets, run_id)
        with warehouse.transaction() as connection:
            record_run(connection, name, run_id, taken_at, plan.figures, outcomes)
            if not outcomes.keys() & {"sent", "failed"}:
                stops.used(connection, name)
        after = _plan(connections, name, targets, taken_at, read)
    return Published(before=plan, after=after, outcomes=outcomes, dry=False)


def release(connections: Connections, name: str, by: str) -> str:
    """Agree to the run that the breaker holds back; returns its figures. Raises PermanentError where none waits."""
    from ...warehouse.outbox import stops

    connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        stop = stops.release(connection, name, by)
    if stop is None:
        raise PermanentError(f"No run of {name} is held back; there is nothing to release.")
    return stop.reasons


def _decide(
    connections: Connections, name: str, listings: pd.DataFrame, snapshot: Snapshot | None
) -> tuple[pd.DataFrame, datetime, int]:
    from ...domain.inventory import availability

    settings = connections.settings.channel(name)
    snapshot = snapshot or stored_stock(connections)
    if snapshot is None:
        raise PermanentError("No stock of Odoo has been read yet; materialise odoo/stock_levels first.")
    own = listings["fulfilled_by"] != "channel"
    locations = set(listings.loc[own, "location"].fillna("").unique().tolist())
    fed = availability.feeds(name, settings.inventory, settings, snapshot.places, locations)
    ordered = in_pipe(connections, snapshot)
    targets = availability.decide(listings, snapshot.levels, ordered, settings.inventory, settings, fed)
    return targets, snapshot.taken_at, snapshot.read


def _decided(connections: Connections, name: str, snapshot: Snapshot | None) -> tuple[pd.DataFrame, datetime, int]:
    """Decide and keep (newer ones win), under the channel's lock. A channel never read before is read now."""
    from ...warehouse.inventory import stock
    from ...warehouse.inventory.rows import load_rows

    with connections.warehouse.transaction() as connection:
        listings = load_rows(connection, "listings", name)
    if not len(listings):
        listings = read_listings(connections, name, locked=True)
    targets, taken_at, read = _decide(connections, name, listings, snapshot)
    with connections.warehouse.transaction() as connection:
        stock.store_targets(connection, name, targets, taken_at)
        kept = load_rows(connection, "inventory_targets", name)
    return kept, kept["taken_at"].iloc[0].to_pydatetime() if len(kept) else taken_at, read


def _newest(connections: Connections, name: str) -> tuple[pd.DataFrame, datetime, int]:
    """The newest targets; decided anew where they are too old to be told to anybody."""
    from ...warehouse.inventory.rows import load_rows
    from ...warehouse.tables import database

    with connections.warehouse.transaction() as connection:
        targets, now = load_rows(connection, "inventory_targets", name), database.clock(connection)
    snapshot = stored_stock(connections)
    taken_at = targets["taken_at"].iloc[0].to_pydatetime() if len(targets) else None
    if snapshot is None or taken_at is None or taken_at != snapshot.taken_at or now - taken_at > FRESH:
        if snapshot is None or now - snapshot.taken_at > FRESH:
            snapshot = take_stock(connections)
        return _decided(connections, name, snapshot)
    return targets, taken_at, snapshot.read


def _plan(connections: Connections, name: str, targets: pd.DataFrame, taken_at: datetime, read: int) -> Plan:
    from ...domain.inventory import publishing
    from ...warehouse.inventory.rows import beliefs
    from ...warehouse.outbox import stops
    from ...warehouse.outbox.pushes import last_read
    from ...warehouse.tables import database

    breaker = connections.settings.channel(name).inventory.breaker
    with connections.warehouse.transaction() as connection:
        belief = beliefs(connection, name)
        now = database.clock(connection)
        agreed = stops.released(connection, name)
        before = last_read(connection, name)
    table = publishing.difference(targets, belief[list(publishing.BELIEF_COLUMNS)], now)
    plan = agreed.plan if agreed else {}
    read_before = min(before, agreed.read) if agreed else before
    figures = publishing.figures(table, read, read_before, plan)
    return Plan(table, taken_at, now, figures, figures.reasons(breaker), plan)


def _send(connections: Connections, name: str, plan: Plan, targets: pd.DataFrame, run_id: str) -> Counter[str]:
    """Push the plan; what the channel found stale is read again, and pushed once more where that lowers it.

    A channel that shows less than we believed has probably sold some that we have not heard of yet: it is not raised
    in the same run.
    """
    rows = plan.pushes()
    if ((rows["target"] < 0) | (rows["target"] * rows["units"] > rows["free"])).any():
        raise ProtocolError(f"A target of {name} is above the free stock that it comes from; nothing was published.")
    statuses = push(connections, name, rows, plan.taken_at, run_id)
    stale = [key for key, status in statuses.items() if status == "stale"]
    if stale:
        read_listings(connections, name, locked=True)
        again = _plan(connections, name, targets, plan.taken_at, 0).pushes()
        lower = again[again["key"].isin(stale) & ~(again["shown"] < again["target"]).fillna(False)]
        statuses |= push(connections, name, lower, plan.taken_at, run_id)
    return Counter(statuses.values())
