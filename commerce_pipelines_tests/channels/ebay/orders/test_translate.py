"""eBay's orders as the business sees them: every sample, then each rule that money, states and people follow."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.ebay.api import xml
from commerce_pipelines.channels.ebay.orders import translate
from commerce_pipelines.channels.ebay.orders.charges import Item, Summary, price
from commerce_pipelines.core.errors import ProtocolError, RecordError, SettingsError
from commerce_pipelines.domain.orders.order import FulfilledBy, LineKind, Order, OrderStatus, balance, check
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import demo_orders
from commerce_sandbox.ebay.making import Remitted, Sold, make_order

from ..account import BUYER, NOW, an_order, settings

SPECS = os.environ.get("COMMERCE_SPECS", "")
with_samples = pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: eBay's samples are not at hand")
SAMPLES = Path(SPECS).parent / "payloads" / "ebay"


def rest_samples() -> Iterator[bytes]:
    for path in sorted((SAMPLES / "rest_official_docs_samples").glob("*.json")) if SPECS else ():
        content = json.loads(path.read_bytes())
        for order in content.get("orders", [content]):
            yield json.dumps(order).encode()


def trading_samples() -> dict[str, bytes]:
    answers = {
        path.stem.partition("Response")[2]: path.read_bytes() for path in (SAMPLES / "trading_xml").glob("*.xml")
    }
    return {name: xml.write(order) for name, answer in answers.items() for order in xml.parse(answer).iter("Order")}


def read(order: dict[str, Any], **options: Any) -> Order:
    return translate.translate(json.dumps(order).encode(), "ebay_de", "EBAY_DE", **options)


def amounts(order: Order) -> dict[str, int]:
    return {line.line_id: line.amount for line in order.lines}


@with_samples
def test_official_rest_samples_go_through_or_are_refused_for_what_is_wrong_with_them() -> None:
    """One printed order repeats its line item: the lines are worth twice the stated total. That is not to be booked."""
    done, refused = [], []
    for raw in rest_samples():
        assert translate.head(raw).record_id
        try:
            done.append(translate.translate(raw, "ebay", "EBAY_DE"))
        except RecordError as error:
            refused.append((translate.head(raw).record_id, error.code))
    assert {(o.total, o.collected, o.collected_as, o.currency) for o in done} == {(21_800, 3_270, "GST", "USD")}
    assert set(refused) == {("1********5", "unbalanced")}
    assert len(done) == len(refused) == 2


@with_samples
def test_the_repeated_line_taken_out_the_official_order_is_right_to_the_cent() -> None:
    order = json.loads(next(raw for raw in rest_samples() if b'"1********5"' in raw))
    order["lineItems"].pop()
    read_order = read(order)
    assert (read_order.total, read_order.collected, read_order.collected_as) == (11_626, 2_441, "OSS")
    assert (read_order.marketplace, read_order.departure_country, read_order.destination.country) == (
        "EBAY_AT",
        "IT",
        "ES",
    )


@with_samples
def test_every_trading_sample_goes_through() -> None:
    orders = {name: translate.translate(raw, "ebay", "EBAY_US") for name, raw in trading_samples().items()}
    assert len(orders) == 4
    varied = orders["WithItemVariationSku"]
    assert (varied.status, varied.total, varied.number) == (OrderStatus.PAID, 686, "270357010")
    assert [line.sku for line in varied.lines if line.sku] == ["testSku501_W", "testSku501_B", "testSku501_Y"]
    assert {o.status for name, o in orders.items() if name != "WithItemVariationSku"} == {OrderStatus.WAITING}
    shipping = orders["WithItemsSku"].shipping
    assert shipping
    assert shipping.country == "US"
    assert orders["WithUserFirstandLastName"].buyer.name == "Han Solo"
    assert orders["WithUserFirstandLastName"].shipping is None


@pytest.mark.parametrize("order", list(demo_orders(3, 5, NOW, CATALOGUE)), ids=lambda order: order["orderId"])
def test_every_order_of_the_sandbox_balances(order: dict[str, Any]) -> None:
    result = read(order)
    check(result)
    assert result.total + result.collected == round(float(order["pricingSummary"]["total"]["value"]) * 100)


def test_discounts_delivery_and_quantity_are_lines_of_their_own() -> None:
    sold = [Sold("A", "Mug", 1_000, 3, 300), Sold("B", "Pot", 500, 1)]
    order = read(make_order(1, NOW, sold, BUYER, delivery=590, delivery_discount=190))
    first, second = (line.line_id for line in order.lines if line.kind is LineKind.PRODUCT)
    assert amounts(order) == {
        first: 3_000, f"{first}_discount": -300, f"{first}_shipping": 590, f"{first}_shipping_discount": -190,
        second: 500,
    }  # fmt: skip
    assert order.lines[0].quantity == 3
    assert order.lines[0].tax == 0
    assert order.lines[0].rate is None
    assert order.lines[1].title == "Buy more, save more"
    assert (order.total, order.prices_include_tax) == (3_600, True)


def test_money_that_only_the_order_states_is_a_line_of_the_order() -> None:
    order = an_order(1, NOW)
    summary = order["pricingSummary"]
    summary |= {
        "priceDiscount": {"value": "-5.00", "currency": "EUR"},
        "adjustment": {"value": "-1.50", "currency": "EUR"},
    }
    summary |= {"deliveryCost": {"value": "4.90", "currency": "EUR"}, "total": {"value": "67.40", "currency": "EUR"}}
    summary |= {"deliveryDiscount": {"value": "-0.90", "currency": "EUR"}}
    result = read(order)
    assert {k: v for k, v in amounts(result).items() if not k.startswith("1")} == {
        "shipping": 490, "shipping_discount": -90, "discount": -500, "adjustment": -150,
    }  # fmt: skip
    assert {line.line_id: line.of for line in result.lines if line.of} == {"shipping_discount": "shipping"}


@pytest.mark.parametrize(
    ("remitted", "name"),
    [
        (Remitted("VAT", 20, ("IOSS", "IM2760000742")), "IOSS"),
        (Remitted("VAT", 25, ("OSS", "DE 123")), "OSS"),
        (Remitted("VAT", 20), "deemed_supplier"),
        (Remitted("STATE_SALES_TAX", 20), "US_FACILITATOR"),
    ],
)
def test_collected_tax_is_never_the_sellers(remitted: Remitted, name: str) -> None:
    """24.00 paid, of which 4.00 are remitted by eBay: a sale of 20.00."""
    payload = make_order(1, NOW, [Sold("A", "Mug", 2_000)], BUYER, remitted=remitted._replace(percent=20))
    assert payload["pricingSummary"]["total"]["value"] == "24.00"
    order = read(payload)
    assert (order.total, order.collected, order.collected_as) == (2_000, 400, name)
    assert all(line.tax == 0 for line in order.lines)


def test_collected_tax_that_the_total_leaves_out_or_the_price_contains() -> None:
    """Without TAX_BREAKDOWN the total leaves it out; repeated among `taxes` and yet no more than the prices: inside."""
    order = make_order(1, NOW, [Sold("A", "Mug", 2_000)], BUYER, remitted=Remitted("VAT", 20), delivery=400)
    order["pricingSummary"]["total"]["value"] = "24.00"
    inside = read(order)
    assert (inside.total, inside.collected) == (1_920, 480)
    assert sorted(line.amount for line in inside.lines) == [320, 1_600]
    order["lineItems"][0]["taxes"] = []
    outside = read(order)
    assert (outside.total, outside.collected) == (2_400, 480)


def test_the_sellers_own_tax_is_on_top_or_inside_as_the_total_says() -> None:
    order = an_order(1, NOW)
    order["lineItems"][0]["taxes"] = [{"amount": {"value": "5.00", "currency": "EUR"}, "taxType": "STATE_SALES_TAX"}]
    inside = read(order)
    assert (inside.total, inside.prices_include_tax, inside.lines[0].tax) == (6_990, True, 500)
    order["pricingSummary"]["total"]["value"] = "74.90"
    on_top = read(order)
    assert (on_top.total, on_top.prices_include_tax, on_top.collected) == (7_490, False, 0)


def test_tax_of_what_costs_nothing_is_not_lost() -> None:
    item = Item(line_id="1", title="x", quantity=1, cost=0, tax=2)
    assert price([item], Summary(total=2), False).total == 2


def test_statutory_fees_and_what_ebay_charges_for_itself() -> None:
    order = an_order(1, NOW)
    line = order["lineItems"][0]
    line["taxes"] = [{"amount": {"value": "1.00", "currency": "EUR"}, "taxType": "TIRE_RECYCLING_FEE"}]
    line["deliveryCost"]["importCharges"] = {"value": "9.00", "currency": "EUR"}
    order["pricingSummary"]["total"]["value"] = "79.90"
    result = read(order)
    assert (result.total, result.collected, result.collected_as) == (7_090, 900, "ebay_charges")
    assert [order_line.kind for order_line in result.lines] == [LineKind.PRODUCT, LineKind.FEE]


def test_what_does_not_add_up_is_refused_when_paid_and_goes_on_without_prices_when_waiting() -> None:
    order = an_order(1, NOW)
    order["pricingSummary"]["total"]["value"] = "70.00"
    with pytest.raises(RecordError) as caught:
        read(order)
    assert caught.value.code == "unbalanced"
    waiting = read({**order, "orderPaymentStatus": "PENDING"})
    assert (waiting.status, waiting.total, [line.sku for line in waiting.lines]) == (
        OrderStatus.WAITING,
        0,
        ["KET-GN-17"],
    )


def test_converted_amounts_are_read_in_the_orders_currency_and_never_mixed() -> None:
    order = an_order(1, NOW)
    payment = order["paymentSummary"]["payments"][0]
    payment["amount"] = {
        "value": "60.02",
        "currency": "GBP",
        "convertedFromValue": "69.90",
        "convertedFromCurrency": "EUR",
    }
    order["pricingSummary"]["total"] |= {"convertedFromValue": "80.00", "convertedFromCurrency": "USD"}
    result = read(order)
    assert (result.currency, result.total, result.payments[0].amount) == ("EUR", 6_990, 6_990)
    order["lineItems"][0]["deliveryCost"]["shippingCost"] = {"value": "1.00", "currency": "GBP"}
    with pytest.raises(RecordError) as caught:
        read(order)
    assert caught.value.code == "mixed_currency"


@pytest.mark.parametrize(
    ("payment", "cancel", "status"),
    [
        ("PAID", "NONE_REQUESTED", OrderStatus.PAID),
        ("PAID", "IN_PROGRESS", OrderStatus.PAID),
        ("PARTIALLY_REFUNDED", "NONE_REQUESTED", OrderStatus.PAID),
        ("FULLY_REFUNDED", "NONE_REQUESTED", OrderStatus.PAID),
        ("FULLY_REFUNDED", "CANCELED", OrderStatus.CANCELLED),
        ("PENDING", "NONE_REQUESTED", OrderStatus.WAITING),
        ("FAILED", "NONE_REQUESTED", OrderStatus.WAITING),
    ],
)
def test_status(payment: str, cancel: str, status: OrderStatus) -> None:
    assert read(an_order(1, NOW, payment=payment, cancel=cancel)).status is status


def test_people_and_places() -> None:
    order = an_order(1, NOW)
    result = read(order)
    assert (result.buyer.ref, result.buyer.name, result.buyer.language) == ("joerg-w", "Jörg Weiß", "de-DE")
    assert result.buyer.email_is_relay
    assert translate.head(json.dumps(order).encode()).subject == "ebay:joerg-w"
    contact = order["buyer"]["buyerRegistrationAddress"]
    contact |= {"email": "Invalid Request", "primaryPhone": {"phoneNumber": "Invalid Request"}}
    order["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"] = contact
    order["buyer"]["taxIdentifier"] = {
        "taxpayerId": "IT12345670017",
        "taxIdentifierType": "VATIN",
        "issuingCountry": "IT",
    }
    result = read(order)
    assert (result.buyer.email, result.buyer.phone, result.buyer.vat_number) == ("", "", "IT12345670017")
    assert result.buyer.is_business


def test_parcels_of_the_global_shipping_program_go_to_the_hub_under_their_reference() -> None:
    order = an_order(1, NOW)
    instruction = order["fulfillmentStartInstructions"][0]
    instruction["ebaySupportedFulfillment"] = True
    instruction["shippingStep"]["shipToReferenceId"] = "1234567890123456"
    shipping = read(order).shipping
    assert shipping
    assert (shipping.street, shipping.street2) == ("Reference #1234567890123456", "Am Süderdamm 1")
    instruction["fulfillmentInstructionsType"] = "FULFILLED_BY_EBAY"
    assert read(order).fulfilled_by is FulfilledBy.CHANNEL


@pytest.mark.parametrize(
    ("path", "value", "subject"),
    [
        (("creationDate",), "yesterday", "$.creationDate"),
        (("orderPaymentStatus",), "MAYBE", "$.orderPaymentStatus"),
        (("lineItems",), [], "$.lineItems"),
        (("lineItems", 0, "quantity"), "three", "$.lineItems[0].quantity"),
        (("pricingSummary", "total", "value"), 12.5, "$.pricingSummary.total.value"),
        (("orderId",), "../../x", "$.orderId"),
    ],
)
def test_nonsense_is_refused_with_its_path_and_without_its_value(
    path: tuple[Any, ...], value: Any, subject: str
) -> None:
    order = an_order(1, NOW)
    at: Any = order
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(RecordError) as caught:
        read(order)
    assert (caught.value.code, caught.value.subject) == ("bad_payload", subject)
    assert str(value) not in caught.value.message or value in ([], "MAYBE")
    assert ("MAYBE is no value that we know" in caught.value.message) == (value == "MAYBE")


def test_nonsense_xml_is_refused_with_its_path() -> None:
    raw = b'<Order xmlns="urn:x"><OrderID>1</OrderID><OrderStatus>Completed</OrderStatus></Order>'
    with pytest.raises(RecordError) as caught:
        translate.head(raw)
    assert caught.value.code == "bad_payload"
    assert "CreatedTime" in caught.value.message


BOMB = (
    b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]><Order><OrderID>&j;</OrderID></Order>"""
    % b"".join(b'<!ENTITY %c "%s">' % (98 + at, b"&%c;" % (97 + at) * 10) for at in range(9))
)
EXTERNAL = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Order><OrderID>&e;</OrderID></Order>'
DEEP = b"<Order>" * 5_000 + b"</Order>" * 5_000
QUADRATIC = b'<!DOCTYPE x [<!ENTITY q "%s">]><Order>%s</Order>' % (b"q" * 50_000, b"&q;" * 50_000)


@pytest.mark.parametrize(
    "raw", [BOMB, EXTERNAL, QUADRATIC, b"<!DOCTYPE x><Order/>", b"<Order>", b"<!DOCTYPE x><Order>\xff</Order>"]
)
def test_hostile_xml_is_refused_at_once(raw: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ProtocolError):
        xml.parse(raw)
    with pytest.raises(RecordError):
        translate.head(raw)
    assert time.process_time() - started < 20  # a bomb that goes off takes minutes


def test_an_order_that_nests_without_end_is_refused_by_itself() -> None:
    page = (
        b"<GetOrdersResponse><OrderArray><Order><OrderID>1</OrderID></Order>%s</OrderArray></GetOrdersResponse>" % DEEP
    )
    sound, deep = xml.parse(page).findall("OrderArray/Order")
    assert sound.findtext("OrderID") == "1"
    with pytest.raises(RecordError, match="nest without end"):
        translate.head(xml.write(deep))


def test_requests_are_built_without_string_formatting() -> None:
    built = xml.build("GetOrdersRequest", {"OrderIDArray": {"OrderID": ["a<b>&c", "d"]}, "Flag": True, "None": None})
    root = xml.parse(built)
    assert [element.text for element in root.iter("OrderID")] == ["a<b>&c", "d"]
    assert (root.findtext("Flag"), root.find("None")) == ("true", None)


@given(
    st.lists(
        st.builds(
            Item,
            line_id=st.uuids().map(str), title=st.just("x"), quantity=st.integers(1, 9), cost=st.integers(0, 10**6),
            discount=st.integers(0, 10**5), shipping=st.integers(0, 10**4), shipping_discount=st.integers(0, 10**4),
            tax=st.integers(0, 10**5), fees=st.integers(0, 500), remitted=st.integers(0, 10**5),
        ),
        min_size=1, max_size=8,
    ),
    st.booleans(), st.booleans(), st.integers(-10_000, 10_000),
)  # fmt: skip
def test_whatever_is_charged_the_lines_add_up_to_the_sellers_total(
    items: list[Item], on_top: bool, includes: bool, adjustment: int
) -> None:
    net = sum(i.cost - i.discount + i.shipping - i.shipping_discount + i.fees for i in items) + adjustment
    own, remitted = sum(i.tax for i in items), sum(i.remitted for i in items)
    stated = net + own * on_top + remitted
    priced = price(items, Summary(total=stated, adjustment=adjustment), includes)
    order = an_order_of(priced.lines, priced.total, priced.prices_include_tax)
    assert balance(order) == 0
    assert priced.total + priced.collected in (stated, stated + remitted)
    assert all(line.amount < 0 for line in priced.lines if line.kind is LineKind.DISCOUNT)


def an_order_of(lines: tuple[Any, ...], total: int, includes: bool) -> Order:
    return Order(
        channel="e", order_id="1", number="1", placed_at=NOW, updated_at=NOW, status=OrderStatus.PAID, currency="EUR",
        total=total, prices_include_tax=includes, lines=lines,
    )  # fmt: skip


def test_settings_say_what_is_wrong_and_warn_before_the_consent_ends() -> None:
    with pytest.raises(SettingsError, match=r"channels\[ebay_de\].marketplace: 'EBAY_XX'"):
        settings("https://api.ebay.com", marketplace="EBAY_XX")
    account = settings("https://api.ebay.com", refresh_token_issued_on="2025-06-01")
    assert account.warnings(date(2026, 8, 31)) == []
    assert "expires in 90 days" in account.warnings(date(2026, 9, 1))[0]
    assert "expires in 15 days" in account.warnings(date(2026, 11, 15))[0]
    assert "18 months" in account.warnings(date(2027, 1, 1))[0]
    assert account.home.site == 77
