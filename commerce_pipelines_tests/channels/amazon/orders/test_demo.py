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
        found = [channel.orders.translate(raw) for page in channel.orders.created(week) for raw in page.records]
        for one in found:
            check(one)
        assert len(found) == len(amazon.orders) > 100
        assert {one.status for one in found} == set(OrderStatus)
        assert {one.currency for one in found} == {"EUR", "PLN", "SEK", "GBP"}
        assert {one.collected_as for one in found} == {"", "IOSS", "deemed_supplier"}
        assert {one.prices_include_tax for one in found} == {True, False}
        assert sum(one.is_other_channel for one in found) == 1
        assert max(len(one.lines) for one in found) == 60
        known = {article.sku for article in CATALOGUE} | {""}
        assert sum(line.sku not in known for one in found for line in one.lines) == 1

    def test_the_next_seed_brings_other_orders_and_news_come_now(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        old = {payload["orderId"] for payload in demo_orders(19, 7, NOON, CATALOGUE)}
        fresh = list(demo_orders(20, 7, NOON, CATALOGUE))
        assert not old & {payload["orderId"] for payload in fresh}
        amazon.add_new(fresh[0], NOON - timedelta(minutes=5))
        (page,) = channel.orders.changed(Window(NOON - timedelta(minutes=6), NOON))
        assert [channel.orders.head(raw).created_at for raw in page.records] == [NOON - timedelta(minutes=5)]
