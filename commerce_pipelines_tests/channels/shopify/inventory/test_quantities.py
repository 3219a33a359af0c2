"""Shopify's stock over HTTP: every level listed once, quantities set by comparing first, each push one outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.channels.shopify.inventory import quantities as inventory
from commerce_pipelines.core.errors import CredentialError, ProtocolError, TransientError
from commerce_pipelines.domain.inventory.listings import Listing, Push, PushOutcome
from commerce_pipelines.domain.orders.order import FulfilledBy
from commerce_sandbox.catalogue import CATALOGUE, Article
from commerce_sandbox.server import Call, Fault
from commerce_sandbox.shopify.stock import Stock

from ..contract import Recorded
from ..orders.test_reading import Clock, channel, clock, connect, errors, shop

__all__ = ["channel", "clock", "shop"]  # fixtures

MCF = 90


def listed(channel: ShopifyChannel) -> dict[str, Listing]:
    listings = [listing for page in channel.listings.read() for listing in page]
    assert len({listing.key for listing in listings}) == len(listings)
    return {listing.key: listing for listing in listings}


def shrink(shop: Recorded, size: int, locations: int = 2) -> None:
    """A shop of `size` articles at so many locations, 10 of each."""
    shop.stock = Stock([])
    shop.stock.locations = {71 + place: (f"Lager {place}", False) for place in range(locations)}
    for place in range(1, size + 1):
        shop.stock.add(place, Article(f"SKU-{place}", f"Mug {place}", 990, 1), dict.fromkeys(shop.stock.locations, 10))


def push(listing: Listing, quantity: int, token: str = "") -> Push:
    return Push(listing=listing, quantity=quantity, token=token or f"{listing.key}={quantity}")


def sent(shop: Recorded) -> list[dict[str, Any]]:
    return [call.json()["variables"] for call in shop.calls if "SetQuantities" in call.json()["query"]]


def statuses(outcomes: Iterator[PushOutcome]) -> dict[str, tuple[str, str]]:
    answers = [(outcome.key, (outcome.status, outcome.code)) for outcome in outcomes]
    assert len(dict(answers)) == len(answers)
    return dict(answers)


def test_every_level_is_a_listing(shop: Recorded, channel: ShopifyChannel) -> None:
    listings = listed(channel)
    assert len(listings) == 2 * len(CATALOGUE)
    first = listings["40001:71"]
    assert (first.sku, first.quantity, first.location, first.title) == (
        "KET-GN-17", shop.stock.quantities[40_001, 71], "71", "Gooseneck Kettle 1.7 l, Matte Black",
    )  # fmt: skip
    assert first.fulfilled_by is FulfilledBy.MERCHANT
    assert first.reference["location_name"] == "Lager Köln"


def test_pages_are_as_large_as_points_allow(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 700)
    assert len(listed(channel)) == 1400
    assert len(shop.calls) <= 6
    assert all("errors" not in reply.body for _, reply in shop.exchanges)


def test_items_at_many_locations_are_listed_whole(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 2, locations=60)
    assert len(listed(channel)) == 120


def test_a_list_longer_than_shopify_lists_is_begun_anew(
    shop: Recorded, channel: ShopifyChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(shop, 200)
    monkeypatch.setattr(inventory, "LISTED_AT_ONCE", 50)
    assert len(listed(channel)) == 400
    asked = [call.json()["variables"] for call in shop.calls]
    assert [variables["after"] is None for variables in asked] == [True] * len(asked)
    assert asked[1]["query"] == "product_status:ACTIVE AND id:>50060"


def test_an_item_that_two_variants_share_is_listed_once(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 2)
    shop.stock.variants[2]["item"] = 40_001
    assert set(listed(channel)) == {"40001:71", "40001:72"}


def test_drafts_are_not_listed_and_untracked_items_have_no_quantity(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 1, locations=1)
    shop.stock.add(2, Article("DRAFT", "Draft", 1, 1), {71: 5})
    shop.stock.variants[2]["status"] = "DRAFT"
    shop.stock.add(3, Article("LOOSE", "Loose", 1, 1), {71: 5}, tracked=False)
    listings = listed(channel)
    assert {listing.sku: listing.quantity for listing in listings.values()} == {"SKU-1": 10, "LOOSE": None}
    outcome = statuses(channel.quantities.push([push(listings["40003:71"], 1)]))
    assert outcome == {"40003:71": ("refused", "NOT_TRACKED")}
    assert sent(shop) == []


def test_stock_of_a_fulfilment_service_is_read_and_never_written(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 1)
    shop.stock.locations[MCF] = ("Amazon MCF", True)
    shop.stock.quantities[40_001, MCF] = 33
    listings = listed(channel)
    assert (listings["40001:90"].fulfilled_by, listings["40001:90"].quantity) == (FulfilledBy.CHANNEL, 33)
    outcome = statuses(channel.quantities.push([push(listing, 1) for listing in listings.values()]))
    assert outcome["40001:90"] == ("refused", "FULFILMENT_SERVICE")
    assert shop.stock.quantities == {(40_001, 71): 1, (40_001, 72): 1, (40_001, MCF): 33}


def test_what_nobody_is_sure_of_is_set_without_comparing(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 1, locations=1)
    [listing] = listed(channel).values()
    unsure = msgspec.structs.replace(listing, quantity=None)
    assert statuses(channel.quantities.push([push(unsure, 4)])) == {listing.key: ("accepted", "")}
    assert sent(shop)[0]["input"]["quantities"][0]["changeFromQuantity"] is None
    assert shop.stock.quantities[40_001, 71] == 4


def test_quantities_are_set_in_the_fewest_calls(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 501, locations=1)
    outcome = statuses(channel.quantities.push([push(listing, 7) for listing in listed(channel).values()]))
    assert set(outcome.values()) == {("accepted", "")}
    assert len(outcome) == 501
    assert set(shop.stock.quantities.values()) == {7}
    assert [len(variables["input"]["quantities"]) for variables in sent(shop)] == [250, 250, 1]
    first = sent(shop)[0]["input"]
    assert first["name"] == "available"
    assert first["quantities"][0] == {
        "inventoryItemId": "gid://shopify/InventoryItem/40001", "locationId": "gid://shopify/Location/71",
        "quantity": 7, "changeFromQuantity": 10,
    }  # fmt: skip


def test_bad_items_never_hold_up_the_others(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 9, locations=1)
    listings = listed(channel)
    shop.stock.quantities[40_002, 71] = 4  # sold meanwhile
    shop.stock.immutable.add(40_005)
    del shop.stock.quantities[40_007, 71]
    outcome = statuses(channel.quantities.push([push(listing, 3) for listing in listings.values()]))
    assert {key: status for key, status in outcome.items() if status != ("accepted", "")} == {
        "40002:71": ("stale", "CHANGE_FROM_QUANTITY_STALE"),
        "40005:71": ("refused", "NON_MUTABLE_INVENTORY_ITEM"),
        "40007:71": ("refused", "INVALID_INVENTORY_ITEM"),
    }
    assert len(sent(shop)) == 2
    assert shop.stock.quantities[40_002, 71] == 4
    assert shop.stock.quantities[40_009, 71] == 3


def test_an_error_that_names_no_item_is_halved_down_to_it(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 8, locations=1)
    listings = listed(channel)
    problem = shop.stock._find_problem

    def nameless(where: tuple[int, int], row: dict[str, Any], repeated: bool) -> str:
        return "NAMELESS" if where[0] == 40_006 else problem(where, row, repeated)

    shop.stock._find_problem = nameless  # type: ignore[method-assign]
    answer = shop.stock._set

    def without_place(setting: dict[str, Any]) -> dict[str, Any]:
        result = answer(setting)
        for error in result["userErrors"]:
            error.update(field=["input"], code="INVALID_INVENTORY_ITEM")
        return result

    shop.stock._set = without_place  # type: ignore[method-assign]
    outcome = statuses(channel.quantities.push([push(listing, 3) for listing in listings.values()]))
    assert outcome.pop("40006:71") == ("refused", "INVALID_INVENTORY_ITEM")
    assert set(outcome.values()) == {("accepted", "")}
    assert len(sent(shop)) == 7


def test_a_lost_answer_is_repeated_and_written_once(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 3, locations=1)
    pushes = [push(listing, 3) for listing in listed(channel).values()]
    shop.faults.append(Fault(match="graphql", drop=True, after=True))
    assert set(statuses(channel.quantities.push(pushes)).values()) == {("accepted", "")}
    keys = [variables["key"] for variables in sent(shop)]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    again = statuses(channel.quantities.push(pushes))  # a new process with the same plan
    assert set(again.values()) == {("accepted", "")}
    assert sent(shop)[-1]["key"] == keys[0]
    assert set(shop.stock.quantities.values()) == {3}


def test_an_older_push_never_overwrites_a_newer_figure(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 1, locations=1)
    [old] = listed(channel).values()
    assert statuses(channel.quantities.push([push(old, 8)])) == {old.key: ("accepted", "")}
    assert statuses(channel.quantities.push([push(old, 9, "late")])) == {
        old.key: ("stale", "CHANGE_FROM_QUANTITY_STALE")
    }
    assert shop.stock.quantities[40_001, 71] == 8


def test_a_key_that_failed_before_is_replaced(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 1, locations=1)
    [listing] = listed(channel).values()
    shop.stock.immutable.add(40_001)
    assert statuses(channel.quantities.push([push(listing, 3)]))[listing.key][0] == "refused"
    shop.stock.immutable.clear()
    assert statuses(channel.quantities.push([push(listing, 3)])) == {listing.key: ("accepted", "")}
    assert [variables["key"] for variables in sent(shop)] == [
        inventory.idempotency_key(["40001:71=3"], attempt) for attempt in (0, 0, 1)
    ]


@pytest.mark.parametrize(
    ("code", "calls"), [("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", 1), ("IDEMPOTENCY_CONCURRENT_REQUEST", 4)]
)
def test_a_key_in_use_elsewhere_fails_the_batch_for_now(
    shop: Recorded, channel: ShopifyChannel, code: str, calls: int
) -> None:
    shrink(shop, 2, locations=1)
    listings = listed(channel)
    refusal = {"inventorySetQuantities": {"userErrors": [{"code": code, "field": None, "message": "…"}]}}
    shop.faults.append(Fault(match="graphql", body=json.dumps({"data": refusal}).encode(), times=9))
    outcome = statuses(channel.quantities.push([push(listing, 3) for listing in listings.values()]))
    assert set(outcome.values()) == {("failed", code)}
    assert len(sent(shop)) == calls


def test_the_same_tokens_with_other_figures_are_refused_by_the_shop(shop: Recorded, channel: ShopifyChannel) -> None:
    shrink(shop, 1, locations=1)
    [listing] = listed(channel).values()
    assert statuses(channel.quantities.push([push(listing, 3, "t")])) == {listing.key: ("accepted", "")}
    assert statuses(channel.quantities.push([push(listing, 4, "t")])) == {
        listing.key: ("failed", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
    }


def test_what_stops_everything_is_raised(shop: Recorded, channel: ShopifyChannel, clock: Clock) -> None:
    shrink(shop, 1, locations=1)
    pushes = [push(listing, 3) for listing in listed(channel).values()]
    shop.scopes -= {"write_inventory"}
    with pytest.raises(CredentialError, match="write_inventory"):
        list(channel.quantities.push(pushes))
    assert set(shop.stock.quantities.values()) == {10}


@pytest.mark.parametrize("fault", [{"status": 502}, {"body": errors("INTERNAL_SERVER_ERROR")}, {"body": b"<html>"}])
def test_a_listing_that_shopify_always_fails_at_holds_up_no_other(
    shop: Recorded, channel: ShopifyChannel, fault: dict[str, Any]
) -> None:
    """It stopped the stock of the whole shop, in every run."""
    shrink(shop, 260, locations=1)
    pushes = [push(listing, 3) for listing in listed(channel).values()]
    poison = b"InventoryItem/40001"  # the first of the first half, at each halving

    def fails(call: Call) -> bool:
        return b"inventorySetQuantities" in call.body and poison + b'"' in call.body

    shop.faults.append(Fault(match=fails, times=9_999, **fault))
    outcome = statuses(channel.quantities.push(pushes))
    assert outcome.pop("40001:71")[0] == "failed"
    assert set(outcome.values()) == {("accepted", "")}
    assert shop.stock.quantities.pop((40_001, 71)) == 10
    assert set(shop.stock.quantities.values()) == {3}


@pytest.mark.parametrize("part", [b"", b"inventorySetQuantities"])
def test_a_shop_that_is_down_is_not_asked_about_each_listing(
    shop: Recorded, channel: ShopifyChannel, part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """part: of the calls that it fails at, all of them or those that write."""
    monkeypatch.setattr("commerce_pipelines.channels.reach.MOST_ALONE", 6)
    shrink(shop, 260, locations=1)
    pushes = [push(listing, 3) for listing in listed(channel).values()]
    shop.faults.append(Fault(match=lambda call: part in call.body, times=9_999, status=502))
    with pytest.raises(TransientError):
        list(channel.quantities.push(pushes))
    assert len({variables["key"] for variables in sent(shop)}) == (7 if part else 4)
    assert set(shop.stock.quantities.values()) == {10}


def test_a_listing_that_repeats_itself_ends(shop: Recorded, channel: ShopifyChannel) -> None:
    page = {"productVariants": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}}
    shop.faults.append(Fault(match="graphql", body=json.dumps({"data": page}).encode(), times=9))
    with pytest.raises(ProtocolError, match="repeats"):
        listed(channel)
    assert len(shop.calls) == 2


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_goes_wrong_each_push_has_one_outcome_and_accepted_means_written(data: st.DataObject) -> None:
    clock = Clock()
    size = data.draw(st.integers(1, 12))
    sold = data.draw(st.sets(st.integers(1, size)))
    bundles = data.draw(st.sets(st.integers(1, size)))
    quantities = data.draw(st.lists(st.integers(-1, 20), min_size=size, max_size=size))
    with pytest.MonkeyPatch.context() as patch, Recorded(now=clock.now) as shop:
        patch.setenv("SHOP_TOKEN", "shpat_sandbox")
        patch.setattr(inventory, "MOST_AT_ONCE", 5)
        shrink(shop, size, locations=1)
        channel = connect(shop, clock)
        listings = listed(channel)
        for place in sold:
            shop.stock.quantities[40_000 + place, 71] = 9
        shop.stock.immutable |= {40_000 + place for place in bundles}
        before = dict(shop.stock.quantities)
        outcome = statuses(channel.quantities.push(
            [push(listing, quantity) for listing, quantity in zip(listings.values(), quantities, strict=True)]
        ))  # fmt: skip
        assert set(outcome) == set(listings)
        for (key, (status, _)), quantity in zip(sorted(outcome.items()), quantities, strict=True):
            where = int(key.partition(":")[0]), 71
            good = where[0] - 40_000 not in sold | bundles and quantity >= 0
            assert (status == "accepted") == good
            assert shop.stock.quantities[where] == (quantity if good else before[where])


def test_a_variant_of_another_shape_waits_alone(
    shop: Recorded, channel: ShopifyChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = listed(channel)
    item = Stock._build_item
    monkeypatch.setattr(
        Stock, "_build_item", lambda self, row: item(self, row) | ({"id": "none"} if row["item"] == 40_001 else {})
    )
    listings = listed(channel)
    (bad,) = listings.keys() - sound.keys()
    assert listings[bad].reference == {"unreadable": "id"}
    assert sound.keys() - listings.keys() == {"40001:71", "40001:72"}
