"""Which parcel of a removal order is which, and what of it Odoo has still to bring on the road home.

What belongs here: these rules, pure. What does not: rows and parcels (removals.py), transfers (odoo/inbound/), what is
kept of a parcel (warehouse/inbound/).

**A parcel keeps its key.** The report may tell another tracking number or day of it later; its transfers are found by
the key, which it got when it was seen first.

**No more than the order.** A step is what was shipped of a parcel, less what Odoo has moved for it. What Odoo has moved
beyond that, of any parcel of the order, counts for the others of the order. So no unit is moved twice, whatever the
report renames. What is left then is shown; nothing is taken back.

**What was moved stays.** A SKU that means another product since, or another number of them, changes nothing about units
that were moved before: they are kept in layers, each with what the SKU meant then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum

import msgspec

from ..outbox.effects import digest
from .reconciliation import Content
from .removals import Goods, Own, Parcel

MARGIN = timedelta(days=2)  # by which a day may move across the ends of a report
NOISE = 0.05  # of the smallest amount of a unit: what kits in parts leave by their own rounding


class State(StrEnum):
    """TOLD: the report has the parcel. OLD: it waits, and is older than the report. GONE: the report should have it and
    does not."""

    TOLD = "told"
    OLD = "old"
    GONE = "gone"


class Layer(msgspec.Struct, frozen=True, array_like=True):
    """Units of a SKU that were moved while one of them was this."""

    units: int
    contents: tuple[Content, ...]


Layers = Mapping[Goods, tuple[Layer, ...]]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel on record. parcel: as it was told last. transfers: of its transfers out, so many are dated. code: why it
    waits, '' for nothing."""

    key: str
    parcel: Parcel
    layers: Layers = {}
    transfers: int = 0
    code: str = ""


class Standing(Kept, frozen=True, kw_only=True):
    """A parcel now. before: as it was told before."""

    state: State = State.TOLD
    before: Parcel | None = None


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What a parcel still has to move in Odoo. fewer: units by product that Odoo has moved and the report does not tell
    any more. lost: of which a part is less than Odoo counts."""

    units: Mapping[Own, float] = {}
    fewer: Mapping[Own, float] = {}
    lost: Mapping[Own, float] = {}


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """Units on a parcel's transfers out. undone: of these, on transfers that people cancelled or returned."""

    units: Mapping[Own, float] = {}
    undone: Mapping[Own, float] = {}


def match_parcels(
    parcels: Sequence[Parcel], kept: Iterable[Kept], span: tuple[date, date], unclear: frozenset[str] = frozenset()
) -> dict[str, Standing]:
    """By key, the parcels that count now. span: the report's days `[start, end)`. unclear: orders of which the report
    has rows of an unclear kind."""
    loose = {row.key: row for row in kept}
    taken = set(loose)
    standings: dict[str, Standing] = {}
    todo = list(parcels)
    for is_same in (_is_equal, _has_number, _has_goods):
        rest = []
        for parcel in todo:
            row = min(
                (row for row in loose.values() if is_same(parcel, row, span[0])),
                key=lambda row: (abs(row.parcel.shipped_on - parcel.shipped_on), row.key), default=None,
            )  # fmt: skip
            if row is None:
                rest.append(parcel)
                continue
            del loose[row.key]
            standings[row.key] = _build_standing(row, parcel, State.TOLD)
        todo = rest
    for parcel in todo:
        key = _make_key(parcel, taken)
        taken.add(key)
        standings[key] = Standing(key=key, parcel=parcel)
    for row in loose.values():
        state = _judge(row, span, unclear)
        if state:
            units = {} if state is State.GONE else row.parcel.units
            standings[row.key] = _build_standing(row, msgspec.structs.replace(row.parcel, units=units), state)
    return standings


def _build_standing(row: Kept, parcel: Parcel, state: State) -> Standing:
    return Standing(
        key=row.key, parcel=parcel, layers=row.layers, transfers=row.transfers, code=row.code, state=state,
        before=row.parcel,
    )  # fmt: skip


def _is_equal(parcel: Parcel, row: Kept, start: date) -> bool:
    return _read_identity(parcel) == _read_identity(row.parcel)


def _has_number(parcel: Parcel, row: Kept, start: date) -> bool:
    """Only its day has changed."""
    same = (parcel.order_id, parcel.tracking) == (row.parcel.order_id, row.parcel.tracking)
    return bool(parcel.tracking) and same and (_may_be_seen(row, start) or _count_units(row) == dict(parcel.units))


def _has_goods(parcel: Parcel, row: Kept, start: date) -> bool:
    """The same units of the same order, under another number or day. One that has left the report by its age is there
    again only by a small change of its day; else it is another parcel of equal goods."""
    day = row.parcel.shipped_on
    same = parcel.order_id == row.parcel.order_id and _may_be_seen(row, start)
    is_near = day >= start or parcel.shipped_on - day <= MARGIN
    return same and is_near and _count_units(row) == dict(parcel.units)


def _may_be_seen(row: Kept, start: date) -> bool:
    return row.parcel.shipped_on >= start - MARGIN


def _count_units(row: Kept) -> dict[Goods, int]:
    """As it was told last; of a parcel that had vanished, what was moved of it."""
    if row.parcel.units:
        return dict(row.parcel.units)
    return {goods: sum(layer.units for layer in layers) for goods, layers in row.layers.items()}


def _read_identity(parcel: Parcel) -> tuple[str, date, str]:
    return parcel.order_id, parcel.shipped_on, parcel.tracking


def _make_key(parcel: Parcel, taken: set[str]) -> str:
    """It begins with the order's, by which transfers are found that nothing is on record of."""
    of = {"day": str(parcel.shipped_on), "tracking": parcel.tracking}
    keys = (f"{order_key(parcel.order_id)}{digest({**of, 'number': n})[:10]}" for n in range(len(taken) + 1))
    return next(key for key in keys if key not in taken)


def order_key(order_id: str) -> str:
    return digest({"order": order_id})[:10]


def _judge(row: Kept, span: tuple[date, date], unclear: frozenset[str]) -> State | None:
    """How a parcel stands that the report does not have; None for one that is settled and too old for it, or of which
    nobody can tell, because its day is at an end of the report, or its order has rows of an unclear kind."""
    start, end = span
    day = row.parcel.shipped_on
    if start + MARGIN <= day < end and row.parcel.order_id not in unclear:
        return State.GONE
    return State.OLD if row.code else None


def plan_ways(
    standings: Mapping[str, Standing], contents: Mapping[str, Sequence[Content]], moved: Mapping[str, Moves],
    step: float,
) -> dict[str, Way]:  # fmt: skip
    """By key. contents: what each SKU is in Odoo now; one that is nothing is left out. moved: by key, also of parcels
    that nothing is on record of. step: the smallest amount that Odoo counts."""
    orders: dict[str, list[str]] = defaultdict(list)
    for key in sorted(standings.keys() | moved.keys()):
        orders[order_key(standings[key].parcel.order_id) if key in standings else key[:10]].append(key)
    ways: dict[str, Way] = {}
    for keys in orders.values():
        parcels = {key: _add_contents(standings[key], contents) if key in standings else ({}, True) for key in keys}
        ways |= _plan_order(parcels, moved, step)
    return {key: way for key, way in ways.items() if key in standings}


def _plan_order(
    parcels: Mapping[str, tuple[Mapping[Own, float], bool]], moved: Mapping[str, Moves], step: float
) -> dict[str, Way]:
    """parcels: by key, units by product, and whether they are all."""
    needs: dict[str, dict[Own, float]] = {}
    beyond: dict[str, dict[Own, float]] = {}
    lost: dict[str, dict[Own, float]] = {}
    for key, (wanted, is_complete) in parcels.items():
        have = moved.get(key, Moves()).units
        exact = {own: _round(units, step) for own, units in wanted.items()}
        rest = {own: round(exact.get(own, 0.0) - have.get(own, 0.0), 6) for own in sorted(exact.keys() | have.keys())}
        needs[key] = {own: units for own, units in rest.items() if units > step / 2}
        beyond[key] = {own: -units for own, units in rest.items() if units < -step / 2 and is_complete}
        lost[key] = {own: round(wanted[own] - units, 6) for own, units in exact.items()}
    _set_off(needs, beyond)
    ways = {}
    for key in parcels:
        undone = moved.get(key, Moves()).undone
        fewer = {own: round(units - undone.get(own, 0.0), 6) for own, units in beyond[key].items()}
        ways[key] = Way(
            units=needs[key], fewer={own: units for own, units in fewer.items() if units > step / 2},
            lost={own: units for own, units in lost[key].items() if abs(units) > step * NOISE},
        )  # fmt: skip
    return ways


def _set_off(needs: dict[str, dict[Own, float]], beyond: dict[str, dict[Own, float]]) -> None:
    """What was moved beyond one parcel of an order counts for its others."""
    for need in needs.values():
        for own in list(need):
            for more in beyond.values():
                units = min(need.get(own, 0.0), more.get(own, 0.0))
                for of in (need, more) if units else ():
                    of[own] = round(of[own] - units, 6)
                    if not of[own]:
                        del of[own]


def _add_contents(standing: Standing, contents: Mapping[str, Sequence[Content]]) -> tuple[dict[Own, float], bool]:
    """Units by product, and whether every SKU of the parcel is known."""
    shipped: dict[Own, float] = {}
    is_complete = True
    for goods, units in standing.parcel.units.items():
        layers = add_layer(standing.layers.get(goods, ()), units, contents.get(goods[0]))
        is_complete = is_complete and sum(layer.units for layer in layers) == units
        for layer in layers:
            for content in layer.contents:
                own = (content.product, goods[1])
                shipped[own] = shipped.get(own, 0.0) + layer.units * content.units
    return shipped, is_complete


def add_layer(layers: Sequence[Layer], units: int, contents: Sequence[Content] | None) -> tuple[Layer, ...]:
    """These layers for so many units: the newest give way first; what is more is of today's contents, None for a SKU
    that nobody knows."""
    kept: list[Layer] = []
    left = units
    for layer in layers:
        count = min(layer.units, left)
        if count:
            kept.append(Layer(count, layer.contents))
        left -= count
    if not left or contents is None:
        return tuple(kept)
    newest = Layer(left, tuple(contents))
    if kept and kept[-1].contents == newest.contents:
        newest = Layer(left + kept.pop().units, newest.contents)
    return (*kept, newest)


def settle(standing: Standing, contents: Mapping[str, Sequence[Content]], way: Way) -> Layers:
    """The layers once a run is over. way: what is still to be moved."""
    layers = dict(standing.layers)
    for (msku, is_sellable), units in standing.parcel.units.items():
        now = add_layer(layers.get((msku, is_sellable), ()), units, contents.get(msku))
        if not any((content.product, is_sellable) in way.units for layer in now for content in layer.contents):
            layers[msku, is_sellable] = now
    return layers


def _round(units: float, step: float) -> float:
    """As Odoo does: half a step is rounded up."""
    return round(int(units / step + 0.5 + 1e-9) * step, 6)
