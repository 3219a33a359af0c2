"""Paying back on Shopify over HTTP: once, to the right payments, never beyond them; the schema judges."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.core.errors import CredentialError, TransientError
from commerce_pipelines.domain.outbox.effects import Outcome
from commerce_pipelines.domain.refunding.buyer_refunds import BuyerRefund, PaidLine, SentRefund
from commerce_pipelines.domain.returns.records import RefundKind, RefundState
from commerce_sandbox.server import Call, Fault
from commerce_sandbox.shopify import Line, make_order
from commerce_sandbox.shopify.returning import make_refund
from commerce_sandbox.shopify.shop import instant

from ..contract import Recorded
from ..orders.test_reading import NOON, channel, clock, shop

__all__ = ["channel", "clock", "shop"]  # fixtures

ORDER = "gid://shopify/Order/1001"
LINE = "1001001"
GOODS, SHIPPING, GOODWILL = RefundKind.GOODS, RefundKind.SHIPPING, RefundKind.GOODWILL


def add_order(shop: Recorded, **more: Any) -> None:
    """Two mugs at 9.90 and shipping at 4.90, paid."""
    shop.add(make_order([Line("MUG", "Mug", 990, 2)], number=1001, created=instant(NOON - timedelta(days=1)), **more))


def refund(*lines: PaidLine, key: str = "7", **more: Any) -> SentRefund:
    """One mug, unless other lines are given."""
    lines = lines or (PaidLine(kind=GOODS, amount=990, order_line_id=LINE, quantity=1),)
    total = sum(line.amount for line in lines)
    body = BuyerRefund(order_id=more.pop("order_id", "1001"), currency=more.pop("currency", "EUR"), total=total,
                       lines=lines)  # fmt: skip
    return SentRefund(**{"key": key, "refund": body, "token": f"{int(key):032x}", "name": "RINV/7", **more})


def send(channel: ShopifyChannel, *refunds: SentRefund) -> list[Outcome]:
    outcomes = list(channel.buyer_refunds.send(refunds))
    assert [outcome.key for outcome in outcomes] == [sent.key for sent in refunds]
    return outcomes


def is_pay_back(call: Call) -> bool:
    return b"mutation PayBack(" in call.body


def list_inputs(shop: Recorded) -> list[dict[str, Any]]:
    return [call.json()["variables"]["input"] for call in shop.calls if is_pay_back(call)]


def made(shop: Recorded) -> list[dict[str, Any]]:
    refunds: list[dict[str, Any]] = shop.orders.rows[ORDER]["refunds"]
    return refunds


def test_units_shipping_and_goodwill_go_back_and_are_reported_as_the_same_money(
    shop: Recorded, channel: ShopifyChannel
) -> None:
    add_order(shop)
    lines = (
        PaidLine(kind=GOODS, amount=990, order_line_id=LINE, quantity=1),
        PaidLine(kind=SHIPPING, amount=490, order_line_id="shipping-1001"),
        PaidLine(kind=GOODWILL, amount=120),
    )
    (outcome,) = send(channel, refund(*lines))
    (wanted,) = list_inputs(shop)
    assert wanted["refundLineItems"] == [
        {"lineItemId": f"gid://shopify/LineItem/{LINE}", "quantity": 1, "restockType": "NO_RESTOCK"}
    ]
    assert (wanted["shipping"], wanted["currency"], wanted["notify"]) == ({"amount": "4.90"}, "EUR", True)
    assert [(part["amount"], part["kind"]) for part in wanted["transactions"]] == [("16.00", "REFUND")]
    assert outcome.status == "accepted"
    raw = channel.refunds.fetch(outcome.reference)
    assert raw is not None
    reported = channel.refunds.translate(raw)
    assert (reported.refund_id, reported.total, reported.state) == (outcome.reference, 1600, RefundState.DONE)


def test_several_payments_are_paid_back_one_after_the_other(shop: Recorded, channel: ShopifyChannel) -> None:
    add_order(shop, gift_card=1000)  # 24.70 in all
    send(channel, refund(PaidLine(kind=GOODWILL, amount=1200)))
    assert [(part["gateway"], part["amount"]) for part in list_inputs(shop)[0]["transactions"]] == [
        ("gift_card", "10.00"), ("shopify_payments", "2.00"),
    ]  # fmt: skip
    accounted = frozenset(row["id"].rpartition("/")[2] for row in made(shop))
    more = refund(PaidLine(kind=GOODWILL, amount=1271), key="8", accounted=accounted)
    assert [(outcome.status, outcome.code) for outcome in send(channel, more)] == [("refused", "exceeds_payment")]
    rest = refund(PaidLine(kind=GOODWILL, amount=1270), key="9", accounted=accounted)
    assert send(channel, rest)[0].status == "accepted"
    assert len(list_inputs(shop)) == 2


def test_the_same_refund_is_paid_once_however_often_it_is_sent(shop: Recorded, channel: ShopifyChannel) -> None:
    add_order(shop)
    references = {send(channel, refund())[0].reference for _ in range(3)}
    assert (len(references), len(made(shop))) == (1, 1)


def test_a_lost_answer_is_repeated_with_the_same_key(shop: Recorded, channel: ShopifyChannel) -> None:
    add_order(shop)
    shop.faults.append(Fault(match=is_pay_back, after=True, drop=True))
    assert send(channel, refund())[0].status == "accepted"
    assert (len(list_inputs(shop)), len(made(shop))) == (2, 1)


def test_an_answer_that_stays_lost_is_in_doubt_until_a_look(shop: Recorded, channel: ShopifyChannel) -> None:
    add_order(shop)
    shop.faults.append(Fault(match=is_pay_back, after=True, drop=True, times=100))
    assert [(outcome.status, outcome.code) for outcome in send(channel, refund())] == [("unknown", "no_answer")]
    shop.faults.clear()
    (seen,) = channel.buyer_refunds.look([refund()])
    assert (seen.status, seen.reference) == ("accepted", made(shop)[0]["id"].rpartition("/")[2])
    shop.faults.append(Fault(match=is_pay_back, drop=True, times=100))
    with pytest.raises(TransientError):  # two in a row: it cannot be reached
        send(channel, *(refund(key=key, accounted=frozenset({seen.reference})) for key in ("8", "9")))
    shop.faults.clear()
    assert [outcome.status for outcome in channel.buyer_refunds.look([refund(key="99")])] == ["absent"]


@pytest.mark.parametrize("status", ["SUCCESS", "PENDING"])
def test_a_refund_that_nobody_accounts_for_stops_the_next(shop: Recorded, channel: ShopifyChannel, status: str) -> None:
    add_order(shop)
    by_hand = make_refund(shop.orders.rows[ORDER], number=55, created=instant(NOON), adjustment=500, status=status)
    shop.orders.add_refund("1001", by_hand, NOON)
    assert [(outcome.status, outcome.code) for outcome in send(channel, refund())] == [("refused", "other_refund")]
    assert send(channel, refund(accounted=frozenset({"55"})))[0].status == "accepted"


def test_what_shopify_refuses_is_refused(shop: Recorded, channel: ShopifyChannel) -> None:
    add_order(shop)
    many = PaidLine(kind=GOODS, amount=990, order_line_id=LINE, quantity=3)
    (outcome,) = send(channel, refund(many))
    assert (outcome.status, outcome.code, bool(outcome.words)) == ("refused", "refused", True)
    codes = [outcome.code for outcome in send(channel, refund(order_id="99"), refund(key="8", currency="USD"))]
    assert codes == ["no_such_order", "other_currency"]
    assert made(shop) == []


def test_the_scope_is_needed_and_named(shop: Recorded, channel: ShopifyChannel) -> None:
    add_order(shop)
    shop.scopes = shop.scopes - {"write_orders"}
    with pytest.raises(CredentialError, match="write_orders"):
        send(channel, refund())
