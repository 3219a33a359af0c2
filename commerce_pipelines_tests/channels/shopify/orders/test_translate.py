"""Shopify's orders as the business sees them: the rules of money, states and people."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.shopify.api.queries import queries
from commerce_pipelines.channels.shopify.orders import payloads
from commerce_pipelines.channels.shopify.orders.translate import translate
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.orders.order import LineKind, Order, OrderStatus, Review, Shipped, balance, check
from commerce_sandbox.shopify import Line, make_order
from commerce_sandbox.shopify.execution import Execution

BASES = ("shop", "presentment")
EUR = "EUR"
DEEP = b'{"unknown": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"


def answered(order: dict[str, Any], basis: Any = "shop") -> dict[str, Any]:
    """The node as a shop answers it, made whole."""
    documents = queries(basis)
    text = documents.order.replace("lineItems(first: 8)", "lineItems(first: 250)")
    node = Execution(text, {"id": ""}).run({"order": lambda _: order})["order"]
    if order["edited"]:
        refunds = Execution(documents.refunds, {"id": ""}).run({"order": lambda _: order})
        node["refunds"] = refunds["order"]["refunds"]
    charges = Execution(documents.charges.replace("first: 50", "first: 250"), {"id": ""}).run(
        {"order": lambda _: order}
    )
    for line, more in zip(node["lineItems"]["nodes"], charges["order"]["lineItems"]["nodes"], strict=True):
        line["duties"] = more["duties"]
    node["additionalFees"] = charges["order"]["additionalFees"]
    return dict(node)


def read(order: dict[str, Any], basis: Any = "shop") -> Order:
    raw = json.dumps(answered(order, basis)).encode()
    translated = translate(payloads.order(raw), channel="shopify_de", shop="demo.myshopify.com", basis=basis)
    check(translated)
    return translated


def sell(*lines: Line, **more: Any) -> dict[str, Any]:
    return make_order(list(lines), number=1, created="2026-11-20T10:00:00Z", **more)


def mug(**more: Any) -> Line:
    return Line(**{"sku": "MUG", "title": "Mug", "price": 1990, **more})


def money(amount: str, currency: str = EUR) -> dict[str, Any]:
    both = {"amount": amount, "currencyCode": currency}
    return {"shopMoney": both, "presentmentMoney": both}


def of_kind(order: Order, kind: LineKind) -> list[tuple[int, int]]:
    return [(line.amount, line.tax) for line in order.lines if line.kind is kind]


@pytest.mark.parametrize("raw", [b"{}", b"[]", b'{"id": "gid://shopify/Order/1"', b"\xff", b'{"id": 5}', b"", DEEP])
def test_nonsense_is_refused_with_its_path(raw: bytes) -> None:
    for reader in (payloads.order, payloads.head):
        with pytest.raises(RecordError) as caught:
            reader(raw)
        assert caught.value.code == "bad_payload"


def test_a_wrong_type_is_named_by_its_path_and_never_quoted() -> None:
    node = answered(sell(mug()))
    node["lineItems"]["nodes"][0]["quantity"] = "secret"
    with pytest.raises(RecordError, match=r"lineItems\.nodes\[0\]\.quantity") as caught:
        payloads.order(json.dumps(node).encode())
    assert "secret" not in str(caught.value)


def test_subjects_are_mail_then_customer_then_the_order_itself() -> None:
    customer = {"id": "gid://shopify/Customer/9", "firstName": "A", "lastName": "B"}
    for given_, subject in (
        ({"email": " Anna@Example.COM ", "customer": customer}, "email:anna@example.com"),
        ({"email": "no address", "customer": customer}, "shopify:9"),
        ({}, "order:1"),
    ):
        assert payloads.head(json.dumps(answered(sell(mug(), **given_))).encode()).subject == subject


def test_discounts_are_lines_with_their_share_of_the_tax() -> None:
    order = read(sell(mug(quantity=3, discounts=(("SOMMER10", 500),)), shipping=490))
    assert of_kind(order, LineKind.PRODUCT) == [(5970, 953)]
    assert of_kind(order, LineKind.DISCOUNT) == [(-500, -80)]
    assert of_kind(order, LineKind.SHIPPING) == [(490, 78)]
    assert order.total == 5960
    assert [line.title for line in order.lines if line.kind is LineKind.DISCOUNT] == ["Discount SOMMER10"]


def test_free_shipping_and_free_orders_leave_nothing_behind() -> None:
    free = read(sell(mug(), shipping_discounts=(("VERSANDFREI", 490),)))
    assert of_kind(free, LineKind.SHIPPING) == [(490, 78)]
    assert of_kind(free, LineKind.DISCOUNT) == [(-490, -78)]
    gift = read(sell(mug(discounts=(("GRATIS100", 1990),)), shipping=0, financial="PENDING"))
    assert (gift.total, gift.status) == (0, OrderStatus.PAID)
    assert sum(line.tax for line in gift.lines) == 0


def test_gift_cards_are_a_liability_when_sold_and_a_payment_when_used() -> None:
    sold = read(sell(Line("GIFT", "Gift card", 5000, rate=None, gift_card=True), shipping=0))
    assert [(line.kind, line.amount, line.tax, line.rate) for line in sold.lines] == [(LineKind.GIFT_CARD, 5000, 0, 0)]
    used = read(sell(mug(price=8000), shipping=0, gift_card=3000))
    assert (used.total, used.lines[0].tax) == (8000, 1277)
    assert {payment.method: payment.amount for payment in used.payments} == {
        "gift_card": 3000, "shopify_payments": 5000,
    }  # fmt: skip


def test_a_tip_is_a_tip_as_a_line_and_as_a_sum() -> None:
    node = sell(mug(), tip=300)
    assert of_kind(read(node), LineKind.TIP) == [(300, 0)]
    node["lineItems"].pop()
    assert of_kind(read(node), LineKind.TIP) == [(300, 0)]


def test_tips_of_several_payments_are_tips() -> None:
    node = sell(mug(), shipping=0, tip=300)
    node["lineItems"].append(node["lineItems"][-1] | {"id": "gid://shopify/LineItem/99"})
    node["totalPriceSet"], node["totalTipReceivedSet"] = money("25.90"), money("6.00")
    order = read(node)
    assert [(line.kind, line.amount) for line in order.lines[1:]] == [(LineKind.TIP, 300)] * 2


def test_duties_and_fees_are_lines_with_or_without_their_parts() -> None:
    node = sell(mug(quantity=2, rate=None, duty=412), shipping_rate=None)
    assert of_kind(read(node), LineKind.DUTY) == [(412, 0)]
    node["lineItems"][0]["duties"] = []
    assert of_kind(read(node), LineKind.DUTY) == [(412, 0)]
    node["dutiesIncluded"] = True
    with pytest.raises(RecordError, match="412 minor units"):
        read(node)
    fees = sell(mug(), originalTotalAdditionalFeesSet=money("2.0"), totalPriceSet=money("26.8"))
    assert of_kind(read(fees), LineKind.FEE) == [(200, 0)]


def test_prices_without_tax_carry_it_on_top() -> None:
    order = read(sell(mug(price=670, quantity=2, rate="0.15"), included=False, shipping=0))
    assert (order.total, order.prices_include_tax) == (1541, False)
    assert [(line.amount, line.tax) for line in order.lines] == [(1340, 201)]


def test_tax_that_the_channel_remits_is_neither_ours_nor_lost() -> None:
    for included, ours, theirs in ((True, 1672, 318), (False, 1990, 378)):
        node = sell(mug(), shipping=0, included=included)
        node["lineItems"][0]["taxLines"][0]["channelLiable"] = True
        order = read(node)
        assert (order.total, order.collected, order.collected_as) == (ours, theirs, "channel_liable")
        assert all(line.tax == 0 for line in order.lines)


def test_several_tax_lines_are_one_rate() -> None:
    node = sell(mug(rate="0.05"), included=False, shipping=0)
    [line] = node["lineItems"]
    line["taxLines"].append({"rate": 0.0125, "channelLiable": None, "priceSet": money("0.25")})
    node["totalPriceSet"] = money("21.15")
    assert [(line.rate, line.tax) for line in read(node).lines] == [(62_500, 125)]


def test_removed_units_are_gone_and_refunded_ones_are_not() -> None:
    edited = read(sell(mug(quantity=3, removed=1), shipping=0))
    assert [(line.quantity, line.amount) for line in edited.lines] == [(2, 3980)]
    assert edited.total == 3980
    refunded = read(sell(mug(quantity=3), shipping=0, refunded=1990, financial="PARTIALLY_REFUNDED"))
    assert [(line.quantity, line.amount) for line in refunded.lines] == [(3, 5970)]
    assert (refunded.total, refunded.refunded, refunded.status) == (5970, 1990, OrderStatus.PAID)


def test_an_edit_that_nothing_explains_is_refused() -> None:
    node = sell(mug(quantity=3, removed=1), shipping=0)
    node["refunds"] = []
    with pytest.raises(RecordError) as caught:
        read(node)
    assert caught.value.code == "unknown_edit"


def test_a_cut_order_is_refused() -> None:
    node = answered(sell(mug()))
    node["lineItems"]["pageInfo"]["hasNextPage"] = True
    with pytest.raises(RecordError, match="something of it is missing"):
        translate(payloads.order(json.dumps(node).encode()), channel="s", shop="s", basis="shop")


def test_amounts_that_were_not_asked_for_are_said() -> None:
    raw = json.dumps(answered(sell(mug()), "presentment")).encode()
    with pytest.raises(RecordError, match="without its shop amounts") as caught:
        translate(payloads.order(raw), channel="s", shop="s", basis="shop")
    assert "currency_basis" in caught.value.fix


def test_converted_amounts_may_be_off_by_their_roundings_and_no_more() -> None:
    node = sell(mug(quantity=3), currency="JPY", shipping=0)
    assert read(node, "presentment").total == 3 * 3271
    node["totalPriceSet"]["shopMoney"]["amount"] = "59.68"
    order = read(node)
    assert (order.total, of_kind(order, LineKind.ROUNDING)) == (5968, [(-2, 0)])
    node["totalPriceSet"]["shopMoney"]["amount"] = "58.7"
    with pytest.raises(RecordError, match="-100 minor units"):
        read(node)
    same = sell(mug(quantity=3), shipping=0, totalPriceSet=money("59.68"))
    with pytest.raises(RecordError, match="-2 minor units"):
        read(same)


def test_cash_rounding_is_part_of_what_the_till_took() -> None:
    rounded = {"paymentSet": money("0.02", "CHF")}
    node = sell(mug(price=1988), shipping=0, totalCashRoundingAdjustment=rounded)
    assert (read(node).total, of_kind(read(node), LineKind.ROUNDING)) == (1990, [(2, 0)])


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"financial": "PAID"}, OrderStatus.PAID),
        ({"financial": "PARTIALLY_REFUNDED"}, OrderStatus.PAID),
        ({"financial": "REFUNDED"}, OrderStatus.PAID),
        ({"financial": "PARTIALLY_PAID"}, OrderStatus.WAITING),
        ({"financial": "AUTHORIZED"}, OrderStatus.WAITING),
        ({"financial": "PENDING"}, OrderStatus.WAITING),
        ({"financial": "VOIDED"}, OrderStatus.WAITING),
        ({"financial": "PAID", "cancelledAt": "2026-11-21T10:00:00Z"}, OrderStatus.CANCELLED),
        ({"displayFinancialStatus": None}, OrderStatus.WAITING),
    ],
)
def test_where_an_order_stands(fields: dict[str, Any], status: OrderStatus) -> None:
    assert read(sell(mug(), **fields)).status is status


def test_people_companies_and_places() -> None:
    address = {"name": "Jörg Weiß", "company": "Kaffeehaus Weiß GmbH", "address1": "Kastanienallee 7",
               "address2": None, "city": "Berlin", "zip": "10435", "provinceCode": None, "province": None,
               "countryCodeV2": "DE", "phone": None}  # fmt: skip
    company = {"__typename": "PurchasingCompany", "company": {"name": "Weiß GmbH"},
               "location": {"taxSettings": {"taxRegistrationId": "DE123456788"}}}  # fmt: skip
    order = read(sell(mug(), billingAddress=address, purchasingEntity=company, fulfilment="PARTIALLY_FULFILLED"))
    buyer = order.buyer
    assert (buyer.name, buyer.company, buyer.vat_number, buyer.is_business) == (
        "Jörg Weiß", "Weiß GmbH", "DE123456788", True,
    )  # fmt: skip
    assert (order.destination.street, order.destination.country) == ("Kastanienallee 7", "DE")
    assert (order.service, order.shipped) == ("Standard", Shipped.PARTLY)
    nobody = read(sell(mug(), shipping=0))
    assert (nobody.buyer.name, nobody.buyer.email, nobody.billing, nobody.service) == ("", "", None, "")


cents = st.integers(1, 500_000)
lines = st.builds(
    lambda price, quantity, rate, offs: Line(
        "SKU", "Mug", price, quantity, rate,
        tuple((f"CODE{place}", off % (price * quantity // len(offs) + 1)) for place, off in enumerate(offs)),
    ),
    cents, st.integers(1, 12), st.sampled_from([None, "0.07", "0.19", "0.2", "0.055", "0.0875"]),
    st.lists(cents, max_size=3),
)  # fmt: skip


@given(
    sold=st.lists(lines, min_size=1, max_size=6),
    shipping=st.integers(0, 2_000),
    off=st.integers(0, 2_000),
    included=st.booleans(),
    currency=st.sampled_from(["EUR", "CHF", "GBP", "JPY", "USD", "KWD"]),
    tip=st.integers(0, 500),
)
def test_whatever_is_sold_the_lines_add_up(
    sold: list[Line], shipping: int, off: int, included: bool, currency: str, tip: int
) -> None:
    discounts = (("SHIPPING", min(off, shipping)),) if shipping else ()
    node = sell(*sold, shipping=shipping, shipping_discounts=discounts, included=included, currency=currency, tip=tip)
    for basis in BASES:
        order = read(node, basis)
        side = node["totalPriceSet"][f"{basis}Money"]
        assert balance(order) == 0
        assert order.currency == side["currencyCode"]
        places = {"JPY": 0, "KWD": 3}.get(order.currency, 2)
        assert Decimal(order.total).scaleb(-places) == Decimal(side["amount"])
        stated = [tax for item in [*node["lineItems"], *node["shippingLines"]] for tax in item["taxLines"]]
        taxes = sum(Decimal(tax["priceSet"][f"{basis}Money"]["amount"]) for tax in stated)
        if basis == "presentment" or currency == "EUR":
            free = [item for item in node["shippingLines"] if not shipping]
            assert Decimal(sum(line.tax for line in order.lines)).scaleb(-places) == taxes or free
        for line in order.lines:
            assert line.quantity > 0
            assert (line.amount <= 0) == (line.kind is LineKind.DISCOUNT) or line.amount == 0


@pytest.mark.parametrize(
    ("recommendation", "levels", "review"),
    [
        ("ACCEPT", ["LOW"], None),
        ("ACCEPT", ["PENDING", "LOW"], None),
        ("NONE", [], None),
        ("NONE", ["PENDING"], Review.PENDING),
        ("INVESTIGATE", ["MEDIUM"], Review.RISKY),
        ("CANCEL", ["HIGH", "LOW"], Review.CANCEL),
    ],
)
def test_what_shopify_advises_against(recommendation: str, levels: list[str], review: Review | None) -> None:
    risk = {"recommendation": recommendation, "assessments": [{"riskLevel": level} for level in levels]}
    assert read(sell(mug(), risk=risk)).review is review
    assert read(sell(mug(), risk=None)).review is None
