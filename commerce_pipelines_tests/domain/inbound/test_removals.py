"""What the marketplace sends back: rows without ids added up by parcel, and never moved twice."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.inbound.reconciliation import Content
from commerce_pipelines.domain.inbound.removals import Own, RemovalRules, RemovedUnits, build_parcels, plan_way

DAY = date(2026, 11, 10)
CONTENTS = {"MUG": (Content(1, 1.0),), "MUG-6": (Content(1, 6.0),), "SET": (Content(1, 2.0), Content(2, 1.0))}


def row(units: int = 1, msku: str = "MUG", order: str = "R1", *, sellable: bool = True, **more: str) -> RemovedUnits:
    day = DAY.replace(day=int(more.pop("day", "10")))
    return RemovedUnits(order_id=order, shipped_on=day, msku=msku, units=units, is_sellable=sellable, **more)


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
    assert len({parcel.key for parcel in parcels}) == 3
    assert build_parcels([row(carrier="DHL", tracking="T1")], DAY)[0].name == "removal R1 DHL T1"


def test_packs_and_kits_are_what_they_hold_and_a_sku_without_product_is_left_out() -> None:
    [parcel] = build_parcels([row(1, "MUG-6"), row(2, "SET"), row(9, "UNKNOWN")], DAY)
    assert plan_way(parcel, CONTENTS, {}).units == {(1, True): 10.0, (2, True): 2.0}


def test_what_goes_down_is_shown_and_nothing_is_taken_back() -> None:
    [parcel] = build_parcels([row(2)], DAY)
    way = plan_way(parcel, CONTENTS, {(1, True): 3.0})
    assert (way.units, way.fewer) == ({}, {(1, True): 1.0})
    [mixed] = build_parcels([row(2), row(1, "UNKNOWN")], DAY)
    assert plan_way(mixed, CONTENTS, {(1, True): 3.0}).fewer == {}  # it may be the one without a product


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(tuple(CONTENTS)), st.booleans()), max_size=8))
def test_what_was_moved_is_never_moved_again(some: list[tuple[int, str, bool]]) -> None:
    rows = [row(units, msku, sellable=sellable) for units, msku, sellable in some]
    moved: dict[Own, float] = {}
    for count in range(1, len(rows) + 1):  # the report grows, row by row
        for parcel in build_parcels(rows[:count], DAY):
            for own, units in plan_way(parcel, CONTENTS, moved).units.items():
                moved[own] = moved.get(own, 0.0) + units
    [*parcels] = build_parcels(rows, DAY)
    assert all(plan_way(parcel, CONTENTS, moved) == plan_way(parcel, CONTENTS, moved) for parcel in parcels)
    assert all(not plan_way(parcel, CONTENTS, moved).units for parcel in parcels)
    assert sum(moved.values()) == sum(
        units * content.units for units, msku, _ in some if units > 0 for content in CONTENTS[msku]
    )


def test_the_section_needs_its_places_and_a_first_day() -> None:
    assert RemovalRules().problems(receive=False) == []
    named = [key for key, _ in RemovalRules(enabled=True).problems(receive=False)]
    assert named == ["removals.enabled", "removals.since", "removals.transit", "removals.unsellable"]
    whole = RemovalRules(enabled=True, since=DAY, transit="Road", unsellable="Quarantine")
    assert whole.problems(receive=True) == []
