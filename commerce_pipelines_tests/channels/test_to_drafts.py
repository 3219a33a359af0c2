"""From a marketplace's words to Odoo's figures: odd payloads of each channel, read, decided and added up as Odoo does.

What belongs here: what only shows when translation and rules meet. What does not: either of them alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.orders.order import Address, Buyer, Order
from commerce_pipelines.domain.sales.rules import SaleRules
from commerce_pipelines_tests.channels.amazon import payloads as amazon
from commerce_pipelines_tests.channels.amazon.payloads import item, part
from commerce_pipelines_tests.channels.ebay.orders import test_translate as ebay
from commerce_pipelines_tests.channels.shopify.orders import test_translate as shopify
from commerce_pipelines_tests.doubles.drafts import FR_NUMBER, made, taxes, total
from commerce_sandbox.ebay.making import Remitted, Sold

RULES = SaleRules(skus={"SKU-1": "A", "SKU-2": "BOOK", "MUG": "A", "BK": "BOOK"})
BY_AMAZON: dict[str, Any] = {"tax": {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}}


def an_amazon(*items: dict[str, Any], total: str, country: str = "DE") -> Callable[[], Order]:
    where = {"deliveryAddress": {"countryCode": country, "postalCode": "10115", "city": "X"}}
    return lambda: amazon.sold(amazon.order(*items, total=total, recipient=where))


def a_shopify(
    *lines: Any, country: str = "DE", basis: str = "shop", buyer: Buyer | None = None, **more: Any
) -> Callable[[], Order]:
    def read() -> Order:
        order = shopify.read(shopify.sell(*lines, **more), basis)
        return msgspec.structs.replace(
            order, shipping=Address(country=country, postcode="10115"), buyer=buyer or order.buyer
        )

    return read


def an_ebay(*sold: Sold, country: str = "DE", **more: Any) -> Callable[[], Order]:
    buyer = ebay.BUYER._replace(country=country)
    return lambda: ebay.read(ebay.make_order(1, ebay.NOW, list(sold), buyer, **more))


def book(**more: Any) -> Any:
    return shopify.mug(sku="BK", price=1070, rate="0.07", **more)


mug = shopify.mug
COMPANY = Buyer(vat_number=FR_NUMBER, is_business=True)
CASES: dict[str, tuple[Callable[[], Order], str, int, dict[int, int], int]] = {
    # case: (the order, regime, total, tax by rate in Odoo, collected)
    "amazon, tax rounded per unit": (
        an_amazon(item("9.90", part("ITEM", "9.90"), part("TAX", "1.50"), quantity=30), total="9.90"),
        "domestic", 990, {190_000: 158}, 0),
    "amazon, a thousand at a tiny price": (
        an_amazon(item("50.00", part("ITEM", "50.00"), part("TAX", "3.27"), quantity=1000, number=2), total="50.00"),
        "domestic", 5000, {70_000: 327}, 0),
    "amazon, gift wrap at another rate": (
        an_amazon(item("12.69", part("ITEM", "10.70"), part("GIFT_WRAP", "1.99"),
                       part("TAX", "1.02", ITEM="0.70", GIFT_WRAP="0.32"), number=2), total="12.69"),
        "domestic", 1269, {70_000: 70, 190_000: 32}, 0),
    "amazon, free shipping and two rates": (
        an_amazon(item("23.80", part("ITEM", "23.80"), part("SHIPPING", "5.95"),
                       part("DISCOUNT", "-5.95", SHIPPING="-5.95"),
                       part("TAX", "3.80", ITEM="3.80", SHIPPING="0.95", DISCOUNT="-0.95")),
                  item("10.70", part("ITEM", "10.70"), part("TAX", "0.70"), number=2), total="34.50"),
        "domestic", 3450, {190_000: 380, 70_000: 70}, 0),
    "amazon, a facilitator's tax on top": (
        an_amazon(item("108.00", part("ITEM", "100.00"), part("TAX", "8.00"), **BY_AMAZON), total="108.00",
                  country="US"),
        "marketplace", 10_000, {0: 0}, 800),
    "amazon, a deemed supplier's tax inside": (
        an_amazon(item("24.00", part("ITEM", "24.00"), part("TAX", "4.00"), **BY_AMAZON), total="24.00", country="FR"),
        "marketplace", 2000, {0: 0}, 400),
    "amazon, given away": (
        an_amazon(item("0.00", part("ITEM", "30.00"), part("DISCOUNT", "-30.00")), total="0.00"),
        "domestic", 0, {190_000: 0}, 0),
    "shopify, home rates charged abroad": (
        a_shopify(mug(quantity=2), country="FR"), "oss", 4470, {200_000: 745}, 0),
    "shopify, two rates under one code": (
        a_shopify(mug(discounts=(("X", 199),)), book(discounts=(("X", 107),)), shipping_discounts=(("X", 490),)),
        "domestic", 2754, {190_000: 286, 70_000: 63}, 0),
    "shopify, net prices": (
        a_shopify(*(mug(price=333 + i, quantity=3) for i in range(5)), included=False),
        "domestic", 6563, {190_000: 1048}, 0),
    "shopify, net prices for a company abroad": (
        a_shopify(mug(rate=None), shipping_rate=None, included=False, country="FR", buyer=COMPANY),
        "reverse_charge", 2480, {0: 0}, 0),
    "shopify, yen for the buyer": (
        a_shopify(mug(quantity=3), currency="JPY", basis="presentment"), "domestic", 10_618, {190_000: 1695}, 0),
    "shopify, yen for the buyer, euros for the shop": (
        a_shopify(mug(quantity=3, discounts=(("X", 100),)), currency="JPY"), "domestic", 6360, {190_000: 1015}, 0),
    "shopify, dinars": (
        a_shopify(mug(quantity=3), currency="KWD", basis="presentment"), "domestic", 21_519, {190_000: 3436}, 0),
    "shopify, a gift card at a discount": (
        a_shopify(mug(gift_card=True, price=5000, rate=None, ships=False, discounts=(("X", 500),)), shipping=0),
        "domestic", 4500, {}, 0),
    "shopify, a tip": (a_shopify(mug(), tip=300), "domestic", 2780, {190_000: 396}, 0),
    "shopify, duties beyond the border": (
        a_shopify(mug(rate=None, duty=120), shipping_rate=None, country="CH"), "export", 2600, {0: 0}, 0),
    "ebay, discounts and free delivery": (
        an_ebay(Sold("A", "Mug", 1000, 3, 300), Sold("BOOK", "Book", 500), delivery=590, delivery_discount=590),
        "domestic", 3200, {190_000: 431, 70_000: 33}, 0),
    "ebay, abroad": (an_ebay(Sold("A", "Mug", 1000, 3, 300), country="FR"), "oss", 2700, {200_000: 450}, 0),
    "G23: ebay collects": (
        an_ebay(Sold("A", "Mug", 1000, 2), country="FR", remitted=Remitted("VAT", 20, ("IOSS", "IM1"))),
        "marketplace", 2000, {0: 0}, 400),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_payload_becomes_odoos_figures(name: str) -> None:
    read, regime, worth, tax, collected = CASES[name]
    order = read()
    result = made(order, RULES)
    assert (result.regime, result.total, total(result), order.collected) == (regime, worth, worth, collected)
    assert taxes(result) == tax


@pytest.mark.parametrize(
    ("read", "code"),
    [
        (an_amazon(item("108.00", part("ITEM", "100.00"), part("TAX", "8.00"), **BY_AMAZON),
                   item("10.80", part("ITEM", "10.00"), part("TAX", "0.80"), number=2), total="118.80", country="US"),
         "mixed_collection"),  # the seller charges tax of his own beside the facilitator's
        (a_shopify(mug(rate=None), shipping_rate=None), "untaxed"),
        (a_shopify(book(), country="FR"), "unknown_tax"),
    ],
)  # fmt: skip
def test_a_payload_waits_with_a_reason(read: Callable[[], Order], code: str) -> None:
    with pytest.raises(RecordError) as caught:
        made(read(), RULES)
    assert caught.value.code == code
    assert caught.value.fix
