"""The sandbox's week of orders on Amazon, read through the channel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.domain.orders.order import OrderStatus, check
from commerce_sandbox.amazon import demo_orders
from commerce_sandbox.catalogue import CATALOGUE

from ..contract import NOON, Clock, Recorded, connect, judged


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(Clock(), monkeypatch) as stand_in:
        yield stand_in


@pytest.fixture
def channel(amazon: Recorded) -> AmazonChannel:
    return connect(amazon, Clock())


class TestDemo:
    def test_every_order_is_sound_and_every_odd_sort_is_there(self, amazon: Recorded, channel: AmazonChannel) -> None:
        for payload in demo_orders(19, 7, NOON, CATALOGUE):
            amazon.add(payload)
        week = Window(NOON - timedelta(days=8), NOON)
        orders = [channel.orders.translate(raw) for page in channel.orders.created(week) for raw in page.records]
        for order in orders:
            check(order)
        assert len(orders) == len(amazon.orders) > 100
        assert {order.status for order in orders} == set(OrderStatus)
        assert {order.currency for order in orders} == {"EUR", "PLN", "SEK", "GBP"}
        assert {order.collected_as for order in orders} == {"", "IOSS", "deemed_supplier"}
        assert {order.prices_include_tax for order in orders} == {True, False}
        assert sum(order.is_other_channel for order in orders) == 1
        assert max(len(order.lines) for order in orders) == 60
        skus = {article.sku for article in CATALOGUE} | {""}
        assert sum(line.sku not in skus for order in orders for line in order.lines) == 1

    def test_the_next_seed_brings_other_orders_and_news_come_now(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        old = {payload["orderId"] for payload in demo_orders(19, 7, NOON, CATALOGUE)}
        fresh = list(demo_orders(20, 7, NOON, CATALOGUE))
        assert not old & {payload["orderId"] for payload in fresh}
        amazon.add_new(fresh[0], NOON - timedelta(minutes=5))
        (page,) = channel.orders.changed(Window(NOON - timedelta(minutes=6), NOON))
        assert [channel.orders.head(raw).created_at for raw in page.records] == [NOON - timedelta(minutes=5)]
