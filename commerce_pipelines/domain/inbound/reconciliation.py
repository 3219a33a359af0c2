"""Whether Odoo's stock of the marketplace's warehouse is what the marketplace's ledger says, as of the end of a day.

What belongs here: the comparison, what explains a difference, pure. What does not: whether the ledger itself is sound
(ledger.py), reading Odoo (odoo/inbound/).

**As of a day.** A ledger is a day or two late, so it can only be compared with what Odoo had at the end of its last
day. What Odoo has moved since, and what it has still to move, is told beside it.

**A difference is taken apart.** What differed at the beginning, and what each kind of event differs by: together they
are the difference, to the unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum

import msgspec

from .ledger import Day, Event


class Group(StrEnum):
    """Kinds of events as both sides tell them."""

    RECEIPTS = "receipts"
    SHIPMENTS = "shipments"
    RETURNS = "returns"
    REMOVALS = "removals"
    ADJUSTMENTS = "adjustments"


GROUP_OF: Mapping[Event, Group] = {
    Event.RECEIPTS: Group.RECEIPTS,
    Event.SHIPMENTS: Group.SHIPMENTS,
    Event.RETURNS: Group.RETURNS,
    Event.REMOVALS: Group.REMOVALS,
}  # every other event is an adjustment


class Content(msgspec.Struct, frozen=True):
    """What one unit of a SKU is in Odoo: so much of a product, in the product's own unit."""

    product: int
    units: float


class Moved(msgspec.Struct, frozen=True):
    """Units that Odoo moved into (positive) or out of the warehouse on a day."""

    product: int
    day: date
    group: Group
    units: float


class Stocked(msgspec.Struct, frozen=True, kw_only=True):
    """A product in Odoo. units: in the warehouse at the day's end. to_leave, to_come: of open movements; left_since,
    came_since: of those done after that day."""

    code: str
    units: float = 0.0
    to_leave: float = 0.0
    to_come: float = 0.0
    left_since: float = 0.0
    came_since: float = 0.0


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One product. difference: Odoo's units less the marketplace's. agreed_on: the last day on which both said the
    same, else the day before the first that is known. before: what differed then. by_event: since then, by event, where
    the two differ: (marketplace, Odoo). details: of adjustments, the marketplace's own kinds. is_open: movements that
    are not done in Odoo, or were done after the day, may explain all of it."""

    product: int
    code: str
    mskus: tuple[str, ...]
    marketplace: float
    odoo: float
    agreed_on: date
    before: float = 0.0
    by_event: Mapping[Group, tuple[float, float]] = {}
    details: Mapping[Event, float] = {}
    is_open: bool = False

    @property
    def difference(self) -> float:
        return _round_units(self.odoo - self.marketplace)


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides. days: the ledger's, by day and SKU; the last one is compared. contents: of every SKU that Odoo has
    products for. stocked: of every product in Odoo. moved: within `days`, of the products that differ. agreed: the last
    day on which a product agreed."""

    days: Mapping[date, Mapping[str, Day]]
    contents: Mapping[str, Sequence[Content]]
    stocked: Mapping[int, Stocked]
    moved: Sequence[Moved] = ()
    agreed: Mapping[int, date] = {}


def count_units(days: Mapping[str, Day], contents: Mapping[str, Sequence[Content]]) -> dict[int, float]:
    """Units of each product that the marketplace has at a day's end."""
    units: dict[int, float] = defaultdict(float)
    for msku, day in days.items():
        for content in contents.get(msku, ()):
            units[content.product] += day.left * content.units
    return dict(units)


def find_differing(books: Books) -> set[int]:
    """Products of which the two sides have another number at the end of the last day."""
    last = max(books.days)
    theirs = count_units(books.days[last], books.contents)
    return {
        product
        for product in theirs.keys() | books.stocked.keys()
        if _round_units(_get_stocked(books, product).units - theirs.get(product, 0))
    }


def compare(books: Books) -> list[Line]:
    """Every product that differs, the largest difference first."""
    differing = find_differing(books)
    last, first = max(books.days), min(books.days)
    theirs = count_units(books.days[last], books.contents)
    mskus: dict[int, set[str]] = defaultdict(set)
    for msku, contents in books.contents.items():
        for content in contents:
            mskus[content.product].add(msku)
    moved: dict[int, list[Moved]] = defaultdict(list)
    for move in books.moved:
        moved[move.product].append(move)
    lines = []
    for product in differing:
        begun = max(books.agreed.get(product, date.min), date.fromordinal(first.toordinal() - 1))
        events = _add_events(books, product, mskus[product], begun)
        units = theirs.get(product, 0)
        lines.append(
            _build_line(product, tuple(sorted(mskus[product])), _get_stocked(books, product), units, events,
                        [move for move in moved[product] if begun < move.day <= last], begun)
        )  # fmt: skip
    return sorted(lines, key=lambda line: (-abs(line.difference), line.code))


def _add_events(books: Books, product: int, mskus: Iterable[str], begun: date) -> dict[Event, float]:
    """The marketplace's events of a product since a day. Transfers within are what is still in transit of them, the
    other way round: together with the units in transit they sum to zero."""
    events: dict[Event, float] = defaultdict(float)
    days = sorted(day for day in books.days if day > begun)
    for msku in mskus:
        units = sum(content.units for content in books.contents[msku] if content.product == product)
        for day in days:
            if (of_day := books.days[day].get(msku)) is not None:
                for event, count in of_day.events.items():
                    events[event] += count * units
        before = books.days.get(begun, {}).get(msku)
        at_end = books.days[days[-1]].get(msku) if days else None
        in_transit = (at_end.in_transit if at_end else 0) - _get_transit_before(before, books, days, msku)
        events[Event.TRANSFERS] += in_transit * units
    return {event: _round_units(count) for event, count in events.items() if _round_units(count)}


def _get_transit_before(before: Day | None, books: Books, days: Sequence[date], msku: str) -> int:
    """Units in transit before the first of the days. Where that day is not known, those that the first day's transfers
    leave over."""
    if before is not None or not days:
        return before.in_transit if before else 0
    first = books.days[days[0]].get(msku)
    return first.in_transit + first.events.get(Event.TRANSFERS, 0) if first else 0


def _build_line(
    product: int, mskus: tuple[str, ...], stocked: Stocked, units: float, events: Mapping[Event, float],
    moved: Sequence[Moved], begun: date,
) -> Line:  # fmt: skip
    theirs: dict[Group, float] = defaultdict(float)
    for event, count in events.items():
        theirs[GROUP_OF.get(event, Group.ADJUSTMENTS)] += count
    ours: dict[Group, float] = defaultdict(float)
    for move in moved:
        ours[move.group] += move.units
    by_event = {
        group: (_round_units(theirs[group]), _round_units(ours[group]))
        for group in Group
        if _round_units(ours[group] - theirs[group])
    }
    difference = _round_units(stocked.units - units)
    more = stocked.to_leave + stocked.left_since
    less = stocked.to_come + stocked.came_since
    details = {event: count for event, count in events.items() if event not in GROUP_OF}
    return Line(
        product=product, code=stocked.code, mskus=mskus, marketplace=_round_units(units),
        odoo=_round_units(stocked.units), agreed_on=begun,
        before=_round_units(difference - sum(our - their for their, our in by_event.values())),
        by_event=by_event, details=details if Group.ADJUSTMENTS in by_event else {},
        is_open=difference <= more if difference > 0 else -difference <= less,
    )  # fmt: skip


def _get_stocked(books: Books, product: int) -> Stocked:
    return books.stocked.get(product) or Stocked(code=f"product {product}")


def _round_units(units: float) -> float:
    return round(units, 4) + 0.0
