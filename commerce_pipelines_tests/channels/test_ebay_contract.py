"""What we send to eBay, and what the stand-in answers, against eBay's own OpenAPI documents and schema."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.base import Window
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import EbayStandIn, demo_orders
from commerce_sandbox.server import Call, Reply

from .ebay_account import NOW, an_order, channel
from .ebay_contract import judge, with_specs

pytestmark = with_specs


class Judged(EbayStandIn):
    """Keeps every exchange, for judgement."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.exchanges: list[tuple[Call, Reply]] = []

    def handle(self, call: Call) -> Reply:
        reply = super().handle(call)
        self.exchanges.append((call, reply))
        return reply


@pytest.fixture
def ebay() -> Iterator[Judged]:
    with Judged(now=lambda: NOW) as stand_in:
        yield stand_in
        assert len(stand_in.exchanges) > 1
        for call, reply in stand_in.exchanges:
            judge(call, reply)


@pytest.mark.parametrize("api", ["fulfillment", "trading"])
def test_orders(ebay: Judged, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    for order in demo_orders(5, 3, NOW, CATALOGUE):
        ebay.add(order)
    for number in range(210):
        ebay.add(an_order(number, NOW - timedelta(hours=1)))
    shop, window = channel(ebay, monkeypatch, orders_api=api), Window(NOW - timedelta(days=200), NOW)
    assert list(shop.placed_orders(window))
    assert list(shop.changed_orders(window))
    shop.order("10-99999-00000")
    shop.probe()
    ebay.expire_tokens()
    shop.probe()
