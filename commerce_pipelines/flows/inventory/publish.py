"""One channel's listings brought in step with Odoo: inputs -> targets -> plan -> dispatch.

    inputs       all that is read, by functions named for what it costs (inputs.py)
    targets      what each listing shall show: pure (domain/inventory/availability.py)
    plan         what has to be pushed, and whether the breaker stops it: pure (domain/inventory/push_plan.py)
    dispatch     on record, then sent (quantities.py, flows/outbox/)

What belongs here: the order of these steps and the lock. What does not: the steps themselves, the calls of a channel
(channels/).

What the channel shows is taken from the last complete reading of its listings and from our own accepted pushes since,
because reading 50,000 listings after every change would use up a marketplace's call limits. Where a sale, an unanswered
call or a stale push may have changed a listing, its target is pushed again. The nightly reading repairs edits that
somebody made on the channel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import CommerceError, PermanentError
from ...domain.outbox.effects import Kind, Status
from ...resources.connections import Connections
from ..identity import may_publish
from .inputs import Snapshot, read_listings, read_offer, reread_listings, take_stock
from .quantities import tell

if TYPE_CHECKING:
    import pandas as pd

    from ...domain.inventory.availability import Offer
    from ...domain.inventory.push_plan import Plan


class Published(msgspec.Struct, kw_only=True):
    """The result of a run. before: the plan it began with. after: the same listings compared again at its end."""

    before: Plan
    after: Plan
    outcomes: Counter[str]
    dry: bool


def name_listings(connections: Connections, name: str, keys: Sequence[str]) -> dict[str, str]:
    """The titles of these listings, by key."""
    from ...warehouse.inventory.listings import read_titles

    with connections.warehouse.transaction() as connection:
        return read_titles(connection, name, keys)


def _store_targets(connections: Connections, name: str, offer: Offer, company: int) -> pd.DataFrame:
    """Compute, store and keep a channel's targets; returns those that are stored then."""
    from ...domain.inventory import availability
    from ...warehouse.inventory.kept_levels import keep_targets
    from ...warehouse.inventory.stock import store_targets

    targets = availability.targets(offer)
    with connections.warehouse.transaction() as connection:
        stored = store_targets(connection, name, targets, offer.taken_at)
        keep_targets(connection, name, company, connections.settings.stock_kept_for)
    return stored


def compare(connections: Connections, name: str) -> Plan:
    """What a run would push now: stock is read anew; listings are those of the last reading, or are read now if they
    never were. Writes nothing to Odoo or to the channel."""
    stock = take_stock(connections, name, store=False)
    offer = read_offer(connections, name, stock)
    if not len(offer.listings):
        read_listings(connections, name)
        offer = read_offer(connections, name, stock)
    return _plan_stored(connections, name, offer)


def _plan_stored(connections: Connections, name: str, offer: Offer) -> Plan:
    from ...domain.inventory import availability, push_plan
    from ...warehouse.inventory.rows import read_belief

    targets = availability.targets(offer)
    with connections.warehouse.transaction() as connection:
        return push_plan.plan(offer, targets, read_belief(connection, name))


def foresee(connections: Connections, name: str, stock: Snapshot) -> Plan | None:
    """What a run would find with this stock, from what is stored of the channel: asks nobody and writes nothing. None
    where only the run can tell: before the first reading of the listings, after listings were made, and where something
    is wrong that the run reports."""
    from ...warehouse.inventory.listings import has_made_listings

    with connections.warehouse.transaction() as connection:
        if has_made_listings(connection, name):
            return None
    try:
        offer = read_offer(connections, name, stock)
        return _plan_stored(connections, name, offer) if len(offer.listings) else None
    except CommerceError:
        return None


def _read_made_listings(connections: Connections, name: str, run_id: str) -> None:
    """Listings that were made for products (flows/content/new_listings.py) are read before stock is published next."""
    from ...warehouse.inventory.listings import has_made_listings

    with connections.warehouse.transaction() as connection:
        are_new = has_made_listings(connection, name)
    if are_new:
        reread_listings(connections, name, run_id)


class Ready(msgspec.Struct, kw_only=True):
    """A channel's targets, decided and stored, before anything is pushed. offer: what they were decided from. targets:
    as they are stored."""

    name: str
    offer: Offer
    targets: pd.DataFrame
    run_id: str


@contextmanager
def decided(connections: Connections, name: str, stock: Snapshot | None, *, run_id: str = "") -> Iterator[Ready]:
    """Decide and store what each listing shall show. One process per channel at a time: until the end of the block
    nobody else changes the channel's listings, so that `push` finds them as they were decided on.

    stock: see `recent_stock`; raises PermanentError for None. Targets of a newer stock that are stored already stay.
    Reads the listings completely where they were never read, or where listings were made.
    """
    from ...warehouse.inventory.rows import lock_name

    if stock is None:
        raise PermanentError("No stock of Odoo has been read yet; materialise odoo/stock_levels first.")
    with connections.warehouse.lock(lock_name(name), wait=True):
        _read_made_listings(connections, name, run_id)
        offer = read_offer(connections, name, stock)
        if not len(offer.listings):
            reread_listings(connections, name, run_id)
            offer = read_offer(connections, name, stock)
        targets = _store_targets(connections, name, offer, stock.company)
        yield Ready(name=name, offer=offer, targets=targets, run_id=run_id)


def push(connections: Connections, ready: Ready, *, release: bool = False, dry_run: bool = False) -> Published:
    """Push the difference and record it, within the block of `decided`.

    release: a person agrees to what the breaker would stop. Otherwise raises Stopped with the figures, or the channel's
    own errors, after its answers are on record. Every push is on record before it is sent, so that after a crash the
    next run knows which listings are uncertain. If a push is stale, the listings are read again, completely, and may be
    lowered at once but not raised: see `Plan.lowering`.
    """
    from ...domain.inventory import push_plan
    from ...warehouse.inventory.rows import read_belief
    from ...warehouse.inventory.runs import record_run
    from ...warehouse.outbox import holds

    warehouse, name, run_id = connections.warehouse, ready.name, ready.run_id
    offer, targets = ready.offer, ready.targets
    with warehouse.transaction() as connection:
        before = push_plan.plan(offer, targets, read_belief(connection, name))
    if dry_run or offer.rules.dry_run:
        return Published(before=before, after=before, outcomes=Counter(), dry=True)
    may_publish(connections, name)
    statuses, listings, plan = dict[str, Status](), offer.listings, before
    for last_round in (False, True):
        answers = tell(connections, name, listings, plan, run_id=run_id, release=release)
        statuses |= answers
        stale = [key for key, status in answers.items() if status is Status.STALE and not last_round]
        if stale:
            listings = reread_listings(connections, name, run_id)
        with warehouse.transaction() as connection:
            after = push_plan.plan(offer, targets, read_belief(connection, name))
        plan = after.lowering(stale)
        if not len(plan.pushes()):
            break
    outcomes = Counter(str(status) for status in statuses.values())
    with warehouse.transaction() as connection:
        record_run(connection, name, run_id, offer.taken_at, before.figures, outcomes)
        if Status.UNKNOWN not in outcomes:
            holds.used(connection, name, Kind.QUANTITY)
    return Published(before=before, after=after, outcomes=outcomes, dry=False)


def release(connections: Connections, name: str, by: str) -> str:
    """Agree to the run that the breaker holds back; returns its figures. Raises PermanentError where no run waits."""
    from ...warehouse.outbox import holds

    connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        hold = holds.release(connection, name, Kind.QUANTITY, by)
    if hold is None:
        raise PermanentError(f"No run of {name} is held back; there is nothing to release.")
    return hold.reasons
