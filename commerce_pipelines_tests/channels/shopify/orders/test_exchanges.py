"""Goods that come back and others instead, as Shopify states them: on the order itself, its return and its refund. Over
HTTP against the stand-in; with COMMERCE_SPECS set, the schema judges both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.domain.orders.order import LineKind, Order, check
from commerce_pipelines.domain.returns.rules import ReturnRules
from commerce_sandbox.shopify import Line, make_order
from commerce_sandbox.shopify.returning import Back, add_exchange, make_refund, make_return, process_exchange
from commerce_sandbox.shopify.shop import instant

from ..contract import Recorded
from .test_reading import DAY, NOON, Clock, channel, clock, connect, graphql, order, shop

__all__ = ["channel", "clock", "shop"]  # fixtures

HOUR_AGO = NOON - timedelta(hours=1)
POT = Line("POT", "Pot", 2990, discounts=(("Sorry", 500),))


@pytest.fixture
def with_returns(shop: Recorded, clock: Clock) -> ShopifyChannel:
    return connect(shop, clock, returns=ReturnRules(enabled=True))


def exchange(shop: Recorded, sold: Line = POT, processed: bool = True, edited: bool = False) -> dict[str, Any]:
    """An order of a mug for 19.90, which comes back for something else; nothing is paid back."""
    row = order(1, HOUR_AGO)
    shop.add(row)
    record = make_return(row, [Back(0)], number=8, created=instant(HOUR_AGO), status="OPEN")
    item = add_exchange(record, sold.sku or "")
    shop.orders.add_return("1", record, HOUR_AGO)
    if processed:
        single = make_order([sold], number=2, created=instant(HOUR_AGO), shipping=0)
        process_exchange(row, item, single)
    refund = make_refund(row, [Back(0)], number=7, created=instant(HOUR_AGO), return_id="8", set_off=1990)
    refund["return"]["exchangeLineItems"] = record["exchangeLineItems"]
    shop.orders.add_refund("1", refund, HOUR_AGO)
    row["edited"] = edited
    return row


def read(channel: ShopifyChannel) -> Order:
    [page] = list(channel.orders.changed(DAY))
    result = channel.orders.translate(page.records[0])
    check(result)
    return result


@pytest.mark.parametrize("edited", [False, True], ids=["not an edit", "counted as an edit"])
def test_what_the_buyer_gets_is_marked_and_what_comes_back_stays_sold(
    shop: Recorded, with_returns: ShopifyChannel, edited: bool
) -> None:
    exchange(shop, edited=edited)
    whole = read(with_returns)
    marked = [(line.kind, line.sku, line.amount) for line in whole.lines if line.is_exchange]
    assert marked == [(LineKind.PRODUCT, "POT", 2990), (LineKind.DISCOUNT, "", -500)]
    kept = [(line.sku, line.quantity, line.amount) for line in whole.lines if line.kind is LineKind.PRODUCT]
    assert kept[0] == ("SKU-0", 1, 1990)
    assert whole.total == 1990 + 490 + 2490
    [total] = with_returns.orders.totals(DAY)
    assert total.total == whole.total


def test_the_refund_credits_what_comes_back_and_its_return_asks_nothing_of_a_person(
    shop: Recorded, with_returns: ShopifyChannel
) -> None:
    exchange(shop, sold=Line("SKU-0", "Mug", 1990))
    [page] = list(with_returns.refunds.changed(DAY))
    refund = with_returns.refunds.translate(page.records[0])
    assert (refund.total, refund.set_off) == (1990, 1990)
    [page] = list(with_returns.returns.changed(DAY))
    assert with_returns.returns.translate(page.records[0]).exchange_skus == ()


def test_before_the_exchange_is_processed_nothing_is_credited_or_added(
    shop: Recorded, with_returns: ShopifyChannel
) -> None:
    exchange(shop, sold=Line("SKU-0", "Mug", 1990), processed=False)
    [page] = list(with_returns.refunds.changed(DAY))
    assert with_returns.refunds.translate(page.records[0]).total == 0
    assert not any(line.is_exchange for line in read(with_returns).lines)


def test_orders_without_returns_and_shops_without_the_flow_cost_no_call(
    shop: Recorded, channel: ShopifyChannel, with_returns: ShopifyChannel
) -> None:
    shop.add(order(1, HOUR_AGO))
    read(with_returns)
    exchange(shop)
    assert not any(line.is_exchange for line in read(channel).lines)
    assert not any(graphql("query Exchanges")(call) for call, _ in shop.exchanges)
    read(with_returns)
    assert sum(graphql("query Exchanges")(call) for call, _ in shop.exchanges) == 1
