"""What happens after a sale in the demo: which orders leave and are paid back, and what each side shows of it."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from commerce_sandbox.after_sale import AfterSale
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.amazon import demo_orders as amazon_orders
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.ebay import demo_orders as ebay_orders
from commerce_sandbox.shopify import ShopifyStandIn
from commerce_sandbox.shopify import demo_orders as shopify_orders

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Warehouse:
    """An Odoo in which every order is ready to leave."""

    def __init__(self) -> None:
        self.ready: list[str] = []
        self.left: list[str] = []
        self.in_two: list[str] = []
        self.invoiced = 0
        self.credited: list[str] = []

    def list_waiting(self) -> list[str]:
        return [reference for reference in self.ready if reference not in self.left]

    def list_left(self, references: Collection[str]) -> set[str]:
        return set(references) & set(self.left)

    def ship(self, references: Collection[str], in_two: Collection[str] = ()) -> None:
        self.left += references
        self.in_two += in_two

    def invoice(self, references: Collection[str] | None = None) -> int:
        self.invoiced += 1
        return 0

    def credit(self, reference: str, amount: float) -> bool:
        self.credited.append(reference)
        return True

    def stir(self, rng: random.Random) -> str:
        return "nothing"


@pytest.fixture
def channels() -> Iterator[dict[str, Any]]:
    makers = (amazon_orders, ebay_orders, shopify_orders)
    with ExitStack() as stack:
        stand_ins: list[Any] = [
            stack.enter_context(stand_in()) for stand_in in (AmazonStandIn, EbayStandIn, ShopifyStandIn)
        ]
        for stand_in, make in zip(stand_ins, makers, strict=True):
            for order in make(19, 7, NOW, CATALOGUE):
                stand_in.add(order)
        yield dict(zip(("amazon_eu", "ebay_de", "shopify_de"), stand_ins, strict=True))


def list_references(channels: dict[str, Any]) -> list[str]:
    amazon, ebay, shopify = channels.values()
    return [
        *(order["orderId"] for order in amazon.orders.values()),
        *ebay.orders,
        *(order["name"] for order in shopify.orders.rows.values()),
    ]


def test_the_first_orders_leave_and_are_paid_back(channels: dict[str, Any]) -> None:
    odoo = Warehouse()
    odoo.ready = list_references(channels)
    after_sale = AfterSale(channels, odoo)  # type: ignore[arg-type]
    assert after_sale.ship(3) == 9
    assert (len(odoo.left), len(odoo.in_two), odoo.invoiced) == (9, 9, 1)
    after_sale.pay_back(NOW)
    amazon, ebay, shopify = channels.values()
    assert [len(left) for left in after_sale.shipped.values()] == [1, 1, 1]
    assert len(amazon.finances.transactions) == 2
    [back] = amazon.returns.merchant
    assert {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": back["order_id"]} in (
        amazon.finances.transactions[0]["relatedIdentifiers"]
    )
    assert sum(bool(line["refunds"]) for order in ebay.orders.values() for line in order["lineItems"]) == 1
    [left] = after_sale.shipped["shopify_de"]
    assert (after_sale.credit("shopify_de"), after_sale.credit("shopify_de"), odoo.credited) == (True, False, [left])
    returned = [order for order in shopify.orders.rows.values() if order["returns"]]
    assert [len(order["refunds"]) for order in returned] == [1]


def test_a_unit_is_exchanged_for_the_same_again_and_no_money_moves(channels: dict[str, Any]) -> None:
    odoo = Warehouse()
    odoo.ready = list_references(channels)
    after_sale = AfterSale(channels, odoo)  # type: ignore[arg-type]
    assert after_sale.exchange("shopify_de", NOW) is None  # nothing has left
    after_sale.ship(1)
    assert after_sale.exchange("ebay_de", NOW) is None
    [reference] = after_sale.shipped["shopify_de"]
    order = next(row for row in channels["shopify_de"].orders.rows.values() if row["name"] == reference)
    lines, total = len(order["lineItems"]), float(order["totalPriceSet"]["shopMoney"]["amount"])
    assert after_sale.exchange("shopify_de", NOW) is not None
    first, new = order["lineItems"][0], order["lineItems"][lines:]
    assert [(line["sku"], line["quantity"], line["taxLines"][0]["rate"]) for line in new] == [
        (first["sku"], 1, first["taxLines"][0]["rate"])
    ]
    price = float(first["originalUnitPriceSet"]["shopMoney"]["amount"])
    assert float(order["totalPriceSet"]["shopMoney"]["amount"]) == pytest.approx(total + price)
    [refund], [record] = order["refunds"], order["returns"]
    assert (refund["transactions"], refund["return"]["exchangeLineItems"]) == ([], record["exchangeLineItems"])
    assert after_sale.shipped["shopify_de"] == []


def test_any_order_may_leave_and_only_those_that_left_are_paid_back(channels: dict[str, Any]) -> None:
    odoo = Warehouse()
    odoo.ready = list_references(channels)
    after_sale, rng = AfterSale(channels, odoo), random.Random(1)  # type: ignore[arg-type]  # noqa: S311
    after_sale.pay_back_one(rng, NOW)
    assert channels["amazon_eu"].finances.transactions == []
    for _ in range(60):
        after_sale.ship_one(rng)
        after_sale.pay_back_one(rng, NOW)
    refunds = {row["relatedIdentifiers"][0]["relatedIdentifierValue"]
               for row in channels["amazon_eu"].finances.transactions}  # fmt: skip
    assert refunds
    assert refunds <= set(odoo.left)


def test_an_order_in_two_parcels_is_paid_back_once(channels: dict[str, Any]) -> None:
    """The marketplace may hear of the first parcel after the second has left."""
    after_sale = AfterSale(channels, Warehouse())  # type: ignore[arg-type]
    for name in channels:
        reference = min(after_sale.list_open(name))
        after_sale.send(reference)
        after_sale.send(reference)
        assert after_sale.shipped[name] == [reference]
        after_sale.pay_back_to(name, reference, NOW, goods=False)
        after_sale.send(reference)
        assert after_sale.shipped[name] == []
