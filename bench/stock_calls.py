"""stock_calls_amazon, _ebay, _shopify: calls that a push of changed quantities costs, against the fewest there can be.

**What is measured.** 12, 400 and 6,000 changed listings go through the outbox and the channel's own client
over HTTP to the stand-in, which counts every call that the push causes: look-ups, documents up and down, repeated
calls. The figure is the size whose ratio is worst. Before that everything is pushed once, because eBay gives the id of
an offer for one SKU a call, and needs that once for each listing. The note says how many calls the first push and a
reading of all listings took.

**The baseline** is arithmetic, from the vendors' batch sizes:

- Amazon: a patch is one SKU and is answered at once: up to 20 are patched. More go as a feed of up to 25,000:
  createFeedDocument, the document's upload, createFeed, getFeed, getFeedDocument, the report's download. (Six calls are
  fewer than twelve patches, but minutes later, and of five feeds in five minutes.) A feed is for one marketplace; all
  listings here are offered in one, some in others as well.
- eBay: half of the listings are the Inventory API's, 25 a call of bulkUpdatePriceQuantity; the others are classic, 4 a
  call of ReviseInventoryStatus. Which API a listing takes is not ours to choose.
- Shopify: 250 item-location pairs a call of inventorySetQuantities, whatever the locations.

Two kinds of calls are shown apart and count for neither side: those for an access token (about one an hour), and looks
at a feed that is still at work, whose number depends on how long Amazon takes (two minutes here).

Sleeping moves a clock that both sides share, so that rate limits and feeds cost no time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.core.instruments import REAL, Instruments
from commerce_pipelines.domain.outbox.effects import Kind
from commerce_pipelines.flows.inventory.inputs import read_listings
from commerce_pipelines.flows.inventory.quantities import open_door, wishes
from commerce_pipelines.flows.outbox.dispatch import dispatch
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.inventory import rows as inventory
from commerce_pipelines.warehouse.inventory.listings import remember
from commerce_pipelines.warehouse.outbox import effects
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.amazon.listings import Offer
from commerce_sandbox.amazon.places import PLACES
from commerce_sandbox.catalogue import Article
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.ebay.listings import Offered
from commerce_sandbox.server import Call, StandIn
from commerce_sandbox.shopify import ShopifyStandIn
from commerce_sandbox.shopify.stock import LOCATIONS, Stock

from .database import MASTER_KEY_TEXT, server
from .figures import Figure

SIZES, LEAST = (12, 400, 6_000), (12, 30, 60)  # how many listings change, and how many of them in a small run
FEW, FEED, STEPS = 20, 25_000, 6
MANAGED, CLASSIC, PAIRS = 25, 4, 250
FEEDS = "/feeds/2021-06-30/feeds"
NAMES = ("amazon", "ebay", "shopify")
SECRETS = ("BENCH_ID", "BENCH_SECRET", "BENCH_REFRESH", "BENCH_TOKEN", "BENCH_PASSWORD")
KEYS = "{client_id: {env: BENCH_ID}, client_secret: {env: BENCH_SECRET}, refresh_token: {env: BENCH_REFRESH}}"
SETTINGS = f"""
odoo: {{url: "http://127.0.0.1:8069", database: demo, username: admin, password: {{env: BENCH_PASSWORD}}}}
channels:
  - {{name: amazon, kind: amazon, seller_id: A2DEMOSELLER01, endpoint: "AMAZON", token_endpoint: "AMAZON/auth/o2/token",
     credentials: {KEYS}}}
  - {{name: ebay, kind: ebay, endpoint: "EBAY", token_endpoint: "EBAY/identity/v1/oauth2/token", credentials: {KEYS}}}
  - {{name: shopify, kind: shopify, shop: demo.myshopify.com, endpoint: "SHOPIFY",
     credentials: {{access_token: {{env: BENCH_TOKEN}}}}}}
"""


class Pushed(NamedTuple):
    """One push. listings: how many changed; calls: how many it took, how few are possible, and those that are shown
    apart."""

    listings: int
    calls: int
    fewest: int
    apart: int


class Clock:
    """One clock for both sides; only sleeping moves it."""

    def __init__(self) -> None:
        self.began, self.passed = datetime.now(UTC), 0.0

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.passed)

    def seconds(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ |= dict.fromkeys(SECRETS, "shpat_sandbox")
    sizes = [max(int(count * size), least) for count, least in zip(SIZES, LEAST, strict=True)]
    with server() as database, world(database.fresh(), sizes[-1]) as (connections, stand_ins):
        return [_build_figure(connections, name, stand_ins[name], sizes, tell) for name in NAMES]


def _build_figure(
    connections: Connections, name: str, stand_in: StandIn, sizes: list[int], tell: Callable[[str], None]
) -> Figure:
    tell(f"{name}: {sizes[-1]:,} listings are read and told for the first time")
    listings = read_listings(connections, name)
    listings = listings.sample(frac=1, random_state=7)
    read = len(stand_in.calls)
    first = pushed(connections, name, stand_in, listings)
    turns = []
    for count in sizes:
        tell(f"{name}: {count:,} listings changed")
        turns.append(pushed(connections, name, stand_in, listings.iloc[:count]))
    worst = max(turns, key=lambda turn: turn.calls / turn.fewest)
    counts = ", ".join(f"{turn.calls:,} for {turn.listings:,} (fewest {turn.fewest:,})" for turn in turns)
    return Figure(
        name=f"stock_calls_{name}",
        value=worst.calls,
        unit=f"calls for {worst.listings:,} changed listings",
        baseline=worst.fewest,
        target=1.05,
        at="most",
        note=f"{counts}; told apart {sum(turn.apart for turn in turns)}; the first push of {first.listings:,} took "
        f"{first.calls:,}, reading them all {read:,}",
    )


def pushed(connections: Connections, name: str, stand_in: StandIn, listings: Any) -> Pushed:
    """Push one unit more than each listing shows. Raises AssertionError unless all pushes are accepted."""
    with connections.warehouse.transaction() as connection:
        shown = inventory.beliefs(connection, name).set_index("key")
    shown = shown["last_quantity"].fillna(shown["quantity"]).loc[listings["key"]].to_numpy("int64")
    rows = listings[["key", "sku", "location"]].assign(target=shown + 1, shown=shown, free=shown + 1)
    seen = len(stand_in.calls)
    with connections.warehouse.transaction() as connection:
        effects.plan(connection, name, Kind.QUANTITY, wishes(rows, datetime.now(UTC)), "bench")
    door = open_door(connections, name, listings, rows)
    statuses = dispatch(connections.warehouse, name, Kind.QUANTITY, door, "bench")
    with connections.warehouse.transaction() as connection:
        remember(connection, name, door.found_out)
    assert Counter(statuses.values()) == {"accepted": len(rows)}, Counter(statuses.values())
    kinds = Counter(map(kind, stand_in.calls[seen:]))
    again = max(kinds["getFeed"] - kinds["createFeed"], 0)
    apart = kinds["token"] + again
    return Pushed(len(rows), kinds.total() - apart, FEWEST[name](listings), apart)


def kind(call: Call) -> str:
    """What the count tells apart: `token`, `createFeed`, `getFeed`, else `other`."""
    if "token" in call.path:
        return "token"
    if call.path.startswith(FEEDS):
        return "createFeed" if call.method == "POST" else "getFeed" if call.path != FEEDS else "other"
    return "other"


def _count_calls_of_ebay(listings: Any) -> int:
    managed = int(listings["reference"].str.contains('"inventory"').sum())
    return -(-managed // MANAGED) - (-(len(listings) - managed) // CLASSIC)


FEWEST: dict[str, Callable[[Any], int]] = {
    "amazon": lambda listings: len(listings) if len(listings) <= FEW else STEPS * -(-len(listings) // FEED),
    "ebay": _count_calls_of_ebay,
    "shopify": lambda listings: -(-len(listings) // PAIRS),
}


@contextmanager
def world(database: str, count: int) -> Iterator[tuple[Connections, dict[str, StandIn]]]:
    """Three accounts that offer `count` listings each, with opened channels."""
    clock = Clock()
    articles = [Article(f"SKU-{number:05d}", f"Thing {number}", 1990, 100) for number in range(count)]
    with (
        AmazonStandIn(now=clock.now) as amazon,
        EbayStandIn(now=clock.now) as ebay,
        ShopifyStandIn(now=clock.now) as shopify,
    ):
        amazon.listings.offers.clear()
        amazon.listings.add(*(_build_offer(at, article, clock.now()) for at, article in enumerate(articles)))
        amazon.feeds.takes = timedelta(minutes=2)
        ebay.listings = [
            Offered(item_id=f"{120_000_000_000 + at}", sku=article.sku, title=article.title, price=1990, available=5,
                    total=5, offer_id=f"{9_000_000_000 + at}" if at % 2 else "")
            for at, article in enumerate(articles)
        ]  # fmt: skip
        shopify.stock = Stock(articles[: count // len(LOCATIONS)])
        text = SETTINGS
        for name, stand_in in (("AMAZON", amazon), ("EBAY", ebay), ("SHOPIFY", shopify)):
            text = text.replace(name, stand_in.url)
        keys = {"COMMERCE_DATABASE_URL": database, "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
        shared = MemoryBuckets(clock.seconds), MemoryTokens(clock.seconds)
        timed = Instruments(now=clock.now, clock=clock.seconds, sleep=clock.sleep, jitter=REAL.jitter)
        types: dict[str, Any] = {"amazon": AmazonChannel, "ebay": EbayChannel, "shopify": ShopifyChannel}
        connections = open_connections(
            parse(text), keys, channels=lambda settings, *_: types[settings.name](settings, *shared, timed)
        )
        try:
            yield connections, {"amazon": amazon, "ebay": ebay, "shopify": shopify}
        finally:
            connections.warehouse.close()


def _build_offer(at: int, article: Article, now: datetime) -> Offer:
    """A listing in the first marketplace; two in three listings are in others as well."""
    places = tuple(place.id for place in PLACES[: 1 + at % 3])
    quantity = {"fulfillment_channel_code": "DEFAULT", "quantity": 5}
    long_ago = now - timedelta(days=90)
    return Offer(article.sku, article.title, f"B{at:09d}", "KITCHEN", places, long_ago, long_ago, [quantity])
