"""Paying back on Amazon over HTTP: one feed, never a second one, followed until its report; the API's description
judges the calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from commerce_pipelines.channels.amazon.api.message_feeds import read_report
from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.refunding.adjustments import build_feed
from commerce_pipelines.core.errors import ProtocolError, SettingsError
from commerce_pipelines.domain.outbox.effects import Outcome
from commerce_pipelines.domain.refunding.buyer_refunds import BuyerRefund, PaidLine, SentRefund
from commerce_pipelines.domain.refunding.rules import RefundingRules
from commerce_pipelines.domain.returns.records import RefundKind
from commerce_pipelines.domain.returns.rules import ReturnRules
from commerce_sandbox.amazon.finances import make_item, make_refund
from commerce_sandbox.server import Call, Fault

from ..contract import NOON, Clock, Recorded, connect, judged
from ..payloads import DE, item, order, part

ORDER = "302-0000001-0000001"
FIRST, SECOND = "11110000000001", "11110000000002"
GOODS, SHIPPING, GOODWILL = RefundKind.GOODS, RefundKind.SHIPPING, RefundKind.GOODWILL


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        items = [item("20.00", part("ITEM", "20.00"), number=number) for number in (1, 2)]
        for row, item_id in zip(items, (FIRST, SECOND), strict=True):
            row["orderItemId"] = item_id
        stand_in.add(order(*items, total="40.00", status="SHIPPED"))
        yield stand_in


@pytest.fixture
def seller(amazon: Recorded, clock: Clock) -> AmazonChannel:
    return connect(amazon, clock, seller_id="A2DEMOSELLER01")


def refund(*lines: PaidLine, key: str = "7", **more: Any) -> SentRefund:
    """The first item, unless other lines are given."""
    lines = lines or (PaidLine(kind=GOODS, amount=2000, order_line_id=FIRST, quantity=1),)
    body = BuyerRefund(order_id=ORDER, currency="EUR", lines=lines, total=sum(line.amount for line in lines),
                       marketplace=DE, is_channels=more.pop("is_channels", False),
                       is_tax_on_top=more.pop("is_tax_on_top", False))  # fmt: skip
    return SentRefund(**{"key": key, "refund": body, "token": f"{int(key):032x}", "name": "RINV/7", **more})


def send(seller: AmazonChannel, *refunds: SentRefund) -> list[Outcome]:
    return list(seller.buyer_refunds.send(refunds))


def look(seller: AmazonChannel, sent: SentRefund, reference: str = "") -> Outcome:
    [seen] = seller.buyer_refunds.look([SentRefund(
        key=sent.key, refund=sent.refund, token=sent.token, reference=reference, accounted=sent.accounted
    )])  # fmt: skip
    return seen


def is_create(call: Call) -> bool:
    return call.path.endswith("/feeds") and call.method == "POST"


def count_feeds(amazon: Recorded) -> int:
    return len(amazon.feeds.feeds)


def test_a_feed_is_followed_until_amazon_has_paid_and_reports_the_same_money(
    amazon: Recorded, seller: AmazonChannel, clock: Clock
) -> None:
    sent = refund(
        PaidLine(kind=GOODS, amount=1000, order_line_id=FIRST),
        PaidLine(kind=SHIPPING, amount=490, order_line_id=f"{SECOND}_shipping"),
        PaidLine(kind=GOODWILL, amount=110),
    )
    [pending] = send(seller, sent)
    assert pending.status == "pending"
    assert look(seller, sent, pending.reference).status == "pending"
    clock.passed += 60
    assert look(seller, sent, pending.reference).status == "accepted"
    assert amazon.adjusting.made == [(ORDER, 1600)]
    [raw] = seller.refunds.of_order(ORDER)
    assert seller.refunds.translate(raw).total == 1600


def test_what_a_report_refuses_is_refused_and_the_others_are_paid(
    amazon: Recorded, seller: AmazonChannel, clock: Clock
) -> None:
    wrong = refund(PaidLine(kind=GOODS, amount=500, order_line_id="99999999999999"), key="8")
    pending = send(seller, refund(), wrong)
    assert (count_feeds(amazon), {outcome.status for outcome in pending}) == (1, {"pending"})
    clock.passed += 60
    seen = [look(seller, sent, pending[0].reference) for sent in (refund(), wrong)]
    assert [(outcome.status, outcome.code) for outcome in seen] == [("accepted", ""), ("refused", "18029")]


@pytest.mark.parametrize(("fate", "status"), [("CANCELLED", "refused"), ("FATAL", "unknown")])
def test_a_feed_that_ends_otherwise(
    amazon: Recorded, seller: AmazonChannel, clock: Clock, fate: str, status: str
) -> None:
    amazon.feeds.fate = [fate]
    [pending] = send(seller, refund())
    clock.passed += 60
    assert look(seller, refund(), pending.reference).status == status


def test_a_lost_answer_is_never_followed_by_a_second_feed(amazon: Recorded, seller: AmazonChannel) -> None:
    assert look(seller, refund()).status == "absent"  # no feed of this kind at all
    amazon.faults.append(Fault(match=is_create, after=True, drop=True))
    [outcome] = send(seller, refund())
    assert (outcome.status, outcome.reference) == ("pending", next(iter(amazon.feeds.feeds)))
    amazon.faults.append(Fault(match=is_create, drop=True))
    [lost] = send(seller, refund(key="8"))
    assert (lost.status, count_feeds(amazon)) == ("unknown", 1)
    assert look(seller, refund(key="8")).status == "unknown"  # another feed is there: who knows what is in it


def test_what_fails_before_there_is_a_feed_is_tried_again(amazon: Recorded, seller: AmazonChannel) -> None:
    amazon.forbidden.add("createFeedDocument")
    assert [(outcome.status, outcome.code) for outcome in send(seller, refund())] == [("refused", "not_sent")]
    assert count_feeds(amazon) == 0


@pytest.mark.parametrize(("sent", "code"), [
    (refund(is_channels=True), "fba_order"),
    (refund(is_tax_on_top=True), "tax_on_top"),
    (refund(PaidLine(kind=GOODWILL, amount=500)), "no_item"),
    (refund(PaidLine(kind=GOODS, amount=500, order_line_id=FIRST), PaidLine(kind=GOODWILL, amount=-100)), "no_item"),
])  # fmt: skip
def test_what_amazon_cannot_be_told_is_for_a_person(
    amazon: Recorded, seller: AmazonChannel, sent: SentRefund, code: str
) -> None:
    assert [(outcome.status, outcome.code) for outcome in send(seller, sent)] == [("refused", code)]
    assert count_feeds(amazon) == 0


def test_nothing_is_paid_beside_a_refund_that_nobody_accounts_for(amazon: Recorded, seller: AmazonChannel) -> None:
    by_hand = make_item("SKU-1", {"OurPricePrincipal": -500})
    amazon.finances.add(make_refund(1, ORDER, NOON - timedelta(hours=1), by_hand))
    assert send(seller, refund())[0].code == "other_refund"
    [raw] = seller.refunds.of_order(ORDER)
    known_as = seller.refunds.translate(raw).refund_id
    assert send(seller, refund(accounted=frozenset({known_as})))[0].status == "pending"


def test_a_refund_that_cannot_be_read_stops_everything_until_a_person_has_credited_it(
    amazon: Recorded, seller: AmazonChannel
) -> None:
    amazon.finances.add(make_refund(1, ORDER, NOON - timedelta(hours=1), make_item("SKU-1", {"Mystery": -500})))
    assert send(seller, refund())[0].code == "other_refund"
    [raw] = seller.refunds.of_order(ORDER)
    accounted = frozenset({seller.refunds.head(raw).record_id})
    assert send(seller, refund(accounted=accounted))[0].status == "pending"
    assert seller.buyer_refunds.late_by == timedelta(hours=48)


def test_the_feed_names_the_effect_and_its_amounts() -> None:
    root = etree.fromstring(build_feed([refund()], "A2DEMOSELLER01"))
    assert root.findtext("Header/MerchantIdentifier") == "A2DEMOSELLER01"
    [message] = root.findall("Message")
    assert (message.findtext("MessageID"), message.findtext("OrderAdjustment/AmazonOrderID")) == ("7", ORDER)
    [adjusted] = message.findall("OrderAdjustment/AdjustedItem")
    assert adjusted.findtext("MerchantAdjustmentItemID") == f"{7:032x}-1"
    [amount] = adjusted.findall("ItemPriceAdjustments/Component/Amount")
    assert (amount.text, amount.get("currency")) == ("20.00", "EUR")


def test_a_document_that_is_no_report_is_refused() -> None:
    for content in (b"", b"<html/>", b'<!DOCTYPE a [<!ENTITY b "c">]><AmazonEnvelope>&b;</AmazonEnvelope>'):
        with pytest.raises(ProtocolError):
            read_report(content)


def test_the_settings_need_a_seller_and_the_role(amazon: Recorded, clock: Clock) -> None:
    on: dict[str, Any] = {
        "returns": ReturnRules(enabled=True),
        "refunding": RefundingRules(enabled=True, since=(NOON - timedelta(days=1)).date()),
    }
    with pytest.raises(SettingsError, match="seller_id is missing"):
        connect(amazon, clock, **on)
    amazon.forbidden.add("getFeeds")
    [lacks] = connect(amazon, clock, seller_id="A2DEMOSELLER01", **on).account.lacks()
    assert "may not send feeds" in lacks
