"""From free stock to targets: the merchant's own examples, and the rule itself against exact fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.inventory.availability import Place, decide, feeds
from commerce_pipelines.domain.inventory.kits import explode, kits_available
from commerce_pipelines.domain.inventory.listings import Breaker, InventoryOverride, InventoryRules
from commerce_pipelines.domain.sales.rules import Pack, SaleRules

ALL = InventoryRules(share=Decimal(100))
DEFAULT, PLAIN = InventoryRules(), SaleRules()


def level(product: int, free: float, warehouse: str = "WH", **more: Any) -> dict[str, Any]:
    plain = {"product_id": product, "code": f"P{product}", "kind": "stored", "warehouse": warehouse, "free": free,
             "negative": free < 0, "components": None, "category": "All"}  # fmt: skip
    return plain | more


def kit(product: int, free: float, content: dict[int, float], warehouse: str = "WH") -> dict[str, Any]:
    exploded = explode({product: content})[product]
    return level(product, free, warehouse, kind="kit", components=msgspec.json.encode(exploded).decode())


def listing(sku: str, location: str = "", fulfilled_by: str = "merchant") -> dict[str, str]:
    return {"key": f"{sku}@{location}", "sku": sku, "location": location, "fulfilled_by": fulfilled_by}


def targets(
    levels: list[dict[str, Any]],
    rules: InventoryRules = DEFAULT,
    listings: list[dict[str, str]] | None = None,
    ordered: dict[int, int] | None = None,
    sales: SaleRules = PLAIN,
    fed: dict[str, tuple[str, ...]] | None = None,
) -> list[tuple[int | None, str]]:
    offered = listings or [listing(code) for code in dict.fromkeys(row["code"] for row in levels)]
    result = decide(pd.DataFrame(offered), pd.DataFrame(levels), ordered or {}, rules, sales, fed or {"": ("WH",)})
    return [
        (None if pd.isna(target) else int(target), reason)
        for target, reason in zip(result["target"], result["reason"], strict=True)
    ]


def only(*args: Any, **named: Any) -> int | None:
    ((target, _),) = targets(*args, **named)
    return target


@pytest.mark.parametrize(
    ("share", "free", "shown"),
    [(95, 100, 95), (95, 20, 19), (95, 19, 18), (95, 10, 9), (95, 7, 6), (95, 1, 0), (95, 0, 0), (95, -4, 0),
     (29, 100, 29), (57, 100, 57), ("33.3333", 3_000_000, 999_999), (0, 50, 0), (100, 50, 50)],
)  # fmt: skip
def test_the_share_is_rounded_down_once_in_integers(share: int | str, free: int, shown: int) -> None:
    """G74."""
    assert only([level(1, free)], InventoryRules(share=Decimal(share))) == shown


def test_reserved_stock_is_not_for_sale_and_orders_in_the_pipe_count() -> None:
    """G75, G76."""
    assert only([level(1, 50 - 12)]) == 36
    assert only([level(1, 38)], ordered={1: 3}) == 33
    assert only([level(1, 38)], ordered={1: -3}) == 36  # never above what is free


def test_a_kit_is_worth_its_scarcest_component() -> None:
    """G77."""
    free = kits_available({1: 9_000_000, 2: 3_000_000}, explode({3: {1: 2.0, 2: 1.0}})[3])
    assert free == 3
    assert only([kit(3, free, {1: 2.0, 2: 1.0})]) == 2


def test_an_ordered_kit_takes_its_components_and_an_ordered_component_takes_kits() -> None:
    levels = [level(1, 10), level(2, 10), kit(3, 5, {1: 2.0, 2: 1.0})]
    assert targets(levels, ALL, ordered={3: 2}) == [(6, "share"), (8, "share"), (3, "share")]
    assert targets(levels, ALL, ordered={1: 3}) == [(7, "share"), (10, "share"), (3, "share")]


def test_kits_within_kits_are_opened_and_a_kit_of_itself_is_none() -> None:
    content = explode({3: {1: 2.0, 2: 0.25}, 4: {3: 2.0}})
    assert content == {3: {1: 2_000_000, 2: 250_000}, 4: {1: 4_000_000, 2: 500_000}}
    assert explode({3: {4: 1.0}, 4: {3: 1.0}, 5: {1: 0.0}}) == {}


def test_a_pack_is_sold_in_whole_packs() -> None:
    sales = SaleRules(skus={"SIX": Pack(product="P1", quantity=6), "ONE": "P1"})
    offers = [listing("SIX"), listing("ONE")]
    assert targets([level(1, 20)], listings=offers, sales=sales) == [(3, "share"), (19, "share")]


def test_stock_kept_by_the_marketplace_is_neither_offered_elsewhere_nor_told_to_it() -> None:
    """G81."""
    levels = [level(1, 40), level(1, 200, "FBA")]
    offers = [listing("P1"), listing("P1", fulfilled_by="channel") | {"key": "fba"}]
    assert targets(levels, listings=offers) == [(38, "share"), (None, "channel_fulfilled")]


def test_warehouses_that_feed_one_place_are_summed_before_rounding() -> None:
    levels = [level(1, 7, "A"), level(1, 7, "B"), level(1, 50, "C")]
    assert only(levels, fed={"": ("A", "B")}) == 13  # 6 + 6 would be 12


def test_reserve_cap_and_threshold_in_this_order_and_overrides_key_by_key() -> None:
    rules = InventoryRules(reserve=2, cap=8, end_below=3, overrides=(
        InventoryOverride(categories=("All / Tea",), cap=4), InventoryOverride(skus=("P4",), cap=2),
        InventoryOverride(skus=("P5",), share=Decimal(50), reserve=0)))  # fmt: skip
    levels = [level(1, 100), level(2, 5), level(3, 100, category="All / Tea / Green"), level(4, 100), level(5, 9),
              level(6, 2), level(7, 100, category="All / Teapots")]  # fmt: skip
    assert targets(levels, rules) == [
        (8, "cap"), (0, "end_below"), (4, "cap"), (0, "end_below"), (4, "share"), (0, "reserve"), (8, "cap"),
    ]  # fmt: skip


def test_every_figure_says_why() -> None:
    levels = [level(1, -4), level(2, 0), level(3, 2), level(4, 5), level(5, 5, code="P4"), level(6, 5, kind="unread")]
    offers = [*map(listing, ("P1", "P2", "P3", "P4", "P6", "NONE", "")), listing("P1", "elsewhere")]
    assert targets(levels, listings=offers, ordered={3: 2}) == [
        (0, "negative"), (0, "no_stock"), (0, "in_pipe"), (None, "ambiguous"), (None, "not_read"), (None, "unlinked"),
        (None, "no_sku"), (None, "unmapped_location"),
    ]  # fmt: skip


@given(
    free=st.lists(st.floats(-1e6, 1e9).map(lambda f: round(f, 3)), min_size=1, max_size=4),
    ordered=st.integers(0, 1000), reserve=st.integers(0, 50), cap=st.none() | st.integers(0, 10**7),
    end_below=st.integers(0, 20), share=st.decimals(0, 100, places=4), units=st.integers(1, 12),
)  # fmt: skip
def test_the_target_is_the_rule_in_exact_fractions_and_never_above_free(
    free: list[float], ordered: int, reserve: int, cap: int | None, end_below: int, share: Decimal, units: int
) -> None:
    rules = InventoryRules(share=share, reserve=reserve, cap=cap, end_below=end_below)
    sales = SaleRules(skus={"X": Pack(product="P1", quantity=units)})
    levels = [level(1, quantity, f"W{i}") for i, quantity in enumerate(free)]
    target = only(levels, rules, [listing("X")], {1: ordered}, sales, {"": tuple(f"W{i}" for i in range(len(free)))})
    exact = sum((max(Fraction(str(quantity)), Fraction(0)) for quantity in free), Fraction(0))
    expected = floor(max(exact - ordered - reserve, Fraction(0)) * Fraction(share) / 100 / units)
    expected = expected if cap is None else min(expected, cap)
    assert target == (0 if expected < end_below else expected)
    assert 0 <= target * units <= exact


@given(
    free=st.floats(0, 1e6).map(lambda f: round(f, 2)), size=st.fractions("1/100000", 1000), quantity=st.integers(1, 20),
    ordered=st.integers(0, 50), share=st.decimals(0, 100, places=4),
)  # fmt: skip
@hypothesis_settings(deadline=None, max_examples=50)
def test_what_is_measured_is_never_offered_beyond_what_there_is(
    free: float, size: Fraction, quantity: int, ordered: int, share: Decimal
) -> None:
    """size: units of the product in one of the unit that settings name."""
    sales = SaleRules(skus={"X": Pack(product="P1", quantity=quantity, unit="ft")})
    sizes = {(1, f"{quantity} ft"): ceil(size * quantity * 1_000_000)}
    rules, levels = InventoryRules(share=share), pd.DataFrame([level(1, free)])
    held = {1: ordered * size * quantity}
    [row] = decide(pd.DataFrame([listing("X")]), levels, held, rules, sales, {"": ("WH",)}, sizes).to_dict("records")
    there = max(Fraction(str(free)) - held[1], Fraction(0)) * Fraction(share) / 100
    assert 0 <= row["target"] * row["units"] <= row["free"]
    assert row["target"] * size * quantity <= there
    assert row["target"] >= floor(there * Fraction(999, 1000) / (size * quantity + Fraction(1, 1_000_000))) - 1


WAREHOUSES = (Place("WH", "Main"), Place("FBA", "Amazon FBA"), Place("W2", "Second"))


@pytest.mark.parametrize(
    ("rules", "sales", "locations", "fed"),
    [
        ({"": ("Main", "W2")}, SaleRules(), {""}, {"": ("WH", "W2")}),
        ({}, SaleRules(warehouse="W2"), {"gid/1"}, {"gid/1": ("W2",)}),
        ({"gid/1": ("WH",)}, SaleRules(), {"gid/1", "gid/2"}, {"gid/1": ("WH",)}),
        ({"gid/1": ("WH",)}, SaleRules(warehouse="WH"), {"gid/1", "gid/2"}, {"gid/1": ("WH",)}),
    ],
)
def test_stock_is_never_offered_at_two_places(
    rules: dict[str, tuple[str, ...]], sales: SaleRules, locations: set[str], fed: dict[str, tuple[str, ...]]
) -> None:
    assert feeds("shop", InventoryRules(locations=rules), sales, WAREHOUSES, locations) == fed


@pytest.mark.parametrize(
    ("rules", "locations", "words"),
    [
        ({}, {""}, "WH, FBA, W2"),
        ({"": ("Mian",)}, {""}, "no warehouse 'Mian'"),
        ({"a": ("WH",), "b": ("Main",)}, {"a", "b"}, "twice"),
        ({"": ("WH",)}, {"a", "b"}, r"'a', 'b', and no warehouse feeds.*\{'a': \[WH\]\}"),
    ],
)
def test_a_choice_that_a_person_has_to_make_is_asked_for(
    rules: dict[str, tuple[str, ...]], locations: set[str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        feeds("shop", InventoryRules(locations=rules), SaleRules(), WAREHOUSES, locations)


def test_without_a_choice_the_merchants_only_warehouse_feeds_the_channel() -> None:
    sales = SaleRules(channel_warehouse="Amazon FBA")
    assert feeds("shop", InventoryRules(), sales, WAREHOUSES[:2], {""}) == {"": ("WH",)}


@pytest.mark.parametrize(
    ("rules", "key"),
    [
        (InventoryRules(share=Decimal(101)), "share"),
        (InventoryRules(share=Decimal("95.00001")), "share"),
        (InventoryRules(reserve=-1), "reserve"),
        (InventoryRules(overrides=(InventoryOverride(share=Decimal(1)),)), "overrides[0]"),
        (InventoryRules(overrides=(InventoryOverride(skus=("A",)),)), "overrides[0]"),
        (InventoryRules(overrides=(InventoryOverride(skus=("A",), cap=-1),)), "overrides[0].cap"),
        (InventoryRules(locations={"a": ("WH",), "b": ("WH",)}), "locations['b']"),
        (InventoryRules(locations={"a": ()}), "locations['a']"),
        (InventoryRules(breaker=Breaker(zeroed_percent=Decimal(120))), "breaker.zeroed_percent"),
    ],
)
def test_settings_that_contradict_themselves_name_their_key(rules: InventoryRules, key: str) -> None:
    assert [name for name, _ in rules.problems()] == [key]
    assert not list(InventoryRules().problems())
