"""Products that a person chose in Odoo become listings on eBay, once, where there is stock: through the real channel
over HTTP, on both stand-ins, judged by eBay's contracts."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.domain.outbox.effects import LATE_ANSWER
from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.new_listings import Created, create, replay_new
from commerce_pipelines.flows.content.units import count_units
from commerce_pipelines.flows.inventory.inputs import take_stock
from commerce_pipelines.warehouse.inventory.rows import lock_name
from commerce_pipelines_tests.doubles.inventory import publish as publish_stock
from commerce_pipelines_tests.flows.content.test_marketplaces import World, open_world
from commerce_pipelines_tests.flows.content.test_pictures import picture
from commerce_sandbox.ebay.listings import Offered
from commerce_sandbox.server import Call, Fault

__all__ = ["open_world"]

NAME, NEW, EAN = "ebay_de", "KET-NEW-1", "4006381333931"
EBAY = (
    "ebay: {location: bremen, fulfillment_policy: '6001', payment_policy: '6002', return_policy: '6003',"
    " category: '9355'}"
)
RULES = "}, inventory: {enabled: true, locations: {'': [WH]}"


def on_ebay(rules: str = EBAY) -> str:
    return f"new_listings: {{enabled: true, tag: eBay, {rules}}}"


class Seller:
    def __init__(self, world: World) -> None:
        self.world, self.ebay = world, world.ebay
        [self.tag] = world.odoo.call("product.tag", "create", vals_list=[{"name": "eBay"}])

    def add(self, code: str = NEW, units: float = 5.0, **values: Any) -> int:
        """A product in Odoo with the tag and this stock; its id."""
        vals = {
            "name": "Travel Kettle", "default_code": code, "type": "consu", "is_storable": True, "list_price": 50.0,
            "barcode": EAN, "weight": 0.7, "description_sale": "For journeys.", "image_1920": picture(),
            "product_tag_ids": [[6, 0, [self.tag]]], **values,
        }  # fmt: skip
        self.world.odoo.call("product.template", "create", vals_list=[vals])
        [id_] = self.world.odoo.call("product.product", "search", domain=[["default_code", "=", code]])
        self.fill(id_, units)
        return int(id_)

    def fill(self, id_: int, units: float) -> None:
        """So many more units in the channel's warehouse, which its stock shows at once."""
        if units:
            [place] = self.world.odoo.call("stock.warehouse", "search_read", domain=[["code", "=", "WH"]],
                                           fields=["lot_stock_id"], load=None)  # fmt: skip
            quant = {"product_id": id_, "location_id": place["lot_stock_id"], "quantity": units}
            self.world.odoo.call("stock.quant", "create", vals_list=[quant])
        take_stock(self.world.connections, NAME)

    def make(self) -> Created:
        take_products(self.world.connections, NAME)
        return create(self.world.connections, NAME, run_id="run")

    def rows(self, sku: str = NEW) -> list[Offered]:
        return [row for row in self.ebay.listings if row.sku == sku]

    def calls(self, method: str, path: str = "/sell/inventory/v1/") -> int:
        return sum(call.method == method and call.path.startswith(path) for call in self.ebay.calls)

    def age(self) -> None:
        """As if no request of before could still arrive."""
        with self.world.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE commerce.attempts SET started_at = started_at - %(late)s, settled_at = settled_at - %(late)s",
                {"late": 2 * LATE_ANSWER},
            )


@pytest.fixture
def open_seller(open_world: Any) -> Any:
    return lambda rules=EBAY: Seller(open_world(of_ebay=f", {on_ebay(rules)}{RULES}"))


def test_a_product_becomes_a_listing_with_one_unit_and_then_shows_its_stock(open_seller: Any) -> None:
    seller: Seller = open_seller()
    seller.add()
    assert dict(seller.make().outcomes) == {"accepted": 1}
    [row] = seller.rows()
    assert (row.title, row.description, row.price) == ("Travel Kettle", "<p>For journeys.</p>", 5950)
    assert (row.shown, row.total, row.offer["categoryId"], row.offer["listingDuration"]) == (1, 1, "9355", "GTC")
    product = row.item["product"]
    assert (product["ean"], row.item["condition"]) == ([EAN], "NEW")
    assert row.item["packageWeightAndSize"]["weight"] == {"value": 700.0, "unit": "GRAM"}
    assert set(product["imageUrls"]) == set(seller.ebay.media.files)
    writes = seller.calls("PUT") + seller.calls("POST")
    assert seller.make().outcomes == {}
    assert (seller.calls("PUT") + seller.calls("POST"), seller.world.waits(NAME)) == (writes, [])
    stock = take_stock(seller.world.connections, NAME)
    publish_stock(seller.world.connections, NAME, stock, release=True)
    assert row.shown == 4  # 90 % of what is free


def test_without_stock_it_waits_and_is_made_when_there_is_some(open_seller: Any) -> None:
    seller: Seller = open_seller()
    id_ = seller.add(units=0)
    assert seller.make().outcomes == {}
    assert (seller.world.waits(NAME), seller.rows(), seller.calls("PUT")) == (["new_listing_incomplete"], [], 0)
    seller.fill(id_, 1)
    assert seller.make().outcomes == {}  # of one unit the channel may show none
    seller.fill(id_, 1)
    assert dict(seller.make().outcomes) == {"accepted": 1}
    assert seller.world.waits(NAME) == []


@pytest.mark.parametrize(("values", "code"), [
    ({"list_price": 0.0}, "new_listing_incomplete"), ({"image_1920": False}, "new_listing_incomplete"),
    ({"description_sale": False}, "new_listing_incomplete"), ({"name": "Kettle " * 12}, "content_too_long"),
    ({"barcode": "4006381333932"}, "bad_barcode"),
])  # fmt: skip
def test_what_it_lacks_waits_before_any_call(open_seller: Any, values: dict[str, Any], code: str) -> None:
    seller: Seller = open_seller()
    seller.add(**values)
    assert seller.make().outcomes == {}
    assert (seller.world.waits(NAME), seller.calls("PUT")) == ([code], 0)


def test_the_category_of_a_field_of_odoo_goes_first(open_seller: Any) -> None:
    seller: Seller = open_seller(EBAY.replace("category: '9355'", "category_field: description_sale"))
    seller.add(description_sale="20667")
    assert dict(seller.make().outcomes) == {"accepted": 1}
    assert seller.rows()[0].offer["categoryId"] == "20667"
    seller.add("KET-NEW-2", barcode=False)
    assert seller.make().outcomes == {}
    assert seller.world.waits(NAME) == ["new_listing_incomplete"]


@pytest.mark.parametrize(("old", "new"), [("6001", "1"), ("6002", "2"), ("6003", "3"), ("bremen", "x"), ("9355", "7")])
def test_what_ebay_refuses_waits_unseen_and_is_gone_on_with(open_seller: Any, old: str, new: str) -> None:
    seller: Seller = open_seller()
    fresh = seller.ebay.new_items
    kept = (fresh.locations, fresh.policies, fresh.categories)
    fresh.locations = {key: value for key, value in fresh.locations.items() if key != old}
    fresh.policies = {kind: ids - {old} for kind, ids in fresh.policies.items()}
    fresh.categories = fresh.categories - {old}
    seller.add()
    assert dict(seller.make().outcomes) == {"refused": 1}
    assert (seller.world.waits(NAME), seller.rows(), len(fresh.offers)) == (["new_listing_refused"], [], 1)
    assert seller.make().outcomes == {}
    fresh.locations, fresh.policies, fresh.categories = kept
    replay_new(seller.world.connections, NAME)
    assert dict(seller.make().outcomes) == {"accepted": 1}
    assert (len(seller.rows()), fresh.offers, seller.world.waits(NAME), new) == (1, {}, [], new)


def test_a_product_that_changed_after_a_refusal_is_gone_on_with(open_seller: Any) -> None:
    seller: Seller = open_seller()
    seller.ebay.new_items.categories.discard("9355")
    seller.add()
    assert dict(seller.make().outcomes) == {"refused": 1}
    seller.ebay.new_items.categories.add("9355")
    seller.world.edit(NEW, name="Folding Kettle", list_price=100.0)
    assert dict(seller.make().outcomes) == {"accepted": 1}
    [row] = seller.rows()
    assert (row.title, row.price) == ("Folding Kettle", 11900)


def test_an_item_or_a_listing_that_a_person_made_since_is_never_touched(open_seller: Any) -> None:
    seller: Seller = open_seller()
    theirs = {"condition": "USED_GOOD", "product": {"title": "Travel Kettle"}}
    seller.ebay.new_items.items[NEW] = theirs
    seller.ebay.listings.append(
        Offered(
            item_id="130000000000",
            sku="KET-NEW-2",
            title="Kettle",
            price=1,
            available=1,
            pictures=["https://i.ebayimg.com/z/x/1.jpg"],
        )
    )
    seller.add()
    seller.add("KET-NEW-2", barcode=False)
    assert dict(seller.make().outcomes) == {"refused": 2}
    assert seller.world.waits(NAME) == ["new_listing_there", "new_listing_there"]
    assert (seller.ebay.new_items.items, seller.calls("PUT"), seller.calls("POST", "/sell/inventory/v1/offer")) == (
        {NEW: theirs}, 0, 0
    )  # fmt: skip


def test_stock_that_is_sold_between_the_plan_and_the_call_is_not_offered(
    open_seller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seller: Seller = open_seller()
    seller.add()
    asked: list[dict[str, int]] = []
    free: list[bool] = []

    def count(*args: Any) -> dict[str, int]:
        asked.append(count_units(*args))
        with seller.world.connections.warehouse.lock(lock_name(NAME), wait=False) as ours:
            free.append(ours)
        return {} if len(asked) == 2 else asked[-1]

    monkeypatch.setattr("commerce_pipelines.flows.content.new_listings.count_units", count)
    assert dict(seller.make().outcomes) == {"refused": 1}
    assert (asked[0], free[:2], seller.rows(), seller.calls("PUT")) == ({NEW: 4}, [True, False], [], 0)
    assert dict(seller.make().outcomes) == {"accepted": 1}  # by itself
    assert seller.world.waits(NAME) == []


STEPS = 9  # calls of the Inventory and Media APIs for one listing, and some more


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("number", range(1, STEPS))
def test_whichever_answer_is_lost_there_is_one_listing_at_last(open_seller: Any, number: int, after: bool) -> None:
    seller: Seller = open_seller()
    seller.add()
    calls = 0

    def fits(call: Call) -> bool:
        nonlocal calls
        calls += "_item" not in call.path.removesuffix(NEW) or NEW in call.path
        return calls >= number

    seller.ebay.faults.append(Fault(match=fits, times=6, drop=True, after=after))
    for _ in range(6):
        with suppress(TransientError):
            seller.make()
        seller.age()
    [row] = seller.rows()
    assert (row.shown, seller.ebay.new_items.offers, len(seller.ebay.new_items.published)) == (1, {}, 1)
    writes = seller.calls("PUT") + seller.calls("POST")
    assert (seller.make().outcomes, seller.calls("PUT") + seller.calls("POST"), seller.world.waits(NAME)) == (
        {}, writes, []
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/offer", "/publish"])
def test_an_answer_that_is_lost_once_makes_no_second_offer_and_publishes_once(open_seller: Any, path: str) -> None:
    seller: Seller = open_seller()
    seller.add()
    lost = Fault(match=lambda call: call.method == "POST" and call.path.endswith(path), drop=True, after=True)
    seller.ebay.faults.append(lost)
    assert dict(seller.make().outcomes) == {"unknown": 1}
    assert seller.make().outcomes == ({"accepted": 1} if path == "/publish" else {"unknown": 1})
    seller.age()
    assert dict(seller.make().outcomes) == ({} if path == "/publish" else {"accepted": 1})
    assert (len(seller.rows()), len(seller.ebay.new_items.published), seller.ebay.new_items.offers) == (1, 1, {})


SCOPES = "".join(f", https://api.ebay.com/oauth/api_scope/sell.{name}" for name in ("inventory", "account.readonly"))


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("bremen", "bremen", ""), ("bremen", "nowhere", "has no location"), ("bremen", "closed", "is disabled"),
    ("6001", "1", "no fulfillment_policy"), ("6002", "2", "no payment_policy"), ("6003", "3", "no return_policy"),
])  # fmt: skip
def test_check_asks_ebay_for_the_location_and_the_policies(
    open_world: Any, old: str, new: str, problem: str
) -> None:  # fmt: skip
    scopes = f", scopes: ['https://api.ebay.com/oauth/api_scope'{SCOPES}]"
    world: World = open_world(of_ebay=f", {on_ebay(EBAY.replace(old, new))}{RULES}}}{scopes}, refunding: {{")
    market = world.connections.channel(NAME).new_listings
    assert market is not None
    assert problem in "".join(market.verify())
    assert bool(list(market.verify())) == bool(problem)
