"""Reading what lies in a marketplace's own warehouses: whole days of its ledger, and what its stores show now.

What belongs here: which days are read, what of them is flawed. What does not: the comparison with Odoo (reconcile.py).
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta

import msgspec

from ...channels.capabilities import offered
from ...channels.own_warehouses import FbaStock
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.inbound.ledger import GAP, UNBALANCED, Flaw, Ledger, find_flaws
from ...domain.orders.order import business_day
from ...resources.connections import Connections
from ...warehouse import exceptions
from ...warehouse.inbound import ledger as rows
from ..orders.departures import ask_again
from .due import find_asked

STAGE = "ledger"
STAGES = (STAGE, "removals", "reconcile")  # one run does all of them
LATE_DAYS = 4  # for so long rows may still be added to a day
LONGEST_DAYS = 31  # of one report
READ_AGAIN = timedelta(hours=3)  # after a look that brought no newer day
WORDS = {UNBALANCED: "its start and its events do not make its end", GAP: "it does not begin as the day before ended"}


class Read(msgspec.Struct, kw_only=True):
    """The result of a run. last: the newest complete day; levels: SKUs that each store shows, by marketplace, and
    fulfillable units, which must not be added up. flaws: of the days that were read, by kind. contradicted: orders that
    were decided to have left from another country than the ledger says now."""

    days: tuple[date, ...] = ()
    last: date | None = None
    events: int = 0
    places: dict[str, int] = msgspec.field(default_factory=dict)
    skus: dict[str, int] = msgspec.field(default_factory=dict)
    fulfillable: dict[str, int] = msgspec.field(default_factory=dict)
    flaws: Counter[str] = msgspec.field(default_factory=Counter)
    contradicted: int = 0
    unknown: dict[str, tuple[date, int, int]] = msgspec.field(default_factory=dict)


def plan_days(connections: Connections, name: str) -> tuple[date, date] | None:
    """The days `[start, end)` to read now: those that are not kept, and the last ones anew. None where there are none
    yet. A long gap is read a month at a time, oldest first."""
    rules = connections.settings.channel(name).inbound
    today = business_day(connections.instruments.now(), connections.settings.channel(name).zone)
    since = rules.since or today
    with connections.warehouse.transaction() as connection:
        kept = rows.newest_day(connection, name)
    start = max(since, kept[0] + timedelta(days=1 - LATE_DAYS)) if kept else since
    end = min(today, start + timedelta(days=LONGEST_DAYS))
    return (start, end) if start < end else None


def is_due(connections: Connections, name: str) -> bool:
    """Whether yesterday's ledger is not kept, and was not looked for a short while ago; or a part of the run that read
    it is not done since, because it failed; or a person has asked since for another look at what waits."""
    now = connections.instruments.now()
    yesterday = business_day(now, connections.settings.channel(name).zone) - timedelta(days=1)
    with connections.warehouse.transaction() as connection:
        kept = rows.newest_day(connection, name)
        done = rows.read_done(connection, name)
    if plan_days(connections, name) is None:
        return False
    if kept is None or any(part not in done or done[part] < kept[1] for part in _list_parts(connections, name)):
        return True
    asked = find_asked(connections, name, STAGES)
    return (kept[0] < yesterday and now - kept[1] >= READ_AGAIN) or bool(asked and asked > kept[1])


def _list_parts(connections: Connections, name: str) -> tuple[str, ...]:
    """What follows the ledger in the same run."""
    removals = connections.settings.channel(name).inbound.removals.enabled
    return STAGES[1:] if removals else STAGES[2:]


def read(connections: Connections, name: str, run_id: str = "") -> Read:
    """Read the ledger and every store's levels, and keep them. Raises the channel's own errors; what was read before is
    kept then."""
    channel = connections.channel(name)
    stock: FbaStock = offered(channel.fba_stock, channel, "warehouses of its own")
    done = Read()
    levels = {marketplace: stock.read_levels(marketplace) for marketplace in stock.list_marketplaces()}
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        rows.replace_levels(connection, name, levels, now)
    done.skus = {marketplace: len(of_store) for marketplace, of_store in levels.items()}
    done.fulfillable = {place: sum(level.fulfillable for level in of_store) for place, of_store in levels.items()}
    span = plan_days(connections, name)
    if span is not None:
        ledger = stock.read_ledger(*span, connections.settings.channel(name).inbound.ledger_by)
        _keep_ledger(connections, name, ledger, done, run_id)
    with connections.warehouse.transaction() as connection:
        kept = rows.newest_day(connection, name)
        if kept:
            done.last = kept[0]
            done.places = rows.count_by_place(connection, name, kept[0])
    if connections.settings.channel(name).inbound.departures:
        done.contradicted = ask_again(connections, name, run_id)
    return done


def _keep_ledger(connections: Connections, name: str, ledger: Ledger, done: Read, run_id: str) -> None:
    flaws = find_flaws(ledger)
    done.days, done.events = ledger.days, len(ledger.events)
    done.flaws = Counter(flaw.what for flaw in flaws)
    if not ledger.days:
        return
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        rows.replace_ledger(connection, name, ledger, now)
        end = ledger.days[-1] + timedelta(days=1)
        done.unknown = rows.count_unknown(connection, name, ledger.days[0], end)
        failures = [
            *(_describe_unknown(word, *figures) for word, figures in done.unknown.items()),
            *_describe_flaws(flaws),
        ]  # fmt: skip
        still = [failure.record_id for failure in failures]
        exceptions.resolve_others(connection, name, Topic.INBOUND, STAGE, (ledger.days[0], end), still, now)
        exceptions.record(connection, name, Topic.INBOUND, STAGE, failures, run_id, now)


def _describe_unknown(word: str, day: date, count: int, units: int) -> exceptions.Failure:
    reason = Reason(
        "unknown_ledger_event",
        f"The marketplace's ledger has {count} rows over {units} units of the event {word}, which nobody knows here.",
        "Their units count; look in the marketplace what the event is, and tell the makers of this product.", word,
    )  # fmt: skip
    return exceptions.Failure(record_id=f"event {word}", day=day, reason=reason)


def _describe_flaws(flaws: list[Flaw]) -> list[exceptions.Failure]:
    """One exception for each day that is not sound in itself."""
    of_day: dict[date, list[Flaw]] = {}
    for flaw in flaws:
        of_day.setdefault(flaw.day, []).append(flaw)
    failures = []
    for day, of in of_day.items():
        first = of[0]
        why = WORDS.get(first.what, "its details tell of other units than its summary")
        more = f"; so are {len(of) - 1} more of that day" if len(of) > 1 else ""
        reason = Reason(
            "ledger_unsound",
            f"The marketplace's ledger of {day} is not sound: of {first.msku[:40]} {why}, by {first.units} "
            f"units{more}.",
            f"Nothing for {LATE_DAYS} days: late rows are read by themselves. Then ask the marketplace.",
            first.msku[:40],
        )  # fmt: skip
        failures.append(exceptions.Failure(record_id=f"ledger {day}", day=day, reason=reason))
    return failures


def find_day_end(connections: Connections, name: str, day: date) -> datetime:
    """The last second of a day in the channel's zone."""
    zone = connections.settings.channel(name).zone
    return datetime.combine(day + timedelta(days=1), time.min, zone) - timedelta(seconds=1)
