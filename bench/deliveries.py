"""deliveries_amazon, _ebay, _shopify: calls until a thousand deliveries of Odoo are told, against the fewest possible.

**What is measured.** 1,000 orders of a channel are in Odoo's stand-in, and one delivery of each is validated there with
a tracking number. The lane reads them in Odoo and confirms them to the channel, over HTTP; both stand-ins count every
call. Then the lane works once more, which must write nothing, ask Odoo once, and ask the channel for nothing.

**The baseline** is arithmetic, from what the APIs take in one call:

- Odoo: one call for each kind of record that these parcels are made of, because one call answers for any number of
  records of one kind: transfers, orders, their lines, our external ids, moves, move lines, delivery methods. Ours asks
  twice for transfers (the changed ones, then all of their orders) and for external ids (of orders, then of lines), and
  once which fields there are.
- Amazon: confirmShipment takes one parcel. (A feed would take all, but answers minutes later.)
- eBay: createShippingFulfillment takes one parcel. Nothing has to be looked at before, because no parcel is sent twice:
  what is on record as sent is looked for first.
- Shopify: fulfillmentCreate takes one parcel. The lines of fulfilment orders have ids of their own, which change and
  are therefore read right before, 25 orders a query. GraphQL would let several mutations into one request; a lost
  answer would leave all of them in doubt, so each has a request of its own, on both sides.

Calls for an access token are not counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.core.instruments import REAL, Instruments
from commerce_pipelines.flows.fulfilment.confirm import Confirmed, confirm
from commerce_pipelines.flows.fulfilment.inputs import read_shipments
from commerce_pipelines.odoo.rpc.client import OdooClient
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.amazon.making import Maker
from commerce_sandbox.amazon.places import DE
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.ebay.demo import PEOPLE
from commerce_sandbox.ebay.making import Sold
from commerce_sandbox.ebay.making import make_order as make_ebay_order
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.server import StandIn
from commerce_sandbox.shopify import ShopifyStandIn
from commerce_sandbox.shopify.making import Line, make_order
from commerce_sandbox.shopify.shop import instant

from .backfill_twice import backfill, is_write
from .database import MASTER_KEY_TEXT, server
from .figures import Figure
from .stock_calls import SECRETS, Clock

DELIVERIES, LEAST = 1_000, 60
ORDERS_A_QUERY = 25  # of Shopify's fulfilment orders
KINDS_OF_RECORDS = 7  # that these parcels are made of in Odoo
ARTICLE = CATALOGUE[0]
KEYS = "{client_id: {env: BENCH_ID}, client_secret: {env: BENCH_SECRET}, refresh_token: {env: BENCH_REFRESH}}"
TELLS = "fulfilment: {enabled: true, carriers: {'': DHL}, hold_above: 5000}, carrier_fallback: Standard"
SETTINGS = f"""
odoo: {{url: "ODOO", database: demo, username: admin, password: {{env: BENCH_PASSWORD}}}}
vat: {{seller_country: DE, oss: true}}
channels:
  - {{name: amazon, kind: amazon, region: eu, marketplaces: [DE], seller_id: A2DEMOSELLER01, endpoint: "AMAZON",
     token_endpoint: "AMAZON/auth/o2/token", credentials: {KEYS}, start_date: START, {TELLS}, channel_warehouse: FBA}}
  - {{name: ebay, kind: ebay, marketplace: EBAY_DE, endpoint: "EBAY", token_endpoint: "EBAY/identity/v1/oauth2/token",
     credentials: {KEYS}, start_date: START, {TELLS}}}
  - {{name: shopify, kind: shopify, shop: demo.myshopify.com, endpoint: "SHOPIFY",
     credentials: {{access_token: {{env: BENCH_TOKEN}}}}, start_date: START, {TELLS}}}
"""

FEWEST: dict[str, Callable[[int], int]] = {
    "amazon": lambda parcels: parcels,
    "ebay": lambda parcels: parcels,
    "shopify": lambda parcels: parcels - (-parcels // ORDERS_A_QUERY),
}


class World(NamedTuple):
    """Three marketplaces without orders, Odoo with the demo's articles, and the lane's connections to them."""

    connections: Connections
    channels: dict[str, StandIn]
    odoo: OdooStandIn
    clock: Clock


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ |= {**dict.fromkeys(SECRETS, "shpat_sandbox"), "BENCH_PASSWORD": "admin"}
    count = max(int(DELIVERIES * size), LEAST)
    with server() as database, _open_world(database.fresh()) as world:
        _stock_article(world.connections.odoo, 3 * count)
        return [_build_figure(world, name, count, tell) for name in FEWEST]


@contextmanager
def _open_world(database: str) -> Iterator[World]:
    clock = Clock()
    with (
        AmazonStandIn(now=clock.now) as amazon,
        EbayStandIn(now=clock.now) as ebay,
        ShopifyStandIn(now=clock.now) as shopify,
        OdooStandIn(demo_database(CATALOGUE, clock.now)) as odoo,
    ):
        text = SETTINGS.replace("START", f"{clock.now().date() - timedelta(days=2)}")
        for name, stand_in in (("AMAZON", amazon), ("EBAY", ebay), ("SHOPIFY", shopify), ("ODOO", odoo)):
            text = text.replace(f'"{name}', f'"{stand_in.url}')
        shared = MemoryBuckets(clock.seconds), MemoryTokens(clock.seconds)
        timed = Instruments(now=clock.now, clock=clock.seconds, sleep=clock.sleep, jitter=REAL.jitter)
        types: dict[str, Any] = {"amazon": AmazonChannel, "ebay": EbayChannel, "shopify": ShopifyChannel}
        connections = open_connections(
            parse(text), {"COMMERCE_DATABASE_URL": database, "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT},
            channels=lambda settings, *_: types[settings.name](settings, *shared, timed), instruments=timed,
        )  # fmt: skip
        try:
            yield World(connections, {"amazon": amazon, "ebay": ebay, "shopify": shopify}, odoo, clock)
        finally:
            connections.warehouse.close()


def _stock_article(client: OdooClient, units: int) -> None:
    [product] = client.call("product.product", "search", domain=[["default_code", "=", ARTICLE.sku]])
    [place] = client.call(
        "stock.warehouse", "search_read", domain=[["code", "=", "WH"]], fields=["lot_stock_id"], load=None
    )
    client.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[{
        "product_id": product, "location_id": place["lot_stock_id"], "inventory_quantity_auto_apply": units,
    }])  # fmt: skip


def _build_figure(world: World, name: str, count: int, tell: Callable[[str], None]) -> Figure:
    tell(f"{name}: {count:,} orders come into Odoo and are shipped there")
    world.clock.sleep(3600.0)  # so that the deliveries of the channel before are none of the last minutes
    placed = world.clock.now() - timedelta(hours=3)
    references = list(ORDERS[name](world.channels[name], count, placed))
    first = placed.date() - timedelta(days=1)
    backfill(world.connections, first, world.clock.now().date() + timedelta(days=1), name)
    world.odoo.ship(references)
    tell(f"{name}: {count:,} deliveries are read and told")
    done, calls, of_odoo, _ = _work(world, name)
    assert dict(done.outcomes) == {"accepted": count}, done.outcomes
    world.clock.sleep(60.0)
    again, more, of_odoo_again, writes = _work(world, name)
    assert (dict(again.outcomes), more, of_odoo_again, writes) == ({}, 0, 1, 0), (again, more, of_odoo_again, writes)
    return Figure(
        name=f"deliveries_{name}", value=calls + of_odoo, unit=f"calls for {count:,} deliveries",
        baseline=FEWEST[name](count) + KINDS_OF_RECORDS, target=1.05, at="most",
        note=f"{calls:,} of the channel and {of_odoo} of Odoo; the second run asks Odoo once, and writes nothing",
    )  # fmt: skip


def _work(world: World, name: str) -> tuple[Confirmed, int, int, int]:
    """One turn of the lane: (its result, calls of the channel, calls of Odoo, those of them that could write)."""
    channel, odoo = world.channels[name], world.odoo
    earlier, earlier_of_odoo = len(channel.calls), len(odoo.calls)
    read_shipments(world.connections)
    done = confirm(world.connections, name)
    calls = [call for call in channel.calls[earlier:] if "token" not in call.path]
    return done, len(calls), len(odoo.calls) - earlier_of_odoo, sum(map(is_write, odoo.calls[earlier_of_odoo:]))


def _sell_on_amazon(stand_in: Any, count: int, placed: datetime) -> Iterator[str]:
    maker = Maker(7, CATALOGUE)
    for _ in range(count):
        order = maker.order(DE, placed, [maker.item(DE, ARTICLE)])
        stand_in.add(order)
        yield order["orderId"]


def _sell_on_ebay(stand_in: Any, count: int, placed: datetime) -> Iterator[str]:
    for at in range(count):
        order = make_ebay_order(at + 1, placed, [Sold(ARTICLE.sku, ARTICLE.title, 990)], PEOPLE[0])
        stand_in.add(order)
        yield order["orderId"]


def _sell_on_shopify(stand_in: Any, count: int, placed: datetime) -> Iterator[str]:
    for at in range(count):
        order = make_order([Line(ARTICLE.sku, ARTICLE.title, 990)], number=1_000 + at, created=instant(placed))
        stand_in.add(order)
        yield order["name"]


ORDERS: dict[str, Callable[[Any, int, datetime], Iterator[str]]] = {
    "amazon": _sell_on_amazon,
    "ebay": _sell_on_ebay,
    "shopify": _sell_on_shopify,
}
