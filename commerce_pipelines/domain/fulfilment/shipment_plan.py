"""What a channel is told of an order's deliveries: each unit once, never more than was ordered or has left.

What belongs here: the pure step from deliveries, the order and what is on record to parcels, corrections and what
waits. What does not: which parcels there are (deliveries.py), recording and sending (flows/fulfilment/).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from ...core.reasons import Reason
from .deliveries import DeliveredOrder, Parcel, most_units, parcels_of, shipped_units
from .rules import FulfilmentRules
from .shipments import Shipment, ShippedLine

# Clocks of channels may be behind ours by so much: a parcel sent that long after an answer may be in it already.
CLOCKS_DIFFER_BY = timedelta(minutes=1)


class OrderedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A product line of the channel's order. line: external id of its line in Odoo. shown: units that the channel
    shows as shipped. pack: units in Odoo of one unit of the channel. worth: minor units charged for all of them, their
    discounts and tax included."""

    line_id: str
    line: str
    quantity: int
    shown: int = 0
    pack: int = 1
    worth: int = 0


class OrderedGoods(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the channel's order that matters for shipments. answered_at: when the channel changed it last, as far
    as we know."""

    order_id: str
    placed_at: datetime
    answered_at: datetime
    lines: tuple[OrderedLine, ...]
    marketplace: str = ""
    currency: str = ""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel on record. shipment: as the channel knows it, corrections included. begun: the channel has been told of
    it, or may have been; it did not refuse. accepted: the channel has accepted it. sent_at: the
    last attempt. package: its package in Odoo."""

    shipment: Shipment
    picking: int
    package: str = ""
    begun: bool = True
    accepted: bool = True
    sent_at: datetime | None = None

    @property
    def key(self) -> str:
        return parcel_key(self.picking, self.shipment.parcel)


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that the channel shall be told of, or whose tracking number it shall be told anew."""

    shipment: Shipment
    parcel: Parcel

    @property
    def key(self) -> str:
        return parcel_key(self.parcel.delivery.picking, self.shipment.parcel)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """confirm: parcels to confirm. correct: confirmed parcels with another tracking number now. withdraw: keys of
    parcels on record, not begun, that are no longer wanted. waits: why parcels wait for a person. untold: pickings of
    which the channel does not know everything yet, as far as we know."""

    confirm: tuple[Planned, ...] = ()
    correct: tuple[Planned, ...] = ()
    withdraw: tuple[str, ...] = ()
    waits: tuple[Reason, ...] = ()
    untold: frozenset[int] = frozenset()

    @property
    def settled(self) -> bool:
        return not (self.confirm or self.correct or self.waits)


def parcel_key(picking: int, parcel: int) -> str:
    """The key of a parcel's effects."""
    return f"{picking}/{parcel}"


def plan(
    delivered: DeliveredOrder, goods: OrderedGoods, records: Sequence[Recorded], rules: FulfilmentRules, now: datetime
) -> Plan:
    """What is to be told of an order. records: all parcels of the order on record that no newer one replaced."""
    parcels = [parcel for delivery in delivered.deliveries for parcel in parcels_of(delivery)]
    owners = _match(parcels, records)
    due = _find_due(delivered, goods, parcels, records, owners)
    confirm, waits = [], []
    numbers = _Numbers(parcels, records)
    for together in _join_by_number(parcels, [index for index, lines in enumerate(due) if lines], owners):
        parcel = parcels[together[0]]
        if reason := _find_hindrance(parcel, rules):
            waits.append(reason)
            continue
        lines = sum((Counter(due[index]) for index in together), Counter())
        shipped = tuple(ShippedLine(line_id=line_id, quantity=units) for line_id, units in lines.items())
        shipment = _build_shipment(goods, parcel, numbers.take(parcel), shipped, rules, now)
        confirm.append(Planned(shipment=shipment, parcel=parcel))
    wanted = {planned.key for planned in confirm}
    due_pickings = {parcels[index].delivery.picking for index, lines in enumerate(due) if lines}
    in_doubt = {record.picking for record in records if record.begun and not record.accepted}
    return Plan(
        confirm=tuple(confirm),
        correct=tuple(_find_corrections(goods, parcels, owners, rules, now)),
        withdraw=tuple(record.key for record in records if not record.begun and record.key not in wanted),
        waits=tuple(dict.fromkeys(waits)),
        untold=frozenset(due_pickings | in_doubt),
    )


def _join_by_number(
    parcels: Sequence[Parcel], indexes: Iterable[int], owners: Mapping[int, Recorded]
) -> list[list[int]]:
    """Parcels, by their places, each with those of other deliveries under the same tracking number: goods that are
    packed together leave in one parcel, however many deliveries Odoo counts. A parcel that the channel knows already
    takes no more goods."""
    groups: list[list[int]] = []
    for index in indexes:
        parcel = parcels[index]
        for group in groups if parcel.number and index not in owners else ():
            first = parcels[group[0]]
            same = (first.number, first.more, first.delivery.method) == (
                parcel.number, parcel.more, parcel.delivery.method
            )  # fmt: skip
            if same and first.delivery.picking != parcel.delivery.picking and group[0] not in owners:
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def _match(parcels: Sequence[Parcel], records: Sequence[Recorded]) -> dict[int, Recorded]:
    """Which parcel, by its place, each begun record is about: that of its package, else the next one of its picking."""
    owners: dict[int, Recorded] = {}
    begun = sorted((record for record in records if record.begun), key=lambda record: record.shipment.parcel)
    for exactly in (True, False):
        for record in begun:
            if any(owner is record for owner in owners.values()):
                continue
            for index, parcel in enumerate(parcels):
                same = parcel.package == record.package or not exactly
                if index not in owners and parcel.delivery.picking == record.picking and same:
                    owners[index] = record
                    break
    return owners


def _find_due(
    delivered: DeliveredOrder,
    goods: OrderedGoods,
    parcels: Sequence[Parcel],
    records: Sequence[Recorded],
    owners: Mapping[int, Recorded],
) -> list[dict[str, int]]:
    """Units by line id that are to be confirmed of each parcel."""
    due: list[dict[str, int]] = [{} for _ in parcels]
    lines = {line.line: line for line in delivered.lines}
    for ordered in goods.lines:
        line = lines.get(ordered.line)
        if line is None:
            continue
        left = shipped_units(line, parcels, ordered.pack)
        shown, later = _sum_begun(records, ordered.line_id, goods.answered_at)
        most = min(ordered.quantity, most_units(line, sum(left), ordered.pack))
        open_units = most - max(shown, ordered.shown) - later
        by_hand = max(ordered.shown - shown, 0)  # confirmed by somebody else, who is taken to begin with the oldest
        for index, units in enumerate(_subtract_told(left, parcels, records, owners, ordered.line_id)):
            skipped = min(units, by_hand)
            by_hand -= skipped
            taken = min(units - skipped, open_units)
            if taken > 0:
                due[index][ordered.line_id] = taken
                open_units -= taken
    return due


def _sum_begun(records: Sequence[Recorded], line_id: str, answered_at: datetime) -> tuple[int, int]:
    """Units of a line in parcels that the channel's answer may show, and in those that it cannot show yet."""
    shown = later = 0
    for record in records:
        units = units_of(record.shipment, line_id) if record.begun else 0
        if record.sent_at is None or record.sent_at <= answered_at + CLOCKS_DIFFER_BY:
            shown += units
        else:
            later += units
    return shown, later


def _subtract_told(
    left: Sequence[int],
    parcels: Sequence[Parcel],
    records: Sequence[Recorded],
    owners: Mapping[int, Recorded],
    line_id: str,
) -> list[int]:
    """Units in each parcel that no begun record has. What a record has more than its parcel is taken off the other
    parcels of its picking, then off those with its tracking number, then off any."""
    rest = list(left)
    begun = [record for record in records if record.begun]
    over = {record.key: units_of(record.shipment, line_id) for record in begun}

    def take(index: int, record: Recorded) -> None:
        taken = min(max(rest[index], 0), over[record.key])
        rest[index] -= taken
        over[record.key] -= taken

    for index, record in owners.items():
        take(index, record)
    for near in _NEAR:
        for record in begun:
            for index, parcel in enumerate(parcels):
                if near(parcel, record):
                    take(index, record)
    return rest


_NEAR: tuple[Callable[[Parcel, Recorded], bool], ...] = (
    lambda parcel, record: parcel.delivery.picking == record.picking,
    lambda parcel, record: bool(parcel.number) and parcel.number == record.shipment.tracking_number,
    lambda parcel, record: True,
)


def units_of(shipment: Shipment, line_id: str) -> int:
    return sum(line.quantity for line in shipment.lines if line.line_id == line_id)


def _find_hindrance(parcel: Parcel, rules: FulfilmentRules) -> Reason | None:
    delivery = parcel.delivery
    if not parcel.number:
        if rules.missing_tracking == "send":
            return None
        return Reason(
            "no_tracking", f"The delivery {delivery.name} has no tracking number.",
            "Enter it in Odoo on the delivery, or set `fulfilment.missing_tracking: send` for this channel.",
            delivery.name,
        )  # fmt: skip
    if rules.carrier_of(delivery.method) is None:
        method = f"the delivery method {delivery.method!r}" if delivery.method else "no delivery method"
        return Reason(
            "unmapped_carrier", f"The delivery {delivery.name} has {method}, which is no carrier of the channel.",
            f"Write {delivery.method!r}, or '' for all others, under `fulfilment.carriers` of this channel, or give "
            "the delivery another method in Odoo.",
            delivery.method,
        )  # fmt: skip
    return None


def _build_shipment(
    goods: OrderedGoods, parcel: Parcel, number: int, lines: tuple[ShippedLine, ...], rules: FulfilmentRules,
    now: datetime,
) -> Shipment:  # fmt: skip
    carrier, name = rules.carrier_of(parcel.delivery.method) or ("", "")
    return Shipment(
        order_id=goods.order_id, parcel=number, lines=lines, marketplace=goods.marketplace, carrier=carrier,
        carrier_name=name, tracking_number=parcel.number, more_numbers=parcel.more, tracking_url=parcel.url,
        shipped_at=max(min(parcel.delivery.shipped_at, now), goods.placed_at),
    )  # fmt: skip


def _find_corrections(
    goods: OrderedGoods, parcels: Sequence[Parcel], owners: Mapping[int, Recorded], rules: FulfilmentRules,
    now: datetime,
) -> list[Planned]:  # fmt: skip
    """Accepted parcels that have another tracking number in Odoo now."""
    corrections = []
    for index, record in owners.items():
        parcel, before = parcels[index], record.shipment
        same = (parcel.number, parcel.more) == (before.tracking_number, before.more_numbers)
        if record.accepted and parcel.number and not same and rules.carrier_of(parcel.delivery.method) is not None:
            shipment = _build_shipment(goods, parcel, before.parcel, before.lines, rules, now)
            corrections.append(
                Planned(shipment=msgspec.structs.replace(shipment, shipped_at=before.shipped_at), parcel=parcel)
            )
    return corrections


class _Numbers:
    """Numbers of parcels: one on record that was not begun keeps its number, a new one counts on."""

    def __init__(self, parcels: Sequence[Parcel], records: Sequence[Recorded]) -> None:
        self._free = sorted(
            (record for record in records if not record.begun), key=lambda record: record.shipment.parcel
        )
        self._last = max((record.shipment.parcel for record in records), default=0)

    def take(self, parcel: Parcel) -> int:
        picking = parcel.delivery.picking
        mine = [record for record in self._free if record.picking == picking]
        same = [record for record in mine if record.package == parcel.package] or mine
        if same:
            self._free.remove(same[0])
            return same[0].shipment.parcel
        self._last += 1
        return self._last
