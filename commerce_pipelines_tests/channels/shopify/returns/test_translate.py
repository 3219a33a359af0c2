"""Shopify's refunds and returns as the business sees them: money to the minor unit, units that come back or never
left."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.shopify.returns import payloads
from commerce_pipelines.channels.shopify.returns.queries import refund_queries, return_queries
from commerce_pipelines.channels.shopify.returns.translate import outline_refund, translate_refund, translate_return
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.returns.records import (
    Disposition,
    Refund,
    RefundKind,
    RefundState,
    Return,
    ReturnState,
    check_refund,
    check_return,
)
from commerce_sandbox.shopify.execution import Execution
from commerce_sandbox.shopify.returning import Back, add_exchange, dispose, make_refund, make_return, settle

from ..orders.test_translate import BASES, mug, sell

AT = "2026-11-22T10:00:00Z"


def answered(text: str, record: dict[str, Any], order: dict[str, Any]) -> bytes:
    """The node as a shop answers it."""
    root = {"nodes": lambda _: [{**record, "order": order}]}
    return json.dumps(Execution(text, {"ids": ["x"]}).run(root)["nodes"][0]).encode()


def read(refund: dict[str, Any], order: dict[str, Any], basis: Any = "shop") -> Refund:
    raw = answered(refund_queries(basis).records, refund, order)
    record = translate_refund(payloads.refund(raw), channel="shopify_de", basis=basis)
    check_refund(record)
    return record


def read_return(record: dict[str, Any], order: dict[str, Any]) -> Return:
    translated = translate_return(
        payloads.return_(answered(return_queries().records, record, order)), channel="shopify_de"
    )
    check_return(translated)
    return translated


def refund(order: dict[str, Any], *back: Back, **more: Any) -> dict[str, Any]:
    return make_refund(order, list(back), number=7, created=AT, **more)


def money(record: Refund) -> list[tuple[str, int, int | None]]:
    return [(line.kind.value, line.amount, line.tax) for line in record.lines]


def test_a_line_of_goods_is_its_share_after_discounts() -> None:
    order = sell(mug(quantity=3, discounts=(("SOMMER10", 500),)), shipping=490)
    record = read(refund(order, Back(0, 3), shipping=True), order)
    assert money(record) == [("goods", 5470, 873), ("shipping", 490, 78)]
    assert (record.total, record.state, record.currency) == (5960, RefundState.DONE, "EUR")
    assert [(line.order_line_id, line.sku, line.quantity) for line in record.lines] == [
        ("1001", "MUG", 3), ("shipping-1", "", 0),
    ]  # fmt: skip
    assert (record.refund_id, record.order_id) == ("7", "1")


@pytest.mark.parametrize(("restock", "comes_back"), [("RETURN", True), ("CANCEL", False), ("NO_RESTOCK", None),
                                                     ("LEGACY_RESTOCK", None)])  # fmt: skip
def test_the_restock_type_says_whether_units_come_back(restock: str, comes_back: bool | None) -> None:
    order = sell(mug())
    [line] = read(refund(order, Back(0, 1, restock)), order).lines
    assert line.is_returned is comes_back


def test_an_edit_moves_no_money_and_has_no_lines() -> None:
    order = sell(mug(quantity=3, removed=1))
    record = read(order["refunds"][0], order)
    assert (record.total, record.lines, record.state) == (0, (), RefundState.DONE)


@pytest.mark.parametrize("status", ["PENDING", "AWAITING_RESPONSE", "UNKNOWN"])
def test_a_refund_waits_until_its_money_is_back(status: str) -> None:
    order = sell(mug())
    node = refund(order, Back(0), status=status)
    assert node["totalRefundedSet"]["shopMoney"]["amount"] == "0.0"
    pending = read(node, order)
    assert (pending.state, pending.total) == (RefundState.PENDING, 1990)
    settle(node)
    assert read(node, order).state is RefundState.DONE
    settle(node, "FAILURE")
    assert read(node, order).state is RefundState.FAILED


def test_the_discrepancy_of_a_pending_refund_may_stay_after_it() -> None:
    order = sell(mug())
    node = refund(order, Back(0))
    node["orderAdjustments"] = refund(order, adjustment=-1990, reason="PENDING_REFUND_DISCREPANCY")["orderAdjustments"]
    record = read(node, order)
    assert money(record) == [("goods", 1990, 318)]
    for status, state in (("PENDING", RefundState.PENDING), ("ERROR", RefundState.FAILED)):
        settle(node, status)
        assert (read(node, order).state, read(node, order).total) == (state, 1990)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("cents", [-300, 300])
def test_the_sum_decides_the_sign_of_an_adjustment(sign: int, cents: int) -> None:
    order = sell(mug())
    node = refund(order, Back(0), adjustment=cents)
    if sign > 0:
        for money_of in node["orderAdjustments"][0]["amountSet"].values():
            money_of["amount"] = str(-float(money_of["amount"]))
    record = read(node, order)
    assert money(record) == [("goods", 1990, 318), ("goodwill", cents, None)]
    assert record.total == 1990 + cents


def test_goodwill_needs_no_line() -> None:
    order = sell(mug())
    assert money(read(refund(order, adjustment=250), order)) == [("goodwill", 250, None)]


def test_a_tax_that_prices_exclude_is_added() -> None:
    order = sell(mug(quantity=2), shipping=500, included=False)
    record = read(refund(order, Back(0, 1), shipping=True), order)
    assert money(record) == [("goods", 1990 + 378, 378), ("shipping", 595, 95)]


def test_a_shipping_amount_without_its_tax_is_found_by_the_sum() -> None:
    order = sell(mug(), shipping=490)
    node = refund(order, shipping=True)
    for money_of in node["refundShippingLines"][0]["subtotalAmountSet"].values():
        money_of["amount"] = "4.12"
    assert money(read(node, order)) == [("shipping", 490, 78)]


@pytest.mark.parametrize("included", [True, False])
def test_tax_that_the_channel_remits_is_collected(included: bool) -> None:
    order = sell(mug(rate="0.19"), shipping=0, included=included)
    order["lineItems"][0]["taxLines"][0]["channelLiable"] = True
    record = read(refund(order, Back(0)), order)
    tax = 318 if included else 378
    assert (record.total, record.collected) == (1990 - tax if included else 1990, tax)
    assert money(record) == [("goods", record.total, 0)]
    order["lineItems"][0]["taxLines"].append({**order["lineItems"][0]["taxLines"][0], "channelLiable": False})
    with pytest.raises(RecordError, match="only their sum"):
        read(refund(order, Back(0)), order)


def test_duties_are_a_part_of_the_orders_duty_line() -> None:
    order = sell(mug(rate=None, duty=412), shipping=0)
    node = refund(order, Back(0))
    duty = order["lineItems"][0]["duties"][0]
    node["duties"] = [{"originalDuty": {"id": duty["id"]}, "amountSet": duty["price"]}]
    for bag in (node["transactions"][0]["amountSet"], node["totalRefundedSet"]):
        bag["shopMoney"] = {"amount": "24.02", "currencyCode": "EUR"}
    record = read(node, order)
    assert [(line.kind, line.amount, line.order_line_id) for line in record.lines] == [
        (RefundKind.GOODS, 1990, "1001"), (RefundKind.PRICE, 412, "duty-1001"),
    ]  # fmt: skip


@pytest.mark.parametrize("basis", BASES)
def test_converted_amounts_leave_a_line_of_rounding(basis: Any) -> None:
    order = sell(mug(quantity=3, discounts=(("X", 100),)), currency="JPY")
    node = refund(order, Back(0, 1), shipping=True)
    node["transactions"][0]["amountSet"]["shopMoney"]["amount"] = "24.46"  # two amounts, each rounded by itself
    record = read(node, order, basis)
    assert record.currency == ("EUR" if basis == "shop" else "JPY")
    assert [line.line_id for line in record.lines if line.kind is RefundKind.GOODWILL] == (
        ["conversion"] if basis == "shop" else []
    )
    node["transactions"][0]["amountSet"]["shopMoney"]["amount"] = "14.46"
    if basis == "shop":
        with pytest.raises(RecordError, match="adjustments do not explain it"):
            read(node, order, basis)


def test_what_the_payments_do_not_match_is_refused() -> None:
    order = sell(mug())
    node = refund(order, Back(0))
    node["transactions"][0]["amountSet"]["shopMoney"]["amount"] = "9.95"
    with pytest.raises(RecordError) as caught:
        read(node, order)
    assert caught.value.reason.code == "unbalanced"
    raw = answered(refund_queries("shop").records, node, order)
    assert outline_refund(payloads.refund(raw), basis="shop").total == 995
    node["transactions"].append({**node["transactions"][0]})  # half by gift card, half by card
    assert read(node, order).total == 1990


@pytest.mark.parametrize("field", ["refundLineItems", "refundShippingLines", "orderAdjustments", "transactions"])
def test_a_refund_of_which_something_is_missing_is_refused(field: str) -> None:
    order = sell(mug())
    node = json.loads(answered(refund_queries("shop").records, refund(order, Back(0)), order))
    node[field]["pageInfo"]["hasNextPage"] = True
    with pytest.raises(RecordError, match="something of it is missing"):
        translate_refund(payloads.refund(json.dumps(node).encode()), channel="x", basis="shop")


@given(
    prices=st.lists(st.tuples(st.integers(1, 50_000), st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=4),
    included=st.booleans(), shipping=st.booleans(), adjustment=st.integers(-2_000, 2_000),
    currency=st.sampled_from(["EUR", "CHF", "JPY", "KWD"]), basis=st.sampled_from(BASES),
)  # fmt: skip
def test_money_is_conserved(
    prices: list[tuple[int, int, int]], included: bool, shipping: bool, adjustment: int, currency: str, basis: Any
) -> None:
    """The lines come to what the payments moved, to the minor unit, whatever came back."""
    order = sell(
        *(mug(price=price, quantity=quantity) for price, quantity, _ in prices), included=included, currency=currency
    )
    back = [Back(place, min(units, quantity)) for place, (_, quantity, units) in enumerate(prices) if units]
    node = refund(order, *back, shipping=shipping, adjustment=adjustment)
    record = read(node, order, basis)
    paid = node["transactions"][0]["amountSet"][f"{basis}Money"]
    digits = {"JPY": 0, "KWD": 3}.get(paid["currencyCode"], 2)
    assert record.total == round(float(paid["amount"]) * 10**digits)
    assert sum(line.quantity for line in record.lines) == sum(units.quantity for units in back)


@pytest.mark.parametrize(("price", "set_off"), [(25_000, 10_000), (6_000, 6_000), (10_000, 10_000)])
def test_goods_that_are_exchanged_for_others_are_credited_at_their_worth(price: int, set_off: int) -> None:
    """G63: 100.00 come back, and something for 250.00 goes out: the credit is 100.00, and nothing is paid back. For
    something cheaper the rest is paid back."""
    order = sell(mug(price=10_000))
    node = refund(order, Back(0), return_id="5", instead=(("OTHER", 1),), set_off=price)
    record = read(node, order)
    assert (record.state, record.total, record.set_off) == (RefundState.DONE, 10_000, set_off)
    assert [(line.kind, line.quantity, line.amount) for line in record.lines] == [(RefundKind.GOODS, 1, 10_000)]


def test_the_same_goods_again_are_no_credit() -> None:
    order = sell(mug(price=10_000))
    same = read(refund(order, Back(0), return_id="5", instead=(("MUG", 1),), set_off=10_000), order)
    assert (same.state, same.total, same.lines) == (RefundState.DONE, 0, ())
    two = read(refund(order, Back(0), return_id="5", instead=(("MUG", 2),), set_off=20_000), order)
    assert (two.total, two.set_off) == (10_000, 10_000)


def test_the_same_goods_again_are_a_credit_where_the_order_charges_them() -> None:
    order = sell(mug(price=10_000))
    node = refund(order, Back(0), return_id="5", instead=(("MUG", 1),), set_off=10_000)
    node["return"]["exchangeLineItems"][0] |= {
        "processedQuantity": 1,
        "lineItems": [{"id": "gid://shopify/LineItem/9"}],
    }
    record = read(node, order)
    assert (record.total, record.set_off) == (10_000, 10_000)


@pytest.mark.parametrize(
    ("processed", "lines", "skus"),
    [(None, None, ("MUG-XL",)), (0, [], ()), (1, [{"id": "gid://shopify/LineItem/9"}], ()), (1, [], ("MUG-XL",))],
    ids=["landed before", "not processed", "a line of the order", "without its line"],
)
def test_a_person_is_told_only_of_what_no_line_of_the_order_is_known_for(
    processed: int | None, lines: Any, skus: tuple[str, ...]
) -> None:
    order = sell(mug())
    node = make_return(order, [Back(0)], number=5, created=AT)
    node["exchangeLineItems"].append(
        {"quantity": 1, "variantSku": "MUG-XL", "processedQuantity": processed, "lineItems": lines}
    )
    assert read_return(node, order).exchange_skus == skus


def test_what_nobody_states_of_an_exchange_is_refused() -> None:
    order = sell(mug(price=10_000))
    node = refund(order, Back(0), return_id="5", instead=(("OTHER", 1),), set_off=25_000, adjustment=500)
    with pytest.raises(RecordError) as caught:
        read(node, order)
    assert caught.value.reason.code == "exchange_in_doubt"


def test_a_return_goes_through_its_states() -> None:
    order = sell(mug(quantity=3), mug(sku="BK"))
    node = make_return(order, [Back(0, 3), Back(1)], number=5, created=AT)
    asked = read_return(node, order)
    assert (asked.state, asked.return_id, asked.order_id, asked.rma) == (ReturnState.REQUESTED, "5", "1", "#1001-R5")
    assert [(line.line_id, line.order_line_id, line.sku, line.quantity) for line in asked.lines] == [
        ("501", "1001", "MUG", 3), ("502", "1002", "BK", 1),
    ]  # fmt: skip
    node["status"] = "OPEN"
    assert read_return(node, order).state is ReturnState.ANNOUNCED
    dispose(node, [(0, "RESTOCKED", 1)], tracking="JJD0001")
    partly = read_return(node, order)
    assert (partly.state, partly.tracking_numbers) == (ReturnState.ANNOUNCED, ("JJD0001",))
    assert [(line.received, line.disposition) for line in partly.lines] == [
        (1, Disposition.SELLABLE), (0, Disposition.UNKNOWN),
    ]  # fmt: skip
    dispose(node, [(0, "NOT_RESTOCKED", 1), (0, "MISSING", 1), (1, "PROCESSING_REQUIRED", 1)])
    add_exchange(node, "MUG-XL")  # not processed yet
    whole = read_return(node, order)
    assert (whole.state, whole.exchange_skus) == (ReturnState.RECEIVED, ())
    assert [(line.line_id, line.quantity, line.received, line.disposition) for line in whole.lines] == [
        ("501", 2, 2, Disposition.UNKNOWN), ("501-missing", 1, 0, Disposition.MISSING),
        ("502", 1, 1, Disposition.UNKNOWN),
    ]  # fmt: skip
    for status, state in (("CLOSED", ReturnState.CLOSED), ("CANCELED", ReturnState.CANCELLED),
                          ("DECLINED", ReturnState.DECLINED)):  # fmt: skip
        node["status"] = status
        assert read_return(node, order).state is state


@given(
    st.lists(st.tuples(st.sampled_from(["MISSING", "RESTOCKED", "NOT_RESTOCKED"]), st.integers(0, 5)), max_size=6),
    st.integers(1, 6), st.integers(1, 6),
)  # fmt: skip
def test_no_unit_of_a_return_is_lost_or_doubled(disposals: list[tuple[str, int]], first: int, second: int) -> None:
    """Also where two lines of a return are of the same line of the order, and where more is disposed of than came."""
    order = sell(mug(quantity=12))
    node = make_return(order, [Back(0, first), Back(0, second)], number=5, created=AT, status="OPEN")
    dispose(node, [(0, kind, units) for kind, units in disposals])
    record = read_return(node, order)
    assert sum(line.quantity for line in record.lines) == first + second
    arrived = sum(units for kind, units in disposals if kind != "MISSING")
    assert sum(line.received for line in record.lines) <= min(arrived, first + second)
    assert all(line.received <= line.quantity for line in record.lines)
    assert (record.state is ReturnState.RECEIVED) == (sum(units for _, units in disposals) >= first + second)


def test_an_unverified_line_is_kept_without_a_product() -> None:
    order = sell(mug())
    node = json.loads(answered(return_queries().records, make_return(order, [Back(0)], number=5, created=AT), order))
    del node["returnLineItems"]["nodes"][0]["fulfillmentLineItem"]
    record = translate_return(payloads.return_(json.dumps(node).encode()), channel="x")
    assert [(line.sku, line.order_line_id, line.quantity) for line in record.lines] == [("", "", 1)]


def test_an_unknown_word_waits_and_is_named() -> None:
    order = sell(mug())
    node = refund(order, Back(0, restock="COMPOSTED"))
    with pytest.raises(RecordError, match="COMPOSTED is no value that we know"):
        read(node, order)
