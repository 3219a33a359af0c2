"""backfill_time_shopify, _ebay, _amazon: how long 100,000 old orders take to read, in virtual time.

**What is measured.** The channels' own readers of days, over HTTP, against vendors of nothing but orders that enforce
their limits: Amazon's bucket of searchOrders (100 orders a page), eBay's calls of a day (200 a page), Shopify's points
and bulk operations, of which it runs five at once. Orders are small, because time is counted by limits and not by our
work; landing and loading them is measured elsewhere. Every order must come, or the benchmark fails.

**What is assumed.** A call travels 0.1 s. Shopify does not say how fast a bulk operation is: here each of five works
through 250 rows a second, three rows an order.

**The baseline.** Amazon: what its bucket permits, as searchOrders alone carries names and addresses without a
restricted report. eBay: one call for 200 orders, one after the other. Shopify: five operations without a pause.
`backfill_calls_an_order` is the worst of the three.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.settings import Settings as AmazonSettings
from commerce_pipelines.channels.capabilities import Channel, Window
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.settings import Settings as EbaySettings
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.channels.shopify.settings import Settings as ShopifySettings
from commerce_sandbox.amazon.answers import Bucket
from commerce_sandbox.server import Call, Reply, StandIn

from .figures import Figure
from .pace import KEYS
from .virtual_time import Travelling, VirtualTime

ORDERS, LEAST = 100_000, 5_000
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SPAN = Window(NOW - timedelta(days=50), NOW - timedelta(days=1))
TRAVEL = (0.1,)
AMAZON_PAGE, AMAZON_RATE, AMAZON_BURST = 100, 0.0056, 20
EBAY_PAGE, EBAY_CALLS = 200, 100_000
AT_ONCE, ROWS_A_SECOND, ROWS = 5, 250.0, 3


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ["BENCH_TOKEN"] = "shpat_sandbox"  # noqa: S105
    count = max(int(ORDERS * size), LEAST)
    figures, worst = [], 0.0
    for name, vendor, kind, most in (
        ("shopify", _Shopify, ShopifyChannel, 480.0),
        ("ebay", _Ebay, EbayChannel, 60.0),
        ("amazon", _Amazon, AmazonChannel, 0.0),
    ):
        tell(f"{name}: {count:,} orders are read")
        time = VirtualTime(NOW)
        with vendor(count, time) as shop:
            channel: Channel = kind(
                shop.settings(),
                Travelling(MemoryBuckets(time.seconds), time, TRAVEL),
                MemoryTokens(time.seconds),
                time.instruments(),
            )
            ids = {channel.orders.head(raw).record_id for page in channel.orders.created(SPAN) for raw in page.records}
            assert len(ids) == count, f"{name}: {len(ids)} of {count} orders"
            assert not shop.refused, f"{name} refused {shop.refused} calls"
            passed = (time.now() - NOW).total_seconds()
            worst = max(worst, len(shop.calls) / count)
            figures.append(_judge(name, passed, shop.best(), most, len(shop.calls)))
    return [
        *figures,
        Figure(
            name="backfill_calls_an_order",
            value=worst,
            unit="calls",
            baseline=0,
            target=0.02,
            judged="value",
            at="most",
        ),
    ]


def _judge(name: str, passed: float, best: float, most: float, calls: int) -> Figure:
    """most: seconds; 0 where the limits alone decide, so that the ratio is judged."""
    return Figure(
        name=f"backfill_time_{name}",
        value=passed,
        unit="s",
        baseline=best,
        target=most or 1.05,
        judged="value" if most else "ratio",
        at="most",
        note=f"{calls:,} calls",
    )


class _Vendor(StandIn):
    """count orders, placed evenly over SPAN. refused: calls beyond a limit."""

    def __init__(self, count: int, time: VirtualTime) -> None:
        super().__init__(now=time.now)
        self.count, self.refused = count, 0
        self._step = (SPAN.end - SPAN.start) / count

    def settings(self) -> Any:
        raise NotImplementedError

    def best(self) -> float:
        """Seconds that the limits make it take at least."""
        raise NotImplementedError

    def place(self, number: int) -> datetime:
        return SPAN.start + self._step * number


class _Amazon(_Vendor):
    def __init__(self, count: int, time: VirtualTime) -> None:
        super().__init__(count, time)
        self._bucket = Bucket(AMAZON_RATE, AMAZON_BURST, time.now())

    def settings(self) -> Any:
        keys = {"kind": "amazon", "name": "amazon", "endpoint": self.url, "credentials": KEYS,
                "token_endpoint": f"{self.url}/auth/o2/token"}  # fmt: skip
        return msgspec.convert(keys, AmazonSettings)

    def best(self) -> float:
        return max(1.0, (-(-self.count // AMAZON_PAGE) - AMAZON_BURST) / AMAZON_RATE)

    def handle(self, call: Call) -> Reply:
        if "token" in call.path:
            return Reply(200, {"access_token": "Atza|x", "token_type": "bearer", "expires_in": 3_600})
        if not self._bucket.spend(self.now()):
            self.refused += 1
            return Reply(429, {"errors": [{"code": "QuotaExceeded", "message": ""}]})
        start = int(call.parameter("paginationToken", "0"))
        end = min(start + AMAZON_PAGE, self.count)
        answer: dict[str, Any] = {"orders": [self._make(number) for number in range(start, end)]}
        if end < self.count:
            answer["pagination"] = {"nextToken": str(end)}
        return Reply(200, answer)

    def _make(self, number: int) -> dict[str, Any]:
        at = f"{self.place(number):%Y-%m-%dT%H:%M:%S.000Z}"
        return {"orderId": f"302-0000001-{number:07d}", "createdTime": at, "lastUpdatedTime": at, "orderItems": []}


class _Ebay(_Vendor):
    def settings(self) -> Any:
        keys = {"kind": "ebay", "name": "ebay", "endpoint": self.url, "credentials": KEYS,
                "token_endpoint": f"{self.url}/identity/v1/oauth2/token"}  # fmt: skip
        return msgspec.convert(keys, EbaySettings)

    def best(self) -> float:
        return self.count / EBAY_PAGE * TRAVEL[0]

    def handle(self, call: Call) -> Reply:
        if "token" in call.path:
            return Reply(200, {"access_token": "v^1.1#x", "token_type": "User Access Token", "expires_in": 7_200})
        self.refused += len(self.calls) > EBAY_CALLS
        begin, _, end = call.parameter("filter").partition("[")[2].rstrip("]").partition("..")
        first, last = self._find(begin), self._find(end) + 1
        start = first + int(call.parameter("offset", "0"))
        rows = [self._make(number) for number in range(start, min(start + EBAY_PAGE, last))]
        return Reply(200, {"total": last - first, "limit": EBAY_PAGE, "offset": start - first, "orders": rows})

    def _find(self, text: str) -> int:
        """The last order that was placed by then; for the first instant of all, the first order."""
        passed = datetime.fromisoformat(text) - SPAN.start
        return min(self.count - 1, max(0, int(passed / self._step)))

    def _make(self, number: int) -> dict[str, Any]:
        at = f"{self.place(number):%Y-%m-%dT%H:%M:%S.000Z}"
        return {
            "orderId": f"10-{number:05d}-00001", "creationDate": at, "lastModifiedDate": at, "buyer": {"username": "b"},
            "cancelStatus": {"cancelState": "NONE_REQUESTED"}, "lineItems": [],
        }  # fmt: skip


class _Shopify(_Vendor):
    def __init__(self, count: int, time: VirtualTime) -> None:
        super().__init__(count, time)
        self._ends: list[tuple[datetime, bytes]] = []

    def settings(self) -> Any:
        keys = {"kind": "shopify", "name": "shopify", "shop": "demo.myshopify.com", "endpoint": self.url,
                "credentials": {"access_token": {"env": "BENCH_TOKEN"}}}  # fmt: skip
        return msgspec.convert(keys, ShopifySettings)

    def best(self) -> float:
        return self.count * ROWS / ROWS_A_SECOND / AT_ONCE

    def handle(self, call: Call) -> Reply:
        if call.method == "GET":
            return Reply(200, self._ends[int(call.path.rpartition("/")[2])][1])
        body = call.json()
        if "bulkOperationRunQuery" in body["query"]:
            return _answer({"bulkOperationRunQuery": self._start_bulk(body["variables"]["query"])})
        if "bulkOperation(" in body["query"]:
            return _answer({"bulkOperation": self._show_bulk(body["variables"]["id"])})
        if "ordersCount" in body["query"]:
            return _answer({"ordersCount": {"count": self.count, "precision": "EXACT"}})
        scopes = ("read_orders", "read_all_orders")
        installation = {"accessScopes": [{"handle": scope} for scope in scopes]}
        shop = {"name": "s", "myshopifyDomain": "demo.myshopify.com", "currencyCode": "EUR", "taxesIncluded": True}
        return _answer({"shop": shop, "currentAppInstallation": installation})

    def _start_bulk(self, query: str) -> dict[str, Any]:
        if sum(end > self.now() for end, _ in self._ends) >= AT_ONCE:
            return {"bulkOperation": None, "userErrors": [{"code": "LIMIT_REACHED", "field": None, "message": ""}]}
        begin, end = (datetime.fromisoformat(text.partition("'")[0]) for text in query.split(":>='")[1].split(":<'"))
        numbers = [number for number in range(self.count) if begin <= self.place(number).replace(microsecond=0) < end]
        lines = [line for number in numbers for line in self._write_lines(number)]
        self._ends.append((self.now() + timedelta(seconds=len(lines) / ROWS_A_SECOND), b"\n".join(lines)))
        gid = f"gid://shopify/BulkOperation/{len(self._ends) - 1}"
        return {"bulkOperation": {"id": gid, "status": "CREATED"}, "userErrors": []}

    def _show_bulk(self, gid: str) -> dict[str, Any]:
        number = gid.rpartition("/")[2]
        end, lines = self._ends[int(number)]
        rows, done = lines.count(b"\n") + 1 if lines else 0, end <= self.now()
        return {
            "id": gid, "status": "COMPLETED" if done else "RUNNING", "errorCode": None, "objectCount": str(rows),
            "rootObjectCount": str(rows // ROWS), "url": f"{self.url}/files/{number}" if done and rows else None,
        }  # fmt: skip

    def _write_lines(self, number: int) -> list[bytes]:
        gid, at = f"gid://shopify/Order/{number + 1}", f"{self.place(number):%Y-%m-%dT%H:%M:%SZ}"
        children = (f"gid://shopify/LineItem/{number + 1}", f"gid://shopify/ShippingLine/{number + 1}")
        return [
            f'{{"id":"{gid}","createdAt":"{at}","updatedAt":"{at}","edited":false}}'.encode(),
            *(f'{{"id":"{child}","__parentId":"{gid}"}}'.encode() for child in children),
        ]


def _answer(data: dict[str, Any]) -> Reply:
    status = {"maximumAvailable": 2_000, "currentlyAvailable": 1_900, "restoreRate": 100}
    cost = {"requestedQueryCost": 10, "actualQueryCost": 10, "throttleStatus": status}
    return Reply(200, {"data": data, "extensions": {"cost": cost}})
