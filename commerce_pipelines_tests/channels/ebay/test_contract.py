"""What we send to eBay, and what the stand-in answers, against eBay's own OpenAPI documents and schema."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from commerce_pipelines.channels.capabilities import Window
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import demo_orders

from .account import NOW, an_order, channel
from .contract import Judged, with_specs

pytestmark = with_specs


@pytest.fixture
def ebay() -> Iterator[Judged]:
    with Judged(now=lambda: NOW) as stand_in:
        yield stand_in
        assert stand_in.judge() > 1


@pytest.mark.parametrize("api", ["fulfillment", "trading"])
def test_orders(ebay: Judged, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    for order in demo_orders(5, 3, NOW, CATALOGUE):
        ebay.add(order)
    for number in range(210):
        ebay.add(an_order(number, NOW - timedelta(hours=1)))
    shop, window = channel(ebay, monkeypatch, orders_api=api), Window(NOW - timedelta(days=200), NOW)
    assert list(shop.orders.created(window))
    assert list(shop.orders.changed(window))
    shop.orders.fetch("10-99999-00000")
    shop.account.probe()
    ebay.expire_tokens()
    shop.account.probe()
