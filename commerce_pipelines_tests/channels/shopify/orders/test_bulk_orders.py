"""Many orders by bulk operations: the same orders as by pages, none lost whatever Shopify lacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.channels.shopify.api.queries import queries
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.channels.shopify.orders import strategy
from commerce_pipelines.channels.shopify.orders.bulk_reading import assemble, write_query
from commerce_pipelines.channels.shopify.orders.strategy import choose, split
from commerce_pipelines.core.errors import ProtocolError, TransientError
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.server import Fault
from commerce_sandbox.shopify import demo_orders

from ..contract import SPECS, Recorded, complaints
from .test_reading import NOON, WEEK, channel, clock, graphql, ids, order, shop

__all__ = ["channel", "clock", "shop"]  # fixtures


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pull is a large one, of several files."""
    monkeypatch.setattr(strategy, "PAGING_SECONDS", 0.0)
    monkeypatch.setattr(strategy, "ORDERS_A_FILE", 10)


def read(channel: ShopifyChannel) -> list[Page]:
    return list(channel.orders.created(WEEK))


def test_an_order_is_the_same_by_either_way(
    shop: Recorded, channel: ShopifyChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for made in demo_orders(11, 6, NOON, CATALOGUE):
        shop.add(made)
    shop.add(order(77, NOON - timedelta(hours=5), lines=40))  # more lines than a page takes
    by_pages = {channel.orders.head(raw).record_id: raw for page in read(channel) for raw in page.records}
    monkeypatch.setattr(strategy, "PAGING_SECONDS", 0.0)
    monkeypatch.setattr(strategy, "ORDERS_A_FILE", len(by_pages) // 7)
    pages = read(channel)
    in_bulk = {channel.orders.head(raw).record_id: raw for page in pages for raw in page.records}
    assert {page.way.partition(":")[0] for page in pages} == {"8 bulk operations"}
    assert in_bulk.keys() == by_pages.keys()
    for order_id, raw in by_pages.items():
        assert channel.orders.translate(in_bulk[order_id]) == channel.orders.translate(raw)
        assert list(json.loads(in_bulk[order_id])) == list(json.loads(raw))  # the same fields in the same order


@pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: Shopify's schema is not at hand")
@pytest.mark.parametrize("basis", ["shop", "presentment"])
def test_the_bulk_query_is_valid_and_asks_for_connections_as_such_operations_do(basis: Any) -> None:
    text = write_query(queries(basis).orders, WEEK)
    assert not complaints(text)
    assert "..." not in text.replace("... on ", "")
    assert "first: 8" not in text
    assert text.count("edges") == 3  # orders, lines, shipping lines: Shopify takes five connections


@pytest.mark.parametrize("most", [5, 1])
def test_as_many_run_at_once_as_shopify_takes(shop: Recorded, channel: ShopifyChannel, many: None, most: int) -> None:
    for place in range(35):
        shop.add(order(place + 1, NOON - timedelta(hours=4 * place + 1)))
    shop.bulk.most = most
    assert sorted(map(int, ids(channel, iter(read(channel))))) == list(range(1, 36))
    started = [call for call in shop.calls if graphql("bulkOperationRunQuery")(call)]
    refused = sum(
        bool(reply.body["data"]["bulkOperationRunQuery"]["userErrors"])
        for call, reply in shop.exchanges
        if graphql("bulkOperationRunQuery")(call)
    )
    assert (len(started) - refused, refused > 0) == (4, most == 1)


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("most", [5, 1])
def test_a_pull_that_is_killed_in_the_middle_is_made_anew_beside_its_leftovers(
    shop: Recorded, channel: ShopifyChannel, many: None, most: int, after: int
) -> None:
    """The operations of the killed process go on at Shopify, and take up its places until they end."""
    for place in range(35):
        shop.add(order(place + 1, NOON - timedelta(hours=4 * place + 1)))
    shop.bulk.most, shop.bulk.looks, shop.bulk.rows_a_second = most, 0, 1.0
    killed = channel.orders.created(WEEK)
    for _ in range(after):
        next(killed)
    if not after:  # its first operation is at work, and no page was read
        shop.faults.append(Fault(match=graphql("query BulkState"), drop=True, times=99))
        with pytest.raises(TransientError):
            next(killed)
        shop.faults.clear()
    del killed
    assert sorted(map(int, ids(channel, iter(read(channel))))) == list(range(1, 36))


def lose_an_order(shop: Recorded) -> None:
    """The file is whole, by its own counts, and lacks an order that Shopify counts."""
    rows, run = shop.orders.rows, shop.bulk.run

    def run_without(query: str, root: object, now: datetime) -> object:
        kept = dict(rows)
        rows.popitem()
        try:
            return run(query, root, now)  # type: ignore[arg-type]
        finally:
            rows.update(kept)

    shop.bulk.run = run_without  # type: ignore[method-assign, assignment]


def misstate_orders(shop: Recorded) -> None:
    """As many lines as there should be, and fewer orders."""
    state = shop.bulk.state

    def one_more(gid: str, base: str, now: datetime) -> object:
        shown = state(gid, base, now)
        return shown and {**shown, "rootObjectCount": str(int(shown["rootObjectCount"]) + 1)}

    shop.bulk.state = one_more  # type: ignore[method-assign, assignment]


def fail_in_the_middle(shop: Recorded) -> None:
    gid = "gid://shopify/BulkOperation/1"
    operation = {"id": gid, "status": "FAILED", "errorCode": "TIMEOUT", "objectCount": "3",
                 "rootObjectCount": "1", "url": None}  # fmt: skip
    body = json.dumps({"data": {"bulkOperation": operation}}).encode()
    shop.faults.append(Fault(match=graphql("query BulkState"), body=body, times=99))


@pytest.mark.parametrize(
    ("happens", "says"),
    [(lose_an_order, "counts 12 orders"), (misstate_orders, "records of"), (fail_in_the_middle, "TIMEOUT")],
)
def test_what_is_not_whole_is_refused(
    shop: Recorded, channel: ShopifyChannel, many: None, happens: Callable[[Recorded], None], says: str
) -> None:
    for place in range(12):
        shop.add(order(place + 1, NOON - timedelta(hours=place + 1)))
    happens(shop)
    with pytest.raises(TransientError, match=says):
        read(channel)


def test_lines_may_come_in_any_order_and_belong_to_an_order() -> None:
    line = b'{"id":"gid://shopify/LineItem/9","sku":"M","__parentId":"gid://shopify/Order/1"}'
    whole = b'{"id":"gid://shopify/Order/1","name":"#1"}'
    [node] = assemble([line, whole])
    assert bytes(node) == (
        b'{"id":"gid://shopify/Order/1","name":"#1","shippingLines":{"nodes":[],"pageInfo":{"hasNextPage":false}},'
        b'"lineItems":{"nodes":[{"id":"gid://shopify/LineItem/9","sku":"M"}],'
        b'"pageInfo":{"hasNextPage":false,"endCursor":null}}}'
    )
    for lines in ([line], [whole, b'{"id":"gid://shopify/Refund/1","__parentId":"gid://shopify/Order/1"}'], [b"{"]):
        with pytest.raises(ProtocolError):
            assemble(lines)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 6, 1)), st.integers(1, 10**7), st.integers(1, 40))  # noqa: DTZ001
def test_the_parts_of_a_time_have_no_gap_and_no_overlap(start: datetime, seconds: int, parts: int) -> None:
    begin = start.replace(microsecond=0, tzinfo=UTC)
    whole = Window(begin, begin + timedelta(seconds=seconds))
    windows = split(whole, parts)
    assert (windows[0].start, windows[-1].end) == (whole.start, whole.end)
    assert all(left.end == right.start for left, right in pairwise(windows))
    assert len(windows) <= parts
    assert all(window.start.microsecond == 0 for window in windows)


def test_few_orders_are_read_as_pages_and_many_as_files() -> None:
    assert choose(1_000, 100.0).files == 0
    assert choose(20_000, 2_000.0).files == 0  # an enterprise plan has the points for it
    assert choose(20_000, 100.0).files == 2
    assert "100,000 orders would take 7,000 s" in choose(100_000, 100.0).why
