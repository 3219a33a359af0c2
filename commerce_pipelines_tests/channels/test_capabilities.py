"""What each marketplace offers as a Channel, and whose account it says it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from importlib import import_module
from typing import Any

import pytest

from commerce_pipelines.channels.capabilities import Channel, offered
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.registry import KINDS, open_channel
from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.settings.file import parse
from commerce_sandbox.ebay import EbayStandIn

from ..doubles.channel import FakeChannel
from .amazon.catalogue import SELLER
from .amazon.contract import Clock, connect, judged
from .ebay import account as ebay_account
from .ebay.account import NOW, an_order

OAUTH = "{client_id: {env: ID}, client_secret: {env: SECRET}, refresh_token: {env: REFRESH}}"
YAML = f"""
odoo: {{url: "http://127.0.0.1:8069", database: shop, username: bot, password: {{env: ODOO_PASSWORD}}}}
channels:
  - {{name: amazon, kind: amazon, credentials: {OAUTH}, secret_rotated_on: 2026-01-01}}
  - {{name: ebay, kind: ebay, credentials: {OAUTH}, refresh_token_issued_on: 2025-06-01}}
  - {{name: shopify, kind: shopify, shop: a.myshopify.com, credentials: {{access_token: {{env: ID}}}}}}
"""


@pytest.fixture(params=KINDS)
def channel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Channel:
    monkeypatch.setenv("ID", "x")
    return open_channel(parse(YAML).channel(request.param), MemoryBuckets(), MemoryTokens(), REAL)


def test_a_marketplace_offers_what_its_topics_say_and_nothing_else(channel: Channel) -> None:
    assert channel.name == channel.kind
    assert channel.orders.topic is Topic.ORDERS
    topics = set(import_module(f"commerce_pipelines.channels.{channel.kind}").TOPICS)
    both = channel.listings is not None and channel.quantities is not None
    outward: list[str] = [
        *([Topic.INVENTORY] if both else []),
        *([Topic.FULFILMENT] if channel.shipments is not None else []),
    ]
    outward += [Topic.REFUNDING] if channel.buyer_refunds is not None else []
    outward += [Topic.CONTENT] if channel.content is not None else []
    outward += [Topic.INBOUND] if channel.fba_stock is not None else []
    outward += ["notices"] if channel.subscriptions is not None else []
    assert channel.notices is channel.inbox is None  # the settings switch messages off
    assert topics - {Topic.RETURNS} == {Topic.ORDERS, *outward}
    assert Topic.RETURNS not in topics or channel.refunds is not None
    for source, topic in ((channel.returns, Topic.RETURNS), (channel.refunds, Topic.REFUNDS)):
        assert source is None or source.topic is topic


def test_what_a_marketplace_does_not_offer_is_none_and_named_when_it_is_needed() -> None:
    class Orders(FakeChannel):
        def __init__(self) -> None:
            super().__init__("shop_de")
            del self.listings, self.quantities

    channel = Orders()
    assert channel.listings is channel.quantities is None
    with pytest.raises(PermanentError, match="shop_de: shopify offers no quantities"):
        offered(channel.quantities, channel, "quantities")
    assert offered(channel.orders, channel, "orders") is channel.orders


def test_an_account_warns_as_its_settings_do(channel: Channel) -> None:
    today = date(2026, 11, 20)
    assert channel.account.warnings(today) == parse(YAML).channel(channel.name).warnings(today)
    assert bool(channel.account.warnings(today)) == (channel.kind != "shopify")


@pytest.mark.parametrize(("seller", "account_id"), [(SELLER, f"{SELLER}:eu"), ("", "")])
def test_an_amazon_account_is_a_seller_in_a_region(
    monkeypatch: pytest.MonkeyPatch, seller: str, account_id: str
) -> None:
    clock = Clock()
    with judged(clock, monkeypatch) as amazon:
        assert connect(amazon, clock, seller_id=seller).account.probe().account_id == account_id


@pytest.fixture
def ebay() -> Iterator[EbayStandIn]:
    with EbayStandIn(now=lambda: NOW) as stand_in:
        yield stand_in


@pytest.mark.parametrize(("orders", "more", "account_id"), [
    (1, {}, "kettle_and_cup"),
    (0, {}, "kettle_and_cup"),
    (0, {"scopes": ["https://api.ebay.com/oauth/api_scope/sell.fulfillment"]}, ""),
    (0, {"orders_api": "trading"}, "kettle_and_cup"),
])  # fmt: skip
def test_an_ebay_account_is_its_user_also_before_the_first_order(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, orders: int, more: dict[str, Any], account_id: str
) -> None:
    for number in range(orders):
        ebay.add(an_order(number, NOW))
    assert ebay_account.channel(ebay, monkeypatch, **more).account.probe().account_id == account_id
