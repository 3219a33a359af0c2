"""Shopify's returns and refunds against the stand-in, over HTTP. With COMMERCE_SPECS set, the schema judges both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.channels.shopify.returns.queries import refund_queries, return_queries
from commerce_pipelines.core.errors import CredentialError, PermanentError, ProtocolError, RecordError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.returns.records import RefundState, check_refund
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.server import Fault
from commerce_sandbox.shopify import Line, demo_orders, make_order
from commerce_sandbox.shopify.returning import Back, make_refund, make_return, settle
from commerce_sandbox.shopify.shop import instant

from ..contract import SPECS, Recorded, complaints
from ..orders.test_reading import DAY, NOON, WEEK, Clock, channel, clock, connect, errors, fill, graphql, order, shop

__all__ = ["channel", "clock", "shop"]  # fixtures

HOUR_AGO = NOON - timedelta(hours=1)


@pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: Shopify's schema is not at hand")
@pytest.mark.parametrize("documents", [refund_queries("shop"), refund_queries("presentment"), return_queries()])
def test_every_query_is_valid(documents: msgspec.Struct) -> None:
    texts = msgspec.structs.asdict(documents)
    assert {name: problems for name, text in texts.items() if (problems := complaints(text))} == {}


def refund_all(shop: Recorded, at: datetime = HOUR_AGO, **more: Any) -> None:
    """Every order of the shop is refunded at this time; order n by refund 100 + n."""
    for number, row in enumerate(list(shop.orders.rows.values()), 1):
        refund = make_refund(row, [Back(0)], number=100 + number, created=instant(at), **more)
        shop.orders.add_refund(row["id"].rpartition("/")[2], refund, at)


def ids(source: Any, pages: Iterator[Page]) -> list[str]:
    return [source.head(raw).record_id for page in pages for raw in page.records]


def test_the_records_of_changed_orders_are_read(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 3)
    row = shop.orders.rows["gid://shopify/Order/2"]
    shop.orders.add_refund("2", make_refund(row, [Back(0)], number=7, created=instant(HOUR_AGO)), HOUR_AGO)
    shop.orders.add_return("2", make_return(row, [Back(0)], number=8, created=instant(HOUR_AGO)), HOUR_AGO)
    [page] = list(channel.refunds.changed(DAY))
    refund = channel.refunds.translate(page.records[0])
    check_refund(refund)
    assert (refund.refund_id, refund.order_id, refund.total, refund.state) == ("7", "2", 1990, RefundState.DONE)
    assert refund.updated_at == HOUR_AGO
    [page] = list(channel.returns.changed(DAY))
    assert channel.returns.translate(page.records[0]).return_id == "8"
    assert page.watermark == DAY.end
    assert (channel.refunds.topic, channel.returns.topic) == (Topic.REFUNDS, Topic.RETURNS)
    assert channel.refunds.fetch("7") == next(channel.refunds.changed(DAY)).records[0]
    order_id = channel.refunds.translate(channel.refunds.fetch("7") or b"").order_id
    assert channel.refunds.of_order(order_id) == (channel.refunds.fetch("7"),)
    assert (channel.returns.of_order(order_id), channel.returns.of_order("no'")) == ((channel.returns.fetch("8"),), ())
    assert channel.refunds.fetch("99") is channel.refunds.fetch("not-a-number") is channel.returns.fetch("7") is None


def test_a_refund_is_about_the_same_person_as_its_order(shop: Recorded, channel: ShopifyChannel) -> None:
    shop.add(
        order(
            1,
            HOUR_AGO,
            email="Anna@example.com",
            customer={"id": "gid://shopify/Customer/9", "firstName": "A", "lastName": "B"},
        )
    )
    shop.add(order(2, HOUR_AGO))
    refund_all(shop)
    subjects = [channel.refunds.head(raw).subject for page in channel.refunds.changed(DAY) for raw in page.records]
    bought = [channel.orders.head(raw).subject for page in channel.orders.changed(DAY) for raw in page.records]
    assert subjects == bought == ["email:anna@example.com", "order:2"]


def test_several_records_come_in_one_call(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 60)
    refund_all(shop)
    assert ids(channel.refunds, channel.refunds.changed(DAY)) == [str(101 + place) for place in range(60)]
    assert len(shop.calls) <= 12
    for _, reply in shop.exchanges:
        assert reply.body["extensions"]["cost"]["requestedQueryCost"] <= 1000


def test_what_is_landed_is_not_read_again(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 3)
    refund_all(shop)
    asked: list[tuple[str, datetime]] = []

    def unchanged(records: Sequence[tuple[str, datetime]]) -> set[str]:
        asked.extend(records)
        return {"101", "103"}

    assert ids(channel.refunds, channel.refunds.changed(DAY, None, unchanged)) == ["102"]
    assert asked == [("101", HOUR_AGO), ("102", HOUR_AGO), ("103", HOUR_AGO)]


def test_a_pending_refund_is_read_again_when_it_is_done(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 1)
    refund_all(shop, status="PENDING")
    [first] = [raw for page in channel.refunds.changed(DAY) for raw in page.records]
    settle(shop.orders.rows["gid://shopify/Order/1"]["refunds"][0])
    shop.orders.change("1", NOON + timedelta(seconds=5))
    [again] = [
        raw for page in channel.refunds.changed(Window(NOON, NOON + timedelta(minutes=1))) for raw in page.records
    ]
    states = [channel.refunds.translate(raw).state for raw in (first, again)]
    assert states == [RefundState.PENDING, RefundState.DONE]
    assert channel.refunds.head(again).updated_at > channel.refunds.head(first).updated_at


def test_a_poll_goes_on_where_it_stopped(shop: Recorded, channel: ShopifyChannel, clock: Clock) -> None:
    fill(shop, 90, timedelta(seconds=30))
    refund_all(shop)
    page = next(channel.refunds.changed(DAY))
    assert page.resume
    again = connect(shop, clock).refunds
    rest = ids(again, again.changed(DAY, page.resume))
    assert len(set(ids(again, iter([page])) + rest)) == len(page.records) + len(rest) == 90


def test_a_day_holds_the_records_created_on_it(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 2)
    refund_all(shop)
    shop.orders.change("1", NOON - timedelta(seconds=1))  # changed after the day that is asked for
    assert ids(channel.refunds, channel.refunds.created(Window(HOUR_AGO, HOUR_AGO + timedelta(seconds=1)))) == [
        "102", "101",
    ]  # fmt: skip
    assert ids(channel.refunds, channel.refunds.created(Window(DAY.start, HOUR_AGO))) == []


def test_old_records_need_the_scope_for_old_orders(shop: Recorded, channel: ShopifyChannel) -> None:
    shop.scopes -= {"read_all_orders"}
    with pytest.raises(CredentialError, match="read_all_orders"):
        list(channel.returns.created(Window(NOON - timedelta(days=90), NOON)))


def test_records_of_test_orders_are_left_out(shop: Recorded, channel: ShopifyChannel) -> None:
    shop.add(order(1, HOUR_AGO, test=True))
    refund_all(shop)
    assert ids(channel.refunds, channel.refunds.changed(DAY)) == []


@pytest.mark.parametrize("lines", [61, 130])
def test_a_refund_of_many_lines_is_made_whole(shop: Recorded, channel: ShopifyChannel, lines: int) -> None:
    shop.add(order(1, HOUR_AGO, lines=lines))
    row = shop.orders.rows["gid://shopify/Order/1"]
    every = [Back(place) for place in range(lines)]
    shop.orders.add_refund("1", make_refund(row, every, number=1, created=instant(HOUR_AGO)), HOUR_AGO)
    shop.orders.add_return("1", make_return(row, every, number=1, created=instant(HOUR_AGO)), HOUR_AGO)
    [raw] = [raw for page in channel.refunds.changed(DAY) for raw in page.records]
    assert channel.refunds.translate(raw).total == 1990 * lines
    [raw] = [raw for page in channel.returns.changed(DAY) for raw in page.records]
    assert len(channel.returns.translate(raw).lines) == lines


def test_a_refund_that_changes_while_it_is_made_whole_is_read_again(shop: Recorded, channel: ShopifyChannel) -> None:
    shop.add(order(1, HOUR_AGO, lines=70))
    row = shop.orders.rows["gid://shopify/Order/1"]
    every = [Back(place) for place in range(70)]
    shop.orders.add_refund("1", make_refund(row, every, number=1, created=instant(HOUR_AGO)), HOUR_AGO)
    lines = {"nodes": [], "pageInfo": {"hasNextPage": False}}
    body = {"data": {"node": {"order": {"updatedAt": instant(NOON)}, "refundLineItems": lines}}}
    shop.faults.append(Fault(match=graphql("query RefundLines"), body=json.dumps(body).encode()))
    [raw] = [raw for page in channel.refunds.changed(DAY) for raw in page.records]
    assert channel.refunds.translate(raw).total == 1990 * 70


def test_an_order_with_many_refunds_shows_them_all(shop: Recorded, channel: ShopifyChannel) -> None:
    shop.add(make_order([Line("A", "Mug", 1990, 40)], number=1, created=instant(HOUR_AGO)))
    row = shop.orders.rows["gid://shopify/Order/1"]
    for number in range(1, 26):
        shop.orders.add_refund("1", make_refund(row, [Back(0)], number=number, created=instant(HOUR_AGO)), HOUR_AGO)
        shop.orders.add_return("1", make_return(row, [Back(0)], number=number, created=instant(HOUR_AGO)), HOUR_AGO)
    for source in (channel.refunds, channel.returns):
        assert ids(source, source.changed(DAY)) == [str(number) for number in range(1, 26)]


def test_a_record_that_cannot_be_read_does_not_hold_up_its_page(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 3)
    refund_all(shop)
    rows = list(shop.orders.rows.values())
    rows[0]["refunds"][0]["refundLineItems"][0]["quantity"] = "some"
    rows[1]["test"] = "perhaps"
    shop.exchanges = type("Unjudged", (list,), {"append": lambda *_: None})()
    raws = [raw for page in channel.refunds.changed(DAY) for raw in page.records]
    assert len(raws) == 3
    assert channel.refunds.translate(raws[1]).refund_id == "103"
    for raw in (raws[0], raws[2]):
        with pytest.raises(RecordError) as caught:
            channel.refunds.translate(raw)
        assert caught.value.reason.code == "bad_payload"


def test_a_refund_that_vanished_is_no_record(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 1)
    refund_all(shop)
    shop.faults.append(Fault(match=graphql("query RefundRecords"), body=b'{"data": {"nodes": [null]}}'))
    assert ids(channel.refunds, channel.refunds.changed(DAY)) == []
    shop.faults.append(Fault(match=graphql("query RefundRecords"), body=b'{"data": {"nodes": []}}'))
    with pytest.raises(ProtocolError, match="0 of 1"):
        list(channel.refunds.changed(DAY))


def test_a_call_that_costs_too_much_asks_for_fewer(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 8)
    refund_all(shop)
    ids(channel.refunds, channel.refunds.changed(DAY))
    shop.faults.append(Fault(match=graphql("query RefundRecords"), body=errors("MAX_COST_EXCEEDED"), times=2))
    assert len(ids(channel.refunds, channel.refunds.changed(DAY))) == 8
    shop.faults.append(Fault(match=graphql("query RefundRecords"), body=errors("MAX_COST_EXCEEDED"), times=99))
    with pytest.raises(PermanentError, match="1000 points"):
        list(channel.refunds.changed(DAY))


def test_the_demo_week_has_nothing_that_cannot_be_read(shop: Recorded, channel: ShopifyChannel) -> None:
    for payload in demo_orders(19, 7, NOON, CATALOGUE):
        shop.add(payload)
    records = [channel.refunds.translate(raw) for page in channel.refunds.created(WEEK) for raw in page.records]
    assert [record.total for record in records] == [0]  # the one edit
