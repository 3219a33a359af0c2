"""Goods on the road to the marketplace's warehouse: what of them Odoo has to receive, what is missing or too much.

What belongs here: these rules, pure. What does not: reading the marketplace's counts (channels/), validating transfers
(odoo/inbound/receipts.py).

**By what was counted.** The marketplace's count is an absolute number, so a step is that number less what Odoo has
received of the shipment already. A run that was cut off, or comes again, therefore receives nothing twice.

**Never more than is on the road.** Odoo would take it and leave the transit location below zero; a surplus is shown. So
is a count that went down after it was received: nothing is taken back silently.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from .reconciliation import Content

SHIPMENT_ID = re.compile(r"\bFBA[0-9A-Z]{6,12}\b")
CLOSED = ("CLOSED",)  # no more is expected, though counts may still change
ARRIVED = ("DELIVERED", "CHECKED_IN", "RECEIVING", *CLOSED)
GONE = ("CANCELLED", "DELETED")


class CountedSku(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU in a shipment, as the marketplace says."""

    msku: str
    shipped: int
    received: int


class FbaShipment(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment to the marketplace's warehouse. status: in the marketplace's words. centre: where to."""

    shipment_id: str
    status: str
    centre: str = ""
    items: tuple[CountedSku, ...] = ()


class RoadMove(msgspec.Struct, frozen=True, kw_only=True):
    """A movement from the road into the warehouse. units: received, of one that is done, else asked for. there: units
    that are on the road for it."""

    move_id: int
    picking_id: int
    product: int
    is_done: bool
    units: float
    there: float = 0.0


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """One product of a shipment, in Odoo's units. booked: received in Odoo, this step included. on_road: what remains
    on the road for it."""

    product: int
    shipped: float = 0.0
    received: float = 0.0
    booked: float = 0.0
    on_road: float = 0.0

    @property
    def missing(self) -> float:
        """Shipped and not counted by the marketplace."""
        return max(_round_units(self.shipped - self.received), 0.0)

    @property
    def surplus(self) -> float:
        """Counted by the marketplace and not on the road in Odoo; what is there and could not be received yet is no
        surplus."""
        return max(_round_units(self.received - self.booked - self.on_road), 0.0)

    @property
    def counted_down(self) -> float:
        """Received in Odoo and not counted by the marketplace any more."""
        return max(_round_units(self.booked - self.received), 0.0)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What to receive now: units by movement; and how the shipment stands after it."""

    units: Mapping[int, float]
    counts: tuple[Count, ...]


def find_shipment_ids(*texts: str) -> tuple[str, ...]:
    """The numbers of shipments in what a person, or a plan, wrote on transfers; each once."""
    return tuple(dict.fromkeys(hit for text in texts for hit in SHIPMENT_ID.findall((text or "").upper())))


def join_numbers(named: Iterable[str]) -> dict[str, str]:
    """Shipments that are counted together, because some transfer names several of them: for each number, all numbers
    of its group. named: the numbers of each transfer, as in `FBA15A FBA15B`."""
    group: dict[str, set[str]] = {}
    for numbers in map(str.split, named):
        joined = set(numbers).union(*(group.get(number, set()) for number in numbers))
        group |= dict.fromkeys(joined, joined)
    return {number: " ".join(sorted(joined)) for number, joined in group.items()}


def merge(shipments: Sequence[FbaShipment]) -> FbaShipment:
    """Several shipments as one: units added up. It is closed once all are, and has arrived once any has; what was
    cancelled does not count."""
    living = [shipment for shipment in shipments if shipment.status not in GONE] or list(shipments)
    sums: dict[str, tuple[int, int]] = {}
    for item in (item for shipment in living for item in shipment.items):
        shipped, received = sums.get(item.msku, (0, 0))
        sums[item.msku] = shipped + item.shipped, received + item.received
    statuses = [shipment.status for shipment in living]
    far = [status for status in statuses if status not in CLOSED]
    status = next((status for status in far if status in ARRIVED), "RECEIVING" if len(far) < len(statuses) else "")
    return FbaShipment(
        shipment_id=" ".join(sorted(shipment.shipment_id for shipment in shipments)),
        status=statuses[0] if not far else status or far[0],
        centre=" ".join(dict.fromkeys(shipment.centre for shipment in living if shipment.centre)),
        items=tuple(CountedSku(msku=msku, shipped=shipped, received=received)
                    for msku, (shipped, received) in sums.items()),
    )  # fmt: skip


def plan_step(
    shipment: FbaShipment, contents: Mapping[str, Sequence[Content]], moves: Iterable[RoadMove]
) -> Step:  # fmt: skip
    """contents: what each SKU is in Odoo; a SKU without is left out. moves: all of the shipment that are not
    cancelled."""
    shipped: dict[int, float] = defaultdict(float)
    received: dict[int, float] = defaultdict(float)
    for item in shipment.items:
        for content in contents.get(item.msku, ()):
            shipped[content.product] += item.shipped * content.units
            received[content.product] += item.received * content.units
    booked: dict[int, float] = defaultdict(float)
    waiting: dict[int, list[RoadMove]] = defaultdict(list)
    for move in moves:
        if move.is_done:
            booked[move.product] += move.units
        else:
            waiting[move.product].append(move)
    units: dict[int, float] = {}
    counts = []
    for product in sorted(shipped.keys() | booked.keys() | waiting.keys()):
        due = received[product] - booked[product]
        for move in sorted(waiting[product], key=lambda move: move.move_id):
            take = _round_units(min(due, move.there))
            if take > 0:
                units[move.move_id] = take
                due -= take
                booked[product] += take
        on_road = sum(move.there - units.get(move.move_id, 0.0) for move in waiting[product])
        counts.append(
            Count(product=product, shipped=_round_units(shipped[product]), received=_round_units(received[product]),
                  booked=_round_units(booked[product]), on_road=_round_units(on_road))
        )  # fmt: skip
    return Step(units=units, counts=tuple(counts))


def find_doubtful(
    units: Mapping[int, float], moves: Iterable[RoadMove], lots: Mapping[int, Mapping[int, float]]
) -> set[int]:
    """Products of which nobody can tell what arrived: a part of what is on the road, of which several lots or serial
    numbers are there; or units without any. units: to receive now, by movement. lots: units by lot, 0 for none, of
    movements of products that have lots."""
    taken: dict[int, float] = defaultdict(float)
    there: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for move in moves:
        if move.is_done or move.move_id not in lots:
            continue
        taken[move.product] += units.get(move.move_id, 0.0)
        for lot, count in lots[move.move_id].items():
            there[move.product][lot] += count
    doubtful = set()
    for product, count in taken.items():
        if count > 0 and is_doubtful(there[product], count):
            doubtful.add(product)
    return doubtful


def is_doubtful(lots: Mapping[int, float], units: float) -> bool:
    """Whether nobody can tell which of these lots so many units are of: some are of none, or of several some stay.
    lots: units by lot, 0 for none."""
    named = [count for lot, count in lots.items() if lot and count > 0]
    left = _round_units(sum(named) - units)
    return left < 0 or lots.get(0, 0.0) > 0 or (len(named) > 1 and left > 0)


def find_last_day(arrived_on: date | None, claim_days: int) -> date | None:
    """The last day on which the marketplace takes a claim; None while nothing has arrived."""
    return None if arrived_on is None else date.fromordinal(arrived_on.toordinal() + claim_days)


def _round_units(units: float) -> float:
    return round(units, 4) + 0.0
