"""eBay's refunds: one record each, whichever level they stand at, and what their amounts were for."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.returns import payloads
from commerce_pipelines.channels.ebay.returns.reading import EbayRefunds
from commerce_pipelines.channels.ebay.returns.translate import outline, translate
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.returns.records import Refund, RefundState, check_refund
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import demo_orders
from commerce_sandbox.ebay.making import Remitted, Sold, make_order, written
from commerce_sandbox.ebay.refunding import refund_lines, refund_order, settle
from commerce_sandbox.server import Fault

from ..account import BUYER, NOW, an_order, channel
from ..contract import Judged
from ..orders.test_translate import rest_samples, with_samples

DAY = Window(NOW - timedelta(days=1), NOW)
HOUR_AGO = NOW - timedelta(hours=1)
TWO = (Sold("A", "Mug", 1_000, 3, 300), Sold("B", "Pot", 500))  # 27.00 and 5.00


def order(*sold: Sold, **more: Any) -> dict[str, Any]:
    return make_order(1, NOW - timedelta(days=3), list(sold or TWO), BUYER, delivery=590, **more)


def read_all(payload: dict[str, Any]) -> list[Refund]:
    records = payloads.split(json.dumps(payload).encode())
    refunds = [translate(payloads.read_record(payloads.write_record(record)), "ebay_de") for record in records]
    for refund in refunds:
        check_refund(refund)
    return refunds


def read(payload: dict[str, Any]) -> Refund:
    [refund] = read_all(payload)
    return refund


def lines(refund: Refund) -> list[tuple[str, int, int]]:
    return [(line.kind.value, line.amount, line.quantity) for line in refund.lines]


@pytest.mark.parametrize(
    ("cents", "expected"),
    [
        (3_790, [("goods", 2_700, 3), ("shipping", 590, 0), ("goods", 500, 1)]),
        (3_200, [("goods", 2_700, 3), ("goods", 500, 1)]),
        (590, [("shipping", 590, 0)]),
        (1_000, [("goodwill", 1_000, 0)]),
    ],
)
def test_an_amount_of_the_order_is_read_by_what_it_equals(cents: int, expected: list[tuple[str, int, int]]) -> None:
    payload = order()
    refund_order(payload, cents, number=7, at=NOW)
    refund = read(payload)
    assert lines(refund) == expected
    assert (refund.total, refund.state, refund.refund_id) == (cents, RefundState.DONE, f"{payload['orderId']}:7")


@pytest.mark.parametrize(
    ("cents", "expected"),
    [
        (3_290, [("goods", 2_700, 3), ("shipping", 590, 0)]),
        (2_700, [("goods", 2_700, 3)]),
        (590, [("shipping", 590, 0)]),
        (900, [("price", 900, 0)]),
    ],
)
def test_an_amount_of_a_line_is_read_by_what_it_equals(cents: int, expected: list[tuple[str, int, int]]) -> None:
    payload = order()
    refund_lines(payload, {0: cents}, number=7, at=NOW)
    refund = read(payload)
    assert lines(refund) == expected
    line_id = payload["lineItems"][0]["lineItemId"]
    assert {line.order_line_id.partition("_")[0] for line in refund.lines} == {line_id}


def test_an_order_of_one_line_is_that_line() -> None:
    payload = order(Sold("A", "Mug", 1_000))
    refund_order(payload, 1_000, number=7, at=NOW)
    [line] = read(payload).lines
    assert (line.order_line_id, line.sku, line.is_returned) == (payload["lineItems"][0]["lineItemId"], "A", None)


def test_tax_that_ebay_collects_is_not_in_the_refund() -> None:
    payload = order(Sold("A", "Mug", 1_000, 2), remitted=Remitted("VAT", 20))
    assert payload["lineItems"][0]["total"]["value"] == "31.08"
    refund_order(payload, 2_590, number=7, at=NOW)
    assert lines(read(payload)) == [("goods", 2_000, 2), ("shipping", 590, 0)]


def test_units_of_an_order_cancelled_before_shipping_never_left() -> None:
    payload = order(cancel="CANCELED")
    refund_order(payload, 3_790, number=7, at=NOW)
    assert {line.is_returned for line in read(payload).lines if line.quantity} == {False}
    payload["orderFulfillmentStatus"] = "FULFILLED"
    assert {line.is_returned for line in read(payload).lines if line.quantity} == {None}


def test_the_two_levels_are_lists_of_their_own() -> None:
    payload = order()
    refund_order(payload, 590, number=7, at=NOW)
    refund_lines(payload, {0: 900, 1: 500}, number=8, at=NOW)
    refunds = {refund.refund_id.partition(":")[2]: lines(refund) for refund in read_all(payload)}
    assert refunds == {"7": [("shipping", 590, 0)], "8": [("price", 900, 0), ("goods", 500, 1)]}


@pytest.mark.parametrize("with_id", [True, False])
def test_a_refund_that_stands_at_both_levels_is_one(with_id: bool) -> None:
    payload = order()
    refund_lines(payload, {0: 900, 1: 500}, number=8, at=NOW)
    refund_order(payload, 1_400, number=8, at=NOW)
    if not with_id:
        for line in payload["lineItems"]:
            for entry in line["refunds"]:
                del entry["refundId"]
    refund = read(payload)
    assert (refund.refund_id.partition(":")[2], refund.total) == ("8", 1_400)
    assert lines(refund) == [("price", 900, 0), ("goods", 500, 1)]


def test_levels_that_contradict_each_other_are_refused() -> None:
    payload = order()
    refund_lines(payload, {0: 900}, number=8, at=NOW)
    refund_order(payload, 1_400, number=8, at=NOW)
    with pytest.raises(RecordError) as caught:
        read(payload)
    assert caught.value.reason.code == "unbalanced"
    [record] = payloads.split(json.dumps(payload).encode())
    assert outline(record).total is None


@pytest.mark.parametrize("level", ["order", "line"])
def test_only_what_is_issued_is_done(level: str) -> None:
    payload = order()
    if level == "order":
        refund_order(payload, 590, number=7, at=NOW, status="PENDING")
    else:
        refund_lines(payload, {0: 900}, number=7, at=None)
    pending = read(payload)
    assert (pending.state, pending.created_at) == (RefundState.PENDING, NOW - timedelta(days=3))
    settle(payload, 7, NOW)
    done = read(payload)
    assert (done.state, done.created_at, done.refund_id) == (RefundState.DONE, NOW, pending.refund_id)
    settle(payload, 7, NOW, "FAILED")
    assert read(payload).state is (RefundState.FAILED if level == "order" else RefundState.DONE)


def test_a_refund_is_named_by_its_id_its_reference_or_its_moment() -> None:
    payload = order()
    for cents in (100, 200, 300, 300, 400):
        refund_order(payload, cents, number=cents, at=NOW)
    entries = payload["paymentSummary"]["refunds"]
    for entry in entries[1:]:
        del entry["refundId"]
    entries[1]["refundReferenceId"] = "REF-1"
    del entries[4]["refundDate"]
    entries[4]["refundStatus"] = "PENDING"
    names = [refund.refund_id.partition(":")[2] for refund in read_all(payload)]
    assert names == ["100", "REF-1", "20261124T120000-3.00", "20261124T120000-3.00~2"]  # the last has no name yet


def test_an_amount_in_the_currency_of_the_payout_is_taken_in_the_orders() -> None:
    payload = order()
    entry = refund_order(payload, 590, number=7, at=NOW)
    entry["amount"] = {"value": "6.41", "currency": "USD", "convertedFromValue": "5.90", "convertedFromCurrency": "EUR"}
    assert read(payload).total == 590
    entry["amount"] = {"value": "6.41", "currency": "USD"}
    with pytest.raises(RecordError) as caught:
        read(payload)
    assert caught.value.reason.code == "mixed_currency"


@given(
    prices=st.lists(st.tuples(st.integers(1, 20_000), st.integers(1, 5)), min_size=1, max_size=4),
    cents=st.integers(1, 60_000), places=st.sets(st.integers(0, 3), min_size=1), at_order=st.booleans(),
)  # fmt: skip
def test_money_is_conserved(prices: list[tuple[int, int]], cents: int, places: set[int], at_order: bool) -> None:
    """The lines come to what eBay states, to the cent, whatever it was for."""
    payload = order(*(Sold(f"S{place}", "x", price, quantity) for place, (price, quantity) in enumerate(prices)))
    by_line = {place: cents + place for place in places if place < len(prices)} or {0: cents}
    if at_order:
        refund_order(payload, cents, number=7, at=NOW)
    else:
        refund_lines(payload, by_line, number=7, at=NOW)
    refund = read(payload)
    assert refund.total == (cents if at_order else sum(by_line.values()))


@with_samples
def test_official_samples_have_no_refund() -> None:
    assert [payloads.split(raw) for raw in rest_samples()] == [[], [], [], []]


@pytest.fixture
def shop(ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> EbayChannel:
    return channel(ebay, monkeypatch)


def source(shop: EbayChannel) -> EbayRefunds:
    assert shop.refunds
    return shop.refunds


def fill(ebay: Judged, count: int) -> list[str]:
    """Orders of three days ago, each refunded an hour ago; their refunds' ids."""
    names = []
    for number in range(count):
        payload = an_order(number, NOW - timedelta(days=3, minutes=number))
        refund_order(payload, 590, number=number, at=HOUR_AGO)
        payload["lastModifiedDate"] = written(HOUR_AGO + timedelta(seconds=number))
        ebay.add(payload)
        names.append(f"{payload['orderId']}:{number}")
    return names


def ids(refunds: EbayRefunds, pages: Any) -> list[str]:
    return [refunds.head(raw).record_id for page in pages for raw in page.records]


def test_refunds_come_with_the_orders_that_changed(ebay: Judged, shop: EbayChannel) -> None:
    names = fill(ebay, 3)
    ebay.add(an_order(77, HOUR_AGO))  # not refunded
    refunds = source(shop)
    pages = list(refunds.changed(DAY))
    assert sorted(ids(refunds, pages)) == sorted(names)
    assert refunds.topic is Topic.REFUNDS
    assert shop.returns is None
    [raw] = [raw for page in pages for raw in page.records if refunds.head(raw).record_id == names[0]]
    assert refunds.fetch(names[0]) == raw
    assert raw in refunds.of_order(names[0].partition(":")[0])
    assert list(refunds.of_order("10-99999-00000")) == []
    assert refunds.fetch("10-99999-00000:1") is refunds.fetch(names[0] + "9") is refunds.fetch("nothing") is None
    head = refunds.head(raw)
    assert (head.subject, head.created_at, head.updated_at) == ("ebay:joerg-w", HOUR_AGO, HOUR_AGO)


def test_a_record_holds_nobodys_name(ebay: Judged, shop: EbayChannel) -> None:
    """But for the user name, by which the record is forgotten together with the order."""
    fill(ebay, 1)
    [raw] = [raw for page in source(shop).changed(DAY) for raw in page.records]
    text = raw.decode()
    assert not [word for word in ("Jörg", "Weiß", "Süderdamm", "Görlitz", "members.ebay") if word in text]


def test_a_refund_that_is_done_later_is_read_again(ebay: Judged, shop: EbayChannel) -> None:
    payload = an_order(1, NOW - timedelta(days=3))
    refund_order(payload, 590, number=5, at=NOW, status="PENDING")
    payload["lastModifiedDate"] = written(HOUR_AGO)
    ebay.add(payload)
    refunds, states = source(shop), []
    for at in (HOUR_AGO, HOUR_AGO + timedelta(minutes=10)):
        window = Window(at, at + timedelta(minutes=1))
        [raw] = [raw for page in refunds.changed(window) for raw in page.records]
        states.append((refunds.translate(raw).state, refunds.head(raw).record_id))
        later = at + timedelta(minutes=10)
        settle(ebay.orders[payload["orderId"]], 5, later)
        ebay.touch(payload["orderId"], later)
    assert states == [(RefundState.PENDING, f"{payload['orderId']}:5"), (RefundState.DONE, f"{payload['orderId']}:5")]


def test_a_day_holds_the_refunds_issued_on_it(ebay: Judged, shop: EbayChannel) -> None:
    names = fill(ebay, 2)
    refunds = source(shop)
    ebay.touch(names[0].partition(":")[0], NOW - timedelta(minutes=1))  # changed after the window that is asked for
    window = Window(HOUR_AGO, HOUR_AGO + timedelta(seconds=1))
    assert sorted(ids(refunds, refunds.created(window))) == sorted(names)
    assert ids(refunds, refunds.created(Window(DAY.start, HOUR_AGO))) == []


def test_a_poll_goes_on_where_it_stopped(ebay: Judged, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    names = fill(ebay, 250)
    refunds = source(shop)
    page = next(iter(refunds.changed(DAY)))
    assert page.resume
    again = source(channel(ebay, monkeypatch))
    assert set(ids(refunds, [page]) + ids(again, again.changed(DAY, page.resume))) == set(names)


def test_an_order_that_cannot_be_read_does_not_hold_up_its_page(ebay: Judged, shop: EbayChannel) -> None:
    names = fill(ebay, 2)
    ebay.orders[names[0].partition(":")[0]]["paymentSummary"]["refunds"][0]["refundStatus"] = "VANISHED"
    refunds = source(shop)
    raws = [raw for page in refunds.changed(DAY) for raw in page.records]
    good = [raw for raw in raws if b"VANISHED" not in raw]
    assert ids(refunds, [type("P", (), {"records": good})]) == [names[1]]
    [bad] = [raw for raw in raws if b"VANISHED" in raw]
    for reader in (refunds.head, refunds.translate):
        with pytest.raises(RecordError) as caught:
            reader(bad)
        assert caught.value.reason.code == "bad_payload"


def test_a_lost_answer_is_asked_for_again(ebay: Judged, shop: EbayChannel) -> None:
    names = fill(ebay, 2)
    ebay.faults += [Fault(match="/order", drop=True), Fault(match="/order", status=503)]
    assert sorted(ids(source(shop), source(shop).changed(DAY))) == sorted(names)


def test_an_order_of_a_marketplace_that_leaves_out_fields_costs_no_call_of_its_own(
    ebay: Judged, shop: EbayChannel
) -> None:
    payload = an_order(1, NOW - timedelta(days=3), cancel="CANCELED", refund=590)
    payload["lastModifiedDate"] = written(HOUR_AGO)
    ebay.add(payload)
    assert len(ids(source(shop), source(shop).changed(DAY))) == 1
    assert len(ebay.called("/sell/fulfillment/v1/order")) == 1


def test_orders_of_the_trading_api_have_no_refunds_here(ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    assert channel(ebay, monkeypatch, orders_api="trading").refunds is None


def test_every_refund_of_the_sandbox_adds_up() -> None:
    refunds = [refund for payload in demo_orders(3, 5, NOW, CATALOGUE) for refund in read_all(payload)]
    assert refunds
    assert {refund.state for refund in refunds} == {RefundState.DONE}
