"""content_updates, content_uploads, content_again, content_decided: what 3 changed products of 10,000 cost a shop.

**What is measured.** A shop shows 10,000 products of Odoo, each with a picture, through the flow's own reading,
comparing and sending, over HTTP to the stand-ins. Then three products change in Odoo, one of them by one byte of its
picture. The figures are the calls that change something in the shop, the uploads, and all calls to the shop of a second
run with nothing changed, counted by the stand-in; and how many listings the run with changes compared, counted in the
flow, though it needs the plan before, while and after it sends. The note says the processor time of both runs, in this
process with the stand-ins in it, and how many calls reading the whole shop took.

**The baseline** is arithmetic: one update for each changed product, one upload (with its two calls of the API), nothing
the second time, each listing compared once.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from commerce_pipelines.core.instruments import REAL, Instruments
from commerce_pipelines.domain.content.comparison import ListingPlan
from commerce_pipelines.domain.content.listings import ShownListing
from commerce_pipelines.flows.content import matching
from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.publish import Published, publish, refresh
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_sandbox.catalogue import Article
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn
from commerce_sandbox.shopify.contents import Contents
from commerce_sandbox.shopify.stock import Stock

from .database import MASTER_KEY_TEXT, server
from .figures import Figure

SIZE, LEAST, NAME = 10_000, 60, "shop"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SETTINGS = """
odoo: {{url: "{odoo}", database: demo, username: admin, password: {{env: BENCH_PASSWORD}}}}
channels:
  - {{name: shop, kind: shopify, shop: demo.myshopify.com, endpoint: "{shop}",
     credentials: {{access_token: {{env: BENCH_TOKEN}}}},
     content: {{enabled: true, approve: false, owned: [title, description, images]}}}}
"""


class Turn(NamedTuple):
    """One run. updates: calls that change a product; uploads: of pictures; others: calls that only read; compared:
    listings; seconds: of the processor."""

    done: Published
    updates: int
    uploads: int
    others: int
    compared: int
    seconds: float


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ |= {"BENCH_TOKEN": "shpat_sandbox", "BENCH_PASSWORD": "admin"}
    count = max(int(SIZE * size), LEAST)
    with server() as database, world(database.fresh(), count) as (connections, odoo, shop):
        tell(f"{count:,} products are read on both sides for the first time")
        first = take_turn(connections, shop, read=True)
        assert not first.done.outcomes, first.done.outcomes
        for place in range(3):
            odoo.edit(f"SKU-{place:05d}", {"name": f"New name {place}"} if place else {"image_1920": encode(b"x")})
        tell("3 products changed")
        second = take_turn(connections, shop)
        assert second.done.outcomes == {"accepted": 3}, second.done.outcomes
        tell("nothing changed")
        third = take_turn(connections, shop)
    note = (
        f"{count:,} products; {second.seconds:.1f} s of the processor for the run with 3 changes, "
        f"{third.seconds:.1f} s without any, {first.others:,} calls and {first.seconds:.1f} s for reading everything"
    )
    changed = f"calls for 3 changed products of {count:,}"
    return [
        Figure(name="content_updates", value=second.updates, unit=changed, baseline=3, target=1.0, at="most",
               note=note),
        Figure(name="content_uploads", value=second.uploads, unit="pictures uploaded for one that changed", baseline=1,
               target=1.0, at="most"),
        Figure(name="content_again", value=1 + third.updates + third.uploads + third.others,
               unit="calls to the shop, and one, for a run without changes", baseline=1, target=1.0, at="most"),
        Figure(name="content_decided", value=second.compared, unit="listings compared in a run with 3 changes",
               baseline=second.done.before.listings, target=1.1, at="most"),
    ]  # fmt: skip


def encode(mark: bytes) -> str:
    return base64.b64encode(PICTURE + mark).decode()


@contextmanager
def count_compared() -> Iterator[list[str]]:
    """Takes the key of each listing that is compared meanwhile."""
    compared: list[str] = []
    real = getattr(matching, "compare")  # noqa: B009

    def count(listing: ShownListing, *more: Any) -> ListingPlan:
        compared.append(listing.key)
        return real(listing, *more)

    setattr(matching, "compare", count)  # noqa: B010 - its module does not export it
    try:
        yield compared
    finally:
        setattr(matching, "compare", real)  # noqa: B010


def take_turn(connections: Connections, shop: ShopifyStandIn, *, read: bool = False) -> Turn:
    """What a run of the lane does. read: every listing first, and every product."""
    began, seen = time.process_time(), len(shop.calls)
    with count_compared() as compared:
        take_products(connections, NAME, whole=read)
        refresh(connections, NAME, read=read)
        done = publish(connections, NAME, run_id="bench")
    seconds, calls = time.process_time() - began, shop.calls[seen:]
    uploads = sum(call.path == "/uploads" for call in calls)
    texts = [call.json()["query"] for call in calls if call.path.endswith("graphql.json")]
    updates = sum(
        text.startswith(("mutation UpdateProduct", "mutation ReplaceFiles", "mutation AddMedia")) for text in texts
    )
    return Turn(done, updates, uploads, len(calls) - updates - uploads, len(compared), seconds)


@contextmanager
def world(database: str, count: int) -> Iterator[tuple[Connections, OdooStandIn, ShopifyStandIn]]:
    """A shop that shows what Odoo has, with a picture of each product."""
    articles = [Article(f"SKU-{place:05d}", f"Thing {place}", 1990, 100) for place in range(count)]
    with OdooStandIn(demo_database(articles)) as odoo, ShopifyStandIn(points=10**9, restore=10**6) as shop:
        shop.stock = Stock(articles)
        shop.contents = Contents(shop.stock, shop.now())
        for article in articles:
            odoo.edit(article.sku, {"image_1920": encode(article.sku.encode())})
        shop.contents.pictures.looks = 0
        for row in shop.contents.rows.values():
            shop.contents.pictures.uploads["own.png"] = PICTURE
            row["media"] = [shop.contents.pictures.add("own.png")]
        settings = parse(SETTINGS.format(odoo=odoo.url, shop=shop.url))
        keys = {"COMMERCE_DATABASE_URL": database, "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
        brisk = Instruments(now=REAL.now, clock=REAL.clock, sleep=lambda seconds: None, jitter=REAL.jitter)
        connections = open_connections(settings, keys, instruments=brisk)
        connections.warehouse.migrate()
        try:
            yield connections, odoo, shop
        finally:
            connections.warehouse.close()
