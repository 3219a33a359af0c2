"""What the marketplace sends back: rows without ids added up by parcel, and never moved twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.inbound.reconciliation import Content
from commerce_pipelines.domain.inbound.removal_ways import (
    Kept,
    Layer,
    Moves,
    State,
    Way,
    match_parcels,
    plan_ways,
    settle,
)
from commerce_pipelines.domain.inbound.removals import (
    Own,
    RemovalRules,
    RemovedUnits,
    Unclear,
    build_parcels,
    sort_rows,
)

DAY = date(2026, 11, 10)
CONTENTS = {"MUG": (Content(1, 1.0),), "MUG-6": (Content(1, 6.0),), "SET": (Content(1, 2.0), Content(2, 1.0))}


def row(units: int = 1, msku: str = "MUG", order: str = "R1", *, sellable: bool = True, **more: str) -> RemovedUnits:
    day = DAY.replace(day=int(more.pop("day", "10")))
    return RemovedUnits(
        order_id=order, shipped_on=day, msku=msku, units=units, is_sellable=sellable, **{"kind": "Return", **more}
    )


def test_equal_rows_of_a_parcel_are_added_up_and_parcels_are_kept_apart() -> None:
    rows = [
        row(),
        row(),
        row(3, sellable=False),
        row(1, order="R2"),
        row(2, tracking="T2"),
        row(1, day="9"),
        row(0, "X"),
    ]
    parcels = build_parcels(rows, DAY)
    assert [(parcel.order_id, parcel.tracking, dict(parcel.units)) for parcel in parcels] == [
        ("R1", "", {("MUG", True): 2, ("MUG", False): 3}), ("R1", "T2", {("MUG", True): 2}),
        ("R2", "", {("MUG", True): 1}),
    ]  # fmt: skip
    assert len(match(parcels)) == 3
    assert build_parcels([row(carrier="DHL", tracking="T1")], DAY)[0].name == "removal R1 DHL T1"


def test_packs_and_kits_are_what_they_hold_and_a_sku_without_product_is_left_out() -> None:
    rows = [row(1, "MUG-6"), row(2, "SET"), row(9, "UNKNOWN")]
    assert plan(rows).units == {(1, True): 10.0, (2, True): 2.0}


def test_what_goes_down_is_shown_and_nothing_is_taken_back() -> None:
    way = plan([row(2)], moved={(1, True): 3.0})
    assert (way.units, way.fewer) == ({}, {(1, True): 1.0})
    assert plan([row(2), row(1, "UNKNOWN")], moved={(1, True): 3.0}).fewer == {}  # it may be the one without a product
    assert plan([row(2)], moved={(1, True): 3.0}, undone={(1, True): 1.0}).fewer == {}  # a person has returned it


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(tuple(CONTENTS)), st.booleans()), max_size=8))
def test_what_was_moved_is_never_moved_again(some: list[tuple[int, str, bool]]) -> None:
    rows = [row(units, msku, sellable=sellable) for units, msku, sellable in some]
    kept: list[Kept] = []
    moved: dict[str, dict[Own, float]] = {}
    for count in range(1, len(rows) + 1):  # the report grows, row by row
        kept = run(rows[:count], kept, moved)
    assert moves_of(rows, kept, moved) == {}
    assert sum(sum(of.values()) for of in moved.values()) == sum(
        units * content.units for units, msku, _ in some if units > 0 for content in CONTENTS[msku]
    )


PARCELS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(("MUG", "MUG-6")), st.sampled_from(("", "T1", "T2")),
              st.sampled_from(("8", "9", "10"))), max_size=5,
)  # fmt: skip


@given(st.lists(PARCELS, min_size=1, max_size=5))
def test_whatever_the_report_renames_no_more_moves_than_it_tells_at_most(reports: list[Any]) -> None:
    """And no less than it tells last."""
    kept: list[Kept] = []
    moved: dict[str, dict[Own, float]] = {}
    totals = [0.0]
    for rows_of in reports:
        rows = [row(units, msku, tracking=number, day=day) for units, msku, number, day in rows_of]
        kept = run(rows, kept, moved)
        totals.append(sum(units * CONTENTS[msku][0].units for units, msku, *_ in rows_of))
        assert totals[-1] <= sum(sum(of.values()) for of in moved.values()) <= max(totals)
        assert moves_of(rows, kept, moved) == {}


@pytest.mark.parametrize("later", [{"tracking": "T1"}, {"day": "12"}, {"tracking": "T1", "day": "9"}])
def test_a_parcel_keeps_its_key_whatever_the_report_calls_it_later(later: dict[str, Any]) -> None:
    [first] = match(build_parcels([row(3)], DAY - WEEK))
    kept = [Kept(key=first, parcel=build_parcels([row(3)], DAY - WEEK)[0])]
    [(key, now)] = match(build_parcels([row(3, **later)], DAY - WEEK), kept).items()
    assert (key, now.state, now.before) == (first, State.TOLD, kept[0].parcel)
    both = match(build_parcels([row(3, **later), row(2)], DAY - WEEK), kept)  # the old name is there, too
    assert [standing.parcel.units["MUG", True] for key, standing in both.items() if key == first] == [2]


def test_equal_goods_of_an_order_weeks_later_are_another_parcel() -> None:
    [first] = build_parcels([row(3)], DAY)
    early = msgspec.structs.replace(first, shipped_on=DAY - WEEK - timedelta(days=1))
    kept = [Kept(key="k", parcel=early)]
    assert [of.before for of in match([first], kept).values() if of.state is State.TOLD] == [None]
    near = msgspec.structs.replace(first, shipped_on=DAY - WEEK)  # its day has changed by an hour
    assert [(key, of.before) for key, of in match([near], kept).items()] == [("k", early)]


def test_what_is_gone_what_is_old_and_what_nobody_can_tell() -> None:
    def stand(day: date, code: str = "", unclear: Sequence[str] = ()) -> list[State]:
        parcel = msgspec.structs.replace(build_parcels([row(3)], DAY)[0], shipped_on=day)
        return [of.state for of in match([], [Kept(key="k", parcel=parcel, code=code)], unclear).values()]

    start = DAY - WEEK
    assert stand(DAY) == [State.GONE]
    assert stand(DAY, unclear=["R1"]) == []
    assert stand(start + timedelta(days=1)) == stand(start - timedelta(days=1)) == []
    assert stand(start - timedelta(days=3)) == []
    assert stand(start - timedelta(days=300), "unknown_sku") == [State.OLD]
    assert stand(start + timedelta(days=1), "unknown_sku") == [State.OLD]


def test_a_gone_parcel_counts_for_another_of_its_order() -> None:
    [gone] = build_parcels([row(3)], DAY)
    kept = [Kept(key=key, parcel=gone) for key in match([gone])]
    moved = {kept[0].key: {(1, True): 3.0}}
    ways = ways_of([row(2, tracking="T1")], kept, moved)
    assert [(way.units, way.fewer) for way in ways.values() if way.fewer] == [({}, {(1, True): 1.0})]
    other = ways_of([row(2, order="R2")], kept, moved)
    assert sorted(sum(way.units.values()) for way in other.values()) == [0.0, 2.0]


def test_what_was_moved_stays_what_it_was_though_its_sku_changes() -> None:
    kept: list[Kept] = []
    moved: dict[str, dict[Own, float]] = {}
    kept = run([row(2)], kept, moved)
    six = {"MUG": (Content(1, 6.0),)}
    assert moves_of([row(2)], kept, moved, six) == {}
    kept = run([row(3)], kept, moved, six)  # one more of today's
    assert [*moved.values()] == [{(1, True): 8.0}]
    other = {"MUG": (Content(7, 1.0),)}
    assert moves_of([row(3)], kept, moved, other) == {}
    [layers] = kept[0].layers.values()
    assert layers == (Layer(2, CONTENTS["MUG"]), Layer(1, six["MUG"]))
    assert plan([row(1)], moved={(1, True): 8.0}, kept=kept).fewer == {(1, True): 7.0}
    assert moves_of([row(3)], kept, moved, {}) == {}  # nobody knows the SKU any more


def test_parts_of_a_unit_are_moved_as_odoo_counts_and_told() -> None:
    third = {"MUG": (Content(1, 0.333333),)}
    way = plan([row(1)], contents=third)
    assert (way.units, way.lost) == ({(1, True): 0.33}, {(1, True): pytest.approx(0.003333)})
    again = plan([row(1)], moved={(1, True): 0.33}, contents=third)
    assert (again.units, again.fewer) == ({}, {})
    assert again.lost
    assert plan([row(3)], contents=third) == Way(units={(1, True): 1.0})
    assert plan([row(1)], contents={"MUG": (Content(1, 0.004),)}).units == {}


@pytest.mark.parametrize(
    ("word", "state"),
    [("Return", "home"), (" RETURN", "home"), ("Disposal", "other"), ("Liquidations", "other"), ("", "unclear"),
     ("Rückgabe", "unclear")],
)  # fmt: skip
def test_only_returns_come_home_and_no_kind_is_guessed(word: str, state: str) -> None:
    home, unclear = sort_rows([row(3, kind=word), row(2, kind=word)], {})
    assert ("home" if home else "unclear" if unclear else "other") == state
    if unclear:
        assert unclear == {word: Unclear(rows=2, units=5, orders=frozenset(("R1",)))}
    assert len(sort_rows([row(3, kind=word)], {"": "return", "rückgabe": "return"})[0]) == (state != "other")


WEEK = timedelta(days=7)


def match(parcels: Sequence[Any], kept: Sequence[Kept] = (), unclear: Sequence[str] = ()) -> dict[str, Any]:
    return dict(match_parcels(parcels, kept, (DAY - WEEK, DAY + WEEK), frozenset(unclear)))


def plan(
    rows: list[RemovedUnits], moved: Mapping[Own, float] | None = None, undone: Mapping[Own, float] | None = None,
    contents: Mapping[str, tuple[Content, ...]] = CONTENTS, kept: Sequence[Kept] = (),
) -> Way:  # fmt: skip
    """Of the only parcel."""
    standings = match(build_parcels(rows, DAY), kept)
    [key] = standings
    return plan_ways(standings, contents, {key: Moves(units=moved or {}, undone=undone or {})}, 0.01)[key]


def ways_of(
    rows: list[RemovedUnits], kept: Sequence[Kept], moved: Mapping[str, Mapping[Own, float]],
    contents: Mapping[str, tuple[Content, ...]] = CONTENTS,
) -> dict[str, Way]:  # fmt: skip
    of = {key: Moves(units=units) for key, units in moved.items()}
    return plan_ways(match(build_parcels(rows, DAY - WEEK), kept), contents, of, 0.01)


def moves_of(
    rows: list[RemovedUnits], kept: Sequence[Kept], moved: Mapping[str, Mapping[Own, float]],
    contents: Mapping[str, tuple[Content, ...]] = CONTENTS,
) -> dict[str, Any]:  # fmt: skip
    return {key: way.units for key, way in ways_of(rows, kept, moved, contents).items() if way.units}


def run(
    rows: list[RemovedUnits], kept: list[Kept], moved: dict[str, dict[Own, float]],
    contents: Mapping[str, tuple[Content, ...]] = CONTENTS,
) -> list[Kept]:  # fmt: skip
    """What is on record after a run that moved everything."""
    for key, units in moves_of(rows, kept, moved, contents).items():
        for own, count in units.items():
            moved.setdefault(key, {})[own] = moved.get(key, {}).get(own, 0.0) + count
    ways = ways_of(rows, kept, moved, contents)
    standings = match(build_parcels(rows, DAY - WEEK), kept)
    return [
        Kept(key=key, parcel=standing.parcel, layers=settle(standing, contents, ways[key]))
        for key, standing in standings.items()
    ]


def test_the_section_needs_its_places_and_a_first_day() -> None:
    assert RemovalRules().problems(receive=False) == []
    named = [key for key, _ in RemovalRules(enabled=True).problems(receive=False)]
    assert named == ["removals.enabled", "removals.since", "removals.transit", "removals.unsellable"]
    whole = RemovalRules(enabled=True, since=DAY, transit="Road", unsellable="Quarantine")
    assert whole.problems(receive=True) == []
