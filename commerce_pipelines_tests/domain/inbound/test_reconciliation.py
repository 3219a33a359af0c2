"""Odoo against the ledger: every unit accounted for once, and a difference taken apart to the unit."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.inbound.ledger import Day, Event
from commerce_pipelines.domain.inbound.reconciliation import (
    GROUP_OF,
    Books,
    Content,
    Group,
    Line,
    Moved,
    Stocked,
    compare,
    count_units,
)

FIRST = date(2026, 11, 16)
DAYS = [FIRST + timedelta(days=n) for n in range(5)]
KETTLE, MUG = 7, 8
WITHIN = tuple(event for event in Event if event is not Event.TRANSFERS)


def build_days(opening: int, events: dict[int, dict[Event, int]], transit: dict[int, int] | None = None) -> Any:
    """The SKU KET over five days. events: by the number of the day; transit: units between centres at its end."""
    days, left = {}, opening
    for number, day in enumerate(DAYS):
        of_day = events.get(number, {})
        end = left + sum(of_day.values())
        days[day] = {"KET": Day(start=left, end=end, in_transit=(transit or {}).get(number, 0), events=dict(of_day))}
        left = end
    return days


def build_books(days: Any, odoo: float, moved: list[Moved] | None = None, **more: Any) -> Books:
    stocked = Stocked(code="KET", units=odoo, **more.pop("stocked", {}))
    contents = {"KET": [Content(KETTLE, 1)], "KET-6PK": [Content(KETTLE, 6)]}
    return Books(days=days, contents=contents, stocked={KETTLE: stocked}, moved=moved or [], **more)


def test_what_agrees_is_no_line() -> None:
    assert compare(build_books(build_days(10, {2: {Event.SHIPMENTS: -3}}), 7)) == []


def test_a_lost_unit_that_odoo_does_not_know_is_named() -> None:
    days = build_days(10, {1: {Event.SHIPMENTS: -3}, 3: {Event.LOST: -2}})
    [line] = compare(build_books(days, 7, [Moved(KETTLE, DAYS[1], Group.SHIPMENTS, -3.0)]))
    assert (line.difference, line.before) == (2, 0)
    assert line.by_event == {Group.ADJUSTMENTS: (-2.0, 0.0)}
    assert line.details == {Event.LOST: -2}
    assert not line.is_open


def test_a_reimbursement_in_kind_comes_back_as_found_and_counts_once() -> None:
    days = build_days(10, {1: {Event.LOST: -2}, 3: {Event.FOUND: 2}})
    assert compare(build_books(days, 10)) == []
    [line] = compare(build_books(days, 12, [Moved(KETTLE, DAYS[3], Group.ADJUSTMENTS, 2.0)]))
    assert (line.difference, line.by_event) == (2, {Group.ADJUSTMENTS: (0.0, 2.0)})


def test_units_on_the_way_between_centres_are_still_there() -> None:
    days = build_days(10, {2: {Event.TRANSFERS: -4}}, transit={2: 4, 3: 4, 4: 4})
    assert count_units(days[DAYS[-1]], {"KET": [Content(KETTLE, 1)]}) == {KETTLE: 10}
    assert compare(build_books(days, 10)) == []


def test_a_pack_is_so_many_units_and_two_skus_are_one_product() -> None:
    days = build_days(10, {})
    for of_day in days.values():
        of_day["KET-6PK"] = Day(start=2, end=2)
    assert compare(build_books(days, 22)) == []


def test_a_delivery_that_is_open_in_odoo_explains_a_shipment() -> None:
    days = build_days(10, {4: {Event.SHIPMENTS: -3}})
    [line] = compare(build_books(days, 10, stocked={"to_leave": 3.0}))
    assert (line.difference, line.is_open) == (3, True)
    [line] = compare(build_books(days, 10, stocked={"to_leave": 2.0}))
    assert not line.is_open


def test_what_differed_before_is_told_apart_from_what_differs_since() -> None:
    days = build_days(10, {4: {Event.LOST: -1}})
    [line] = compare(build_books(days, 12))
    assert (line.difference, line.before, line.by_event) == (3, 2, {Group.ADJUSTMENTS: (-1.0, 0.0)})
    [line] = compare(build_books(days, 10, agreed={KETTLE: DAYS[3]}))
    assert (line.difference, line.before, line.agreed_on) == (1, 0, DAYS[3])


def test_goods_that_the_marketplace_does_not_have_at_all() -> None:
    books = build_books(build_days(0, {}), 0)
    more = Books(days=books.days, contents=books.contents, stocked={**books.stocked, MUG: Stocked(code="MUG", units=4)})
    [line] = compare(more)
    assert (line.code, line.marketplace, line.odoo, line.mskus) == ("MUG", 0, 4, ())


@given(
    opening=st.integers(0, 50), there=st.integers(-5, 5), begun=st.integers(-1, 3),
    events=st.dictionaries(st.integers(0, 4), st.dictionaries(st.sampled_from(WITHIN), st.integers(-9, 9))),
    transit=st.dictionaries(st.integers(0, 4), st.integers(0, 6)),
    moves=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(Group)), st.integers(-9, 9)), max_size=8),
)  # fmt: skip
def test_every_unit_is_accounted_for_once(
    opening: int, there: int, begun: int, events: dict[int, dict[Event, int]], transit: dict[int, int],
    moves: list[tuple[int, Group, int]],
) -> None:  # fmt: skip
    """What differed before and what each kind of event differs by make the difference, whatever happened."""
    before = 0
    for number in range(5):  # what travels between centres leaves one balance and enters another
        now = transit.get(number, 0)
        events.setdefault(number, {})[Event.TRANSFERS] = before - now
        before = now
    days = build_days(opening, events, transit)
    odoo = opening + there + sum(units for _, _, units in moves)
    moved = [Moved(KETTLE, DAYS[number], group, float(units)) for number, group, units in moves]
    agreed = {KETTLE: DAYS[begun]} if begun >= 0 else {}
    lines = compare(build_books(days, odoo, moved, agreed=agreed))
    left = opening + sum(units for of in events.values() for units in of.values()) + transit.get(4, 0)
    assert [line.difference for line in lines] == ([odoo - left] if odoo != left else [])
    for line in lines:
        assert line.difference == line.before + sum(ours - theirs for theirs, ours in line.by_event.values())
        assert line.before == _compute_before(opening, there, begun, events, transit, moves)
        assert line.by_event == _compute_parts(line, begun, events, moves)


def _compute_before(opening: int, there: int, begun: int, events: Any, transit: Any, moves: Any) -> float:
    theirs = opening + sum(sum(events.get(n, {}).values()) for n in range(begun + 1)) + transit.get(begun, 0)
    return float(opening + there + sum(units for n, _, units in moves if n <= begun) - theirs)


def _compute_parts(line: Line, begun: int, events: Any, moves: Any) -> dict[Group, tuple[float, float]]:
    theirs: dict[Group, float] = defaultdict(float)
    ours: dict[Group, float] = defaultdict(float)
    for number, of_day in events.items():
        for event, units in of_day.items():
            if number > begun and event is not Event.TRANSFERS:
                theirs[GROUP_OF.get(event, Group.ADJUSTMENTS)] += units
    for number, group, units in moves:
        ours[group] += units if number > begun else 0
    return {group: (theirs[group], ours[group]) for group in Group if ours[group] != theirs[group]}
