"""Which offers a plan takes, and how goods are divided among plans: nothing lost, no box divided, no limit passed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.inbound.consignment import (
    Box,
    DeliveryWindow,
    PackingOption,
    PlacementOption,
    PlanItem,
    Prep,
    TransportOption,
)
from commerce_pipelines.domain.inbound.plan_choices import (
    build_item,
    choose_packing,
    choose_placement,
    choose_transports,
    choose_window,
    divide,
)
from commerce_pipelines.domain.inbound.plan_rules import PlanRules

RULES = PlanRules(enabled=True, marketplace="DE")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def box(name: str, **contents: int) -> Box:
    return Box(name=name, length=1, width=1, height=1, weight=1, contents=contents)


def item(msku: str, units: int) -> PlanItem:
    return PlanItem(msku=msku, units=units, label_owner="SELLER", prep_owner="NONE")


@given(
    st.lists(st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 9), min_size=1, max_size=3), max_size=20),
    st.integers(3, 6), st.integers(1, 5),
)  # fmt: skip
def test_goods_in_boxes_are_divided_by_the_limits_and_none_is_lost(
    contents: list[dict[str, int]], most_items: int, most_boxes: int
) -> None:
    boxes = [box(f"P{place}", **of) for place, of in enumerate(contents)]
    units = {sku: sum(of.get(sku, 0) for of in contents) for sku in "ABCDEF" if any(sku in of for of in contents)}
    parts = divide([item(sku, count) for sku, count in units.items()], boxes, most_items, most_boxes)
    assert [row for part in parts for row in part.boxes] == boxes
    sums: dict[str, int] = {}
    for part in parts:
        assert len(part.items) <= most_items
        assert len(part.boxes) <= most_boxes
        for row in part.items:
            assert row.units == sum(of.contents.get(row.msku, 0) for of in part.boxes) or not part.boxes
            sums[row.msku] = sums.get(row.msku, 0) + row.units
    assert sums == units


def test_2001_skus_without_boxes_are_two_plans() -> None:
    parts = divide([item(f"S{number}", 1) for number in range(2001)], [])
    assert [len(part.items) for part in parts] == [2000, 1]


def test_a_box_that_alone_is_too_much() -> None:
    with pytest.raises(RecordError, match="holds 3 SKUs"):
        divide([item(sku, 1) for sku in "ABC"], [box("P1", A=1, B=1, C=1)], 2)


@pytest.mark.parametrize(
    ("prep", "owners"),
    [
        (Prep(msku="A", category="NONE"), ("SELLER", "NONE")),
        (Prep(msku="A", category="FRAGILE"), ("SELLER", "SELLER")),
        (Prep(msku="A", category="FRAGILE", label="NONE"), ("NONE", "SELLER")),
        (Prep(msku="A", category="FRAGILE", label="NONE", must_match=True), ("NONE", "NONE")),
        (Prep(msku="A", category="NONE", prep="AMAZON", must_match=True), ("AMAZON", "AMAZON")),
    ],
)
def test_the_marketplaces_word_on_owners_goes_before_the_setting(prep: Prep, owners: tuple[str, str]) -> None:
    built = build_item("A", 1, prep, RULES)
    assert (built.label_owner, built.prep_owner) == owners


@pytest.mark.parametrize("prep", [None, Prep(msku="A", category="")])
def test_a_sku_of_unknown_preparation_waits(prep: Prep | None) -> None:
    with pytest.raises(RecordError, match="how units of A are to be prepared"):
        build_item("A", 1, prep, RULES)


def test_the_cheapest_packing_that_the_boxes_fit() -> None:
    together = PackingOption(option_id="1", cost={"EUR": 100}, groups={"g": frozenset("AB")})
    apart = PackingOption(option_id="2", cost={}, groups={"a": frozenset("A"), "b": frozenset("B")})
    assert choose_packing([together, apart], [box("P1", A=1), box("P2", B=1)]) == (apart, {"a": ("P1",), "b": ("P2",)})
    assert choose_packing([together, apart], [box("P1", A=1, B=1)]) == (together, {"g": ("P1",)})
    with pytest.raises(RecordError, match="P1 holds products"):
        choose_packing([apart], [box("P1", A=1, B=1)])
    with pytest.raises(RecordError, match="offers no way of packing"):
        choose_packing([], [box("P1", A=1)])


def test_the_placement_by_the_setting() -> None:
    single = PlacementOption(option_id="1", cost={"EUR": 900}, shipment_ids=("s1",))
    three = PlacementOption(option_id="2", cost={}, shipment_ids=("s2", "s3", "s4"))
    assert choose_placement([single, three], RULES) == three
    assert choose_placement([single, three], PlanRules(placement="fewest")) == single
    with pytest.raises(RecordError, match="offers no placement"):
        choose_placement([], RULES)


def test_transport_for_each_shipment_by_the_carrier_of_the_settings() -> None:
    def offer(option_id: str, shipment_id: str, **more: object) -> TransportOption:
        values = {"is_own": True, "mode": "GROUND_SMALL_PARCEL", "carrier": "DHL", "carrier_code": "DHLG", **more}
        return TransportOption(option_id=option_id, shipment_id=shipment_id, **values)  # type: ignore[arg-type]

    offers = [
        offer("1", "s1"), offer("2", "s1", is_own=False, carrier_code="UPSN", cost={"EUR": 500}),
        offer("3", "s2", mode="FREIGHT_LTL"), offer("4", "s2"), offer("5", "s2", carrier_code="UPSN"),
    ]  # fmt: skip
    assert [row.option_id for row in choose_transports(offers, ["s1", "s2"], RULES)] == ["1", "4"]
    named = PlanRules(carrier_code="upsn")
    assert [row.option_id for row in choose_transports(offers, ["s2"], named)] == ["5"]
    assert [row.option_id for row in choose_transports(offers, ["s1"], PlanRules(carrier="amazon"))] == ["2"]
    with pytest.raises(RecordError, match="offers no small parcel"):
        choose_transports(offers, ["s1"], named)


def test_the_first_window_that_is_late_enough() -> None:
    windows = [
        DeliveryWindow(option_id=str(day), start=NOON + timedelta(days=day), end=NOON + timedelta(days=day + 1),
                       valid_until=NOON)
        for day in range(5)
    ]  # fmt: skip
    assert choose_window(windows, NOON + timedelta(days=2.5)).option_id == "2"
    with pytest.raises(RecordError, match="late enough"):
        choose_window(windows, NOON + timedelta(days=9))
