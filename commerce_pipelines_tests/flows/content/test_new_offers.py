"""Products that a person chose in Odoo become offers on pages of Amazon's catalogue, once: through the real channel
over HTTP, on both stand-ins."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.domain.outbox.effects import LATE_ANSWER
from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.new_listings import Created, create
from commerce_pipelines_tests.flows.content.test_marketplaces import World, open_world
from commerce_sandbox.amazon.catalog import Page
from commerce_sandbox.server import Call, Fault

__all__ = ["open_world"]

NAME, NEW, EAN, ASIN = "amazon_eu", "KET-NEW-1", "4006381333931", "B0NEWKETTL"
RULES = ", new_listings: {enabled: true, tag: Amazon}"


class Seller:
    def __init__(self, world: World) -> None:
        self.world, self.amazon = world, world.amazon
        [self.tag] = world.odoo.call("product.tag", "create", vals_list=[{"name": "Amazon"}])

    def add(self, code: str = NEW, **values: Any) -> int:
        """A product in Odoo with the tag; its key as a listing."""
        vals = {
            "name": "Travel Kettle", "default_code": code, "type": "consu", "is_storable": True, "list_price": 50.0,
            "barcode": EAN, "product_tag_ids": [[6, 0, [self.tag]]], **values,
        }  # fmt: skip
        self.world.odoo.call("product.template", "create", vals_list=[vals])
        [id_] = self.world.odoo.call("product.product", "search", domain=[["default_code", "=", code]])
        return int(id_)

    def make(self) -> Created:
        take_products(self.world.connections, NAME)
        return create(self.world.connections, NAME, run_id="run")

    def calls(self, method: str, path: str = "/listings/") -> int:
        return sum(call.method == method and call.path.startswith(path) for call in self.amazon.calls)


@pytest.fixture
def open_seller(open_world: Any) -> Any:
    return lambda rules=RULES: Seller(open_world("", rules))


def test_a_product_whose_barcode_one_page_has_becomes_an_offer_there_without_stock(open_seller: Any) -> None:
    seller: Seller = open_seller()
    seller.amazon.catalog.add(Page(ASIN, "Kettle", EAN), Page("B0OTHER001", "Mug", "4002590111032"))
    seller.add()
    assert dict(seller.make().outcomes) == {"accepted": 1}
    offer = seller.amazon.listings.offers[NEW]
    assert (offer.asin, offer.quantity) == (ASIN, 0)
    [price] = offer.attributes["purchasable_offer"]
    assert (price["our_price"][0]["schedule"][0]["value_with_tax"], price["currency"]) == (59.5, "EUR")
    assert seller.calls("PUT") == 2  # a preview, and the offer
    assert seller.make().outcomes == {}
    assert (seller.calls("PUT"), seller.world.waits(NAME)) == (2, [])


@pytest.mark.parametrize(("pages", "values", "code"), [
    ([], {}, "new_listing_unsuited"),
    ([Page(ASIN, "Kettle", EAN), Page("B0SECOND01", "Kettle, used", EAN)], {}, "new_listing_unsuited"),
    ([Page(ASIN, "Kettle", EAN)], {"barcode": False}, "new_listing_incomplete"),
    ([Page(ASIN, "Kettle", EAN)], {"barcode": "4006381333932"}, "new_listing_incomplete"),
    ([Page(ASIN, "Kettle", EAN)], {"list_price": 0.0}, "new_listing_incomplete"),
])  # fmt: skip
def test_no_page_or_several_is_nothing_to_guess(
    open_seller: Any, pages: list[Page], values: dict[str, Any], code: str
) -> None:
    seller: Seller = open_seller()
    seller.amazon.catalog.add(*pages)
    seller.add(**values)
    assert seller.make().outcomes == {}
    assert (seller.world.waits(NAME), seller.calls("PUT")) == ([code], 0)


def test_the_asin_of_a_field_of_odoo_is_taken_and_nothing_is_searched(open_seller: Any) -> None:
    seller: Seller = open_seller(RULES.replace("tag:", "amazon: {asin: description_sale}, tag:"))
    seller.amazon.catalog.add(Page(ASIN, "Kettle", "4002590111032"))
    seller.add(barcode=False, description_sale=ASIN)
    assert dict(seller.make().outcomes) == {"accepted": 1}
    assert seller.calls("GET", "/catalog/") == 0
    assert seller.amazon.listings.offers[NEW].asin == ASIN
    seller.add("KET-NEW-2", barcode=False, description_sale="no asin")
    assert seller.make().outcomes == {}
    assert seller.world.waits(NAME) == ["new_listing_unsuited"]


def test_what_a_preview_finds_is_refused_and_nothing_is_sent(open_seller: Any) -> None:
    seller: Seller = open_seller()
    seller.amazon.catalog.add(Page(ASIN, "Kettle", EAN, restricted=True))
    seller.add()
    assert dict(seller.make().outcomes) == {"refused": 1}
    assert (seller.world.waits(NAME), seller.calls("PUT")) == (["new_listing_refused"], 1)
    assert NEW not in seller.amazon.listings.offers
    assert seller.make().outcomes == {}


def test_a_sku_that_amazon_has_is_never_replaced(open_seller: Any) -> None:
    seller: Seller = open_seller()
    seller.amazon.catalog.add(Page(ASIN, "Kettle", EAN))
    offers = seller.amazon.listings.offers
    offers[NEW] = next(iter(offers.values()))  # since the last reading
    seller.add()
    assert dict(seller.make().outcomes) == {"refused": 1}
    assert (seller.world.waits(NAME), seller.calls("PUT")) == (["new_listing_there"], 0)


def test_a_404_that_is_not_amazons_own_is_no_proof_that_a_sku_is_free(open_seller: Any) -> None:
    seller: Seller = open_seller()
    seller.amazon.catalog.add(Page(ASIN, "Kettle", EAN))
    offers = seller.amazon.listings.offers
    there = offers[NEW] = next(iter(offers.values()))  # since the last reading

    def reads(call: Call) -> bool:
        return call.method == "GET" and call.path.startswith("/listings/") and NEW in call.path

    seller.amazon.faults.append(Fault(match=reads, status=404, body=b"{}"))
    seller.add()
    assert dict(seller.make().outcomes) == {"unknown": 1}
    assert (offers[NEW] is there, seller.calls("PUT")) == (True, 0)


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_whichever_answer_is_lost_there_is_one_offer_at_last(open_seller: Any, number: int, after: bool) -> None:
    seller: Seller = open_seller()
    seller.amazon.catalog.add(Page(ASIN, "Kettle", EAN))
    seller.add()
    calls = 0

    def fits(call: Call) -> bool:
        nonlocal calls
        calls += NEW in call.path or call.path.startswith("/catalog/")
        return calls >= number

    seller.amazon.faults.append(Fault(match=fits, times=6, drop=True, after=after))
    for _ in range(6):
        with suppress(TransientError):
            seller.make()
        with seller.world.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE commerce.attempts SET started_at = started_at - %(late)s, settled_at = settled_at - %(late)s",
                {"late": 2 * LATE_ANSWER},
            )
    assert seller.amazon.listings.offers[NEW].asin == ASIN
    count = seller.calls("PUT")
    assert (seller.make().outcomes, seller.calls("PUT"), seller.world.waits(NAME)) == ({}, count, [])
