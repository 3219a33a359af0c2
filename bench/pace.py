"""pace_amazon, _ebay, _shopify: how much of what a marketplace allows is used, when there is always something to call.

**What is measured.** Two processes of one account share its budget and call without a pause, through the channel's own
client over HTTP, until the virtual time is over. The stand-ins enforce every limit as the vendors do: Amazon's bucket
of each operation, eBay's calls of a day that come back at midnight Pacific time, Shopify's points, of which a query
must find all that it requests. Calls are under way for 0.08 to 0.4 s, so that they do not arrive as evenly as they
leave. The value is what was answered: calls, for Shopify points.

- Amazon: searchOrders, getOrder, getReport and searchListingsItems; the operation whose ratio is worst counts.
- eBay: two days of the Fulfillment API, whose calls of a day eBay states as fewer than it documents.
- Shopify: orders, while another process reads the stock at a lower priority.

**The baseline** is arithmetic: what is allowed at once, and what flows in until the end. `pace_refused` counts the
answers by which a marketplace refused a call because of its limits: none is as it should be.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from commerce_pipelines.channels.amazon.api.api import Api
from commerce_pipelines.channels.amazon.settings import Settings as AmazonSettings
from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.channels.ebay.api.account import ORDERS, Account
from commerce_pipelines.channels.ebay.api.limits import learn_limits
from commerce_pipelines.channels.ebay.api.rates import QUOTAS
from commerce_pipelines.channels.ebay.settings import Settings as EbaySettings
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.channels.shopify.settings import Settings as ShopifySettings
from commerce_pipelines.core.errors import RateLimited
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.amazon.api import OPERATIONS
from commerce_sandbox.catalogue import CATALOGUE, Article
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.server import Call, Reply
from commerce_sandbox.shopify import ShopifyStandIn
from commerce_sandbox.shopify.demo import demo_orders
from commerce_sandbox.shopify.stock import LOCATIONS, Stock

from .figures import Figure
from .virtual_time import Travelling, VirtualTime

MIDNIGHT = datetime(2026, 11, 24, 8, tzinfo=UTC)  # midnight Pacific time
# Amazon: seconds of each operation, its path, its parameters.
SPANS: dict[str, tuple[float, str, dict[str, str]]] = {
    "searchOrders": (21_600, "/orders/2026-01-01/orders", {"createdAfter": "2026-11-20T00:00:00Z"}),
    "getOrder": (1_800, "/orders/2026-01-01/orders/302-0000001-0000001", {}),
    "getReport": (300, "/reports/2021-06-30/reports/1", {}),
    "searchListingsItems": (180, "/listings/2021-08-01/items/A1", {"marketplaceIds": "A1PA6795UKMFR9"}),
}
LEAST_SPAN = 0.1  # of a span, in a small run
CALLS_A_DAY, LEAST_CALLS = 1_000, 200  # eBay
POINTS, RESTORED, SECONDS, LEAST_SECONDS = 1_000.0, 100.0, 300.0, 60.0  # Shopify, the Standard plan
KEYS = {key: {"env": "BENCH_TOKEN"} for key in ("client_id", "client_secret", "refresh_token")}


class Paced(NamedTuple):
    """answered and possible: in `unit`. refused: answers that say that a limit was exceeded."""

    name: str
    unit: str
    answered: float
    possible: float
    refused: int
    note: str = ""


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ["BENCH_TOKEN"] = "shpat_sandbox"  # noqa: S105
    paces = []
    for name, measure in (("Shopify", _measure_shopify), ("Amazon", _measure_amazon), ("eBay", _measure_ebay)):
        tell(f"{name} is called without a pause")
        paces.append(measure(size))
    figures = [
        Figure(name=pace.name, value=pace.answered, unit=pace.unit, baseline=pace.possible, target=0.95, note=pace.note)
        for pace in paces
    ]
    refused = sum(pace.refused for pace in paces)
    by_channel = ", ".join(f"{pace.name.removeprefix('pace_')} {pace.refused}" for pace in paces)
    return [
        *figures,
        Figure(
            name="pace_refused",
            value=refused,
            unit="refused calls",
            baseline=0,
            target=0,
            judged="value",
            at="most",
            note=by_channel,
        ),
    ]


def _measure_amazon(size: float) -> Paced:
    time = VirtualTime(MIDNIGHT)
    worst = Paced("pace_amazon", "calls", 1.0, 0.0, 0)
    refused, notes = 0, []
    with AmazonStandIn(now=time.now, generous=False) as amazon:
        settings = msgspec.convert(
            {"kind": "amazon", "name": "amazon", "endpoint": amazon.url, "credentials": KEYS,
             "token_endpoint": f"{amazon.url}/auth/o2/token"},
            AmazonSettings,
        )  # fmt: skip
        shared, tokens = MemoryBuckets(time.seconds), MemoryTokens(time.seconds)
        processes = [Api(settings, Travelling(shared, time), tokens, time.instruments()) for _ in range(2)]
        for name, (span, path, params) in SPANS.items():
            span *= max(size, LEAST_SPAN)
            end, seen = time.seconds() + span, len(amazon.calls)
            answers: list[int] = []

            def work(api: Api, name: str = name, path: str = path, params: dict[str, str] = params) -> None:
                while time.seconds() < end:  # noqa: B023
                    answers.append(api.call(name, path, params, ok=(200, 404)).status)  # noqa: B023

            time.run(*(lambda api=api: work(api) for api in processes))
            operation = next(operation for operation in OPERATIONS if operation.name == name)
            possible = operation.burst + operation.rate * span
            made = sum("token" not in call.path for call in amazon.calls[seen:])
            refused += made - len(answers)
            notes.append(f"{name} {len(answers):,} of {possible:,.0f}")
            if not worst.possible or len(answers) / possible < worst.answered / worst.possible:
                worst = worst._replace(answered=len(answers), possible=possible)
    return worst._replace(refused=refused, note=", ".join(notes))


def _measure_ebay(size: float) -> Paced:
    time = VirtualTime(MIDNIGHT)
    granted = max(int(CALLS_A_DAY * size), LEAST_CALLS)
    with EbayStandIn(now=time.now) as ebay:
        ebay.quotas.granted["sell", "fulfillment"] = granted
        settings = msgspec.convert(
            {"kind": "ebay", "name": "ebay", "endpoint": ebay.url, "credentials": KEYS,
             "token_endpoint": f"{ebay.url}/identity/v1/oauth2/token"},
            EbaySettings,
        )  # fmt: skip
        shared, tokens = MemoryBuckets(time.seconds), MemoryTokens(time.seconds)
        processes = [Account(settings, Travelling(shared, time), tokens, time.instruments()) for _ in range(2)]
        learn_limits(processes[0])
        end, answers = time.seconds() + timedelta(days=2).total_seconds(), list[int]()

        def work(account: Account) -> None:
            while time.seconds() < end:
                try:
                    answers.append(account.rest("getOrders", ORDERS, {"limit": "1"}).status)
                except RateLimited as error:
                    time.sleep(error.wait or 60.0)

        time.run(*(lambda account=account: work(account) for account in processes))
        refused = len(ebay.called(ORDERS)) - len(answers)
    documented = QUOTAS[0][1]
    note = f"{granted:,} calls a day, which eBay stated; it documents {documented:,.0f}"
    return Paced("pace_ebay", "calls in two days", len(answers), 2 * granted, refused, note)


class _Counted(ShopifyStandIn):
    """A shop that adds up the points that it took, and the queries that it refused for want of them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.spent, self.throttled = 0.0, 0

    def _spend(self, requested: int, actual: int | None) -> dict[str, Any]:
        """What is requested is taken, and what was too much is given back: never more than was requested."""
        return super()._spend(requested, None if actual is None else min(requested, actual))

    def handle(self, call: Call) -> Reply:
        reply = super().handle(call)
        if isinstance(reply.body, dict) and "extensions" in reply.body:
            self.spent += reply.body["extensions"]["cost"]["actualQueryCost"] or 0
            codes = [error["extensions"].get("code") for error in reply.body.get("errors", ())]
            self.throttled += "THROTTLED" in codes
        return reply


def _measure_shopify(size: float) -> Paced:
    time = VirtualTime(MIDNIGHT)
    span = max(SECONDS * size, LEAST_SECONDS)
    with _Counted(now=time.now, points=POINTS, restore=RESTORED) as shop:
        for order in demo_orders(7, 60, time.now(), CATALOGUE):
            shop.add(order)
        shop.stock = Stock([Article(f"SKU-{n:05d}", f"Thing {n}", 1990, 100) for n in range(400 // len(LOCATIONS))])
        settings = msgspec.convert(
            {"kind": "shopify", "name": "shopify", "shop": "demo.myshopify.com", "endpoint": shop.url,
             "credentials": {"access_token": {"env": "BENCH_TOKEN"}}},
            ShopifySettings,
        )  # fmt: skip
        shared, tokens = MemoryBuckets(time.seconds), MemoryTokens(time.seconds)
        orders, stock = (
            ShopifyChannel(settings, Travelling(shared, time), tokens, time.instruments()) for _ in range(2)
        )
        end = time.seconds() + span
        pages = {"orders": 0, "stock": 0}

        def read_orders() -> None:
            while time.seconds() < end:
                for page in orders.orders.created(Window(time.now() - timedelta(days=50), time.now())):
                    pages["orders"] += bool(page.records)
                    if time.seconds() >= end:
                        break

        def read_stock() -> None:
            while time.seconds() < end:
                for _ in stock.listings.read():
                    pages["stock"] += 1
                    if time.seconds() >= end:
                        break

        time.run(read_orders, read_stock)
        possible = POINTS + RESTORED * (time.seconds() - end + span)
        note = f"{pages['orders']:,} pages of orders, {pages['stock']:,} of stock"
        return Paced("pace_shopify", "points", shop.spent, possible, shop.throttled, note)
