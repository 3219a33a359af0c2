"""A marketplace's ledger of the goods in its warehouses: events, balances of days, and whether they are sound.

What belongs here: these shapes, and what must hold within the ledger itself. What does not: how a report is read
(channels/amazon/inbound/), comparing it with Odoo (reconciliation.py).

**Every unit once.** A balance is of one day, SKU, disposition and place; what a SKU has is the sum of them. A unit that
changes its disposition leaves one balance and enters another, so that the pair sums to zero. A unit that travels
between the marketplace's warehouses is in none of them, but in `in_transit`, and still there. A reimbursement in kind
is no event: the unit comes back as found, which is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum

import msgspec


class Event(StrEnum):
    """What happened to units: the columns of a balance."""

    RECEIPTS = "receipts"
    SHIPMENTS = "shipments"
    RETURNS = "returns"  # of buyers
    REMOVALS = "removals"  # back to the merchant
    TRANSFERS = "transfers"  # between the marketplace's warehouses
    FOUND = "found"
    LOST = "lost"
    DAMAGED = "damaged"
    DISPOSED = "disposed"
    OTHER = "other"
    UNKNOWN = "unknown"  # by the marketplace's own word


class LedgerEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the ledger's details. name: the marketplace's word for the event; known: whether it is one that we
    know. number: of equal rows of a day, from 1, because rows have no id. quantity: signed units."""

    day: date
    msku: str
    name: str
    quantity: int
    fnsku: str = ""
    asin: str = ""
    reference: str = ""
    centre: str = ""
    country: str = ""
    disposition: str = ""
    reason: str = ""
    is_known: bool = True
    number: int = 1


class Balance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the ledger's summary: units of a SKU in one disposition at one place over one day. in_transit: between
    the marketplace's warehouses at the day's end. events: signed."""

    day: date
    msku: str
    start: int
    end: int
    fnsku: str = ""
    disposition: str = ""
    place: str = ""
    in_transit: int = 0
    events: Mapping[Event, int] = {}

    @property
    def is_sound(self) -> bool:
        return self.start + sum(self.events.values()) == self.end


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a span. days: those that the summary shows, complete; nothing is known of others."""

    days: tuple[date, ...] = ()
    events: tuple[LedgerEvent, ...] = ()
    balances: tuple[Balance, ...] = ()


class Day(msgspec.Struct, kw_only=True):
    """A SKU's units of one day over all dispositions and places. left: at its end, those in transit included."""

    start: int = 0
    end: int = 0
    in_transit: int = 0
    events: dict[Event, int] = msgspec.field(default_factory=dict)

    @property
    def left(self) -> int:
        return self.end + self.in_transit


class Flaw(msgspec.Struct, frozen=True):
    """What does not hold within the ledger. units: by how much."""

    day: date
    msku: str
    what: str
    units: int


UNBALANCED, GAP, TOLD_TWICE = "unbalanced", "gap", "told differently"


def number_rows(events: Iterable[LedgerEvent]) -> list[LedgerEvent]:
    """The rows with running numbers among those that are equal in all columns."""
    counts: dict[LedgerEvent, int] = defaultdict(int)
    numbered = []
    for event in events:
        counts[event] += 1
        numbered.append(msgspec.structs.replace(event, number=counts[event]) if counts[event] > 1 else event)
    return numbered


def add_up(balances: Iterable[Balance]) -> dict[date, dict[str, Day]]:
    """Every SKU's day, by day and SKU."""
    days: dict[date, dict[str, Day]] = defaultdict(dict)
    for balance in balances:
        of_day = days[balance.day]
        day = of_day.get(balance.msku)
        if day is None:
            day = of_day[balance.msku] = Day()
        day.start += balance.start
        day.end += balance.end
        day.in_transit += balance.in_transit
        for event, units in balance.events.items():
            day.events[event] = day.events.get(event, 0) + units
    return dict(days)


def find_flaws(ledger: Ledger) -> list[Flaw]:
    """Where a day's start and events do not make its end, where a day does not begin as the one before ended, and where
    the details of a day tell of other units than its summary."""
    flaws = [
        Flaw(balance.day, balance.msku, UNBALANCED, balance.end - balance.start - sum(balance.events.values()))
        for balance in ledger.balances
        if not balance.is_sound
    ]
    days = add_up(ledger.balances)
    details: dict[tuple[date, str], int] = defaultdict(int)
    for event in ledger.events:
        details[event.day, event.msku] += event.quantity
    for day in ledger.days:
        of_day = days.get(day, {})
        if (before := days.get(day - timedelta(days=1))) is not None:
            flaws += [
                Flaw(day, msku, GAP, units)
                for msku in before.keys() | of_day.keys()
                if (units := _get_start(of_day, msku) - (before[msku].end if msku in before else 0))
            ]
        mskus = of_day.keys() | {msku for of, msku in details if of == day}
        flaws += [
            Flaw(day, msku, TOLD_TWICE, units)
            for msku in mskus
            if (units := details.get((day, msku), 0) - sum(_get_events(of_day, msku).values()))
        ]
    return sorted(flaws, key=lambda flaw: (flaw.day, flaw.msku, flaw.what))


def _get_start(days: Mapping[str, Day], msku: str) -> int:
    return days[msku].start if msku in days else 0


def _get_events(days: Mapping[str, Day], msku: str) -> Mapping[Event, int]:
    return days[msku].events if msku in days else {}
