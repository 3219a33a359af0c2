"""A local Shopify shop in a process of its own, so that its CPU time counts for no contender and none has to wait.

What belongs here: answering the Admin API's order list from orders that are bytes already. What does not: the orders
(shop_orders.py), a stand-in that checks what it is asked (commerce_sandbox/shopify).

It answers the Admin GraphQL API. The variables `first`, `after`, `query` (of created_at) and `sortKey` are honoured.
The query itself is not executed: every client gets the same nodes. A query costs the points that Shopify charges for
ours, and the bucket is always full.

    python -m bench.shop COUNT      prints its URL, serves until its standard input closes
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .shop_orders import Orders

PATH = "/admin/api/2026-10/graphql.json"
MOST_POINTS = 1_000
MOST_AT_ONCE = 250
_TERM = re.compile(r"created_at:(>=|<)'([^']+)'")


@contextmanager
def shop(count: int) -> Iterator[str]:
    """The base URL of a shop with `count` orders, for as long as the block lasts."""
    command = [sys.executable, "-m", "bench.shop", str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            server.wait(10)


def cost(first: int) -> int:
    """Points of our list of orders: near the square root of its length, as in Shopify's own answers."""
    return round(3 + 79.2 * first**0.5)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    orders: Orders

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = self._probe() if "query Probe" in asked["query"] else self._list(asked["variables"])
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Shopify-API-Version", "2026-10")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _list(self, variables: dict[str, Any]) -> bytes:
        first = min(int(variables.get("first", 0)), MOST_AT_ONCE)  # none: only their number is asked for
        points = cost(first)
        if points > MOST_POINTS:
            error = {"message": "Query cost is too high.", "extensions": {"code": "MAX_COST_EXCEEDED"}}
            return json.dumps({"errors": [error], "extensions": _build_extensions(points)}).encode()
        orders = self.orders
        start, end = 0, len(orders)
        for compare, text in _TERM.findall(variables.get("query") or ""):
            number = orders.first_placed_from(datetime.fromisoformat(text).astimezone(UTC))
            start, end = (number, end) if compare == ">=" else (start, number)
        after = variables.get("after")
        at = int(after) if after else start
        until = min(at + first, end)
        page = {"hasNextPage": until < end, "endCursor": str(until) if until > at else None}
        return b'{"data":{"orders":{"nodes":[%b],"pageInfo":%b},"ordersCount":%b},"extensions":%b}' % (
            b",".join([orders[number] for number in range(at, until)]),
            json.dumps(page).encode(),
            json.dumps({"count": end - start, "precision": "EXACT"}).encode(),
            json.dumps(_build_extensions(points)).encode(),
        )

    def _probe(self) -> bytes:
        shop = {"name": "Bench", "myshopifyDomain": "bench.myshopify.com", "currencyCode": "EUR", "taxesIncluded": True}
        app = {"accessScopes": [{"handle": "read_orders"}, {"handle": "read_all_orders"}]}
        return json.dumps({"data": {"shop": shop, "currentAppInstallation": app}}).encode()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: only the benchmark prints."""


def _build_extensions(points: int) -> dict[str, Any]:
    bucket = {"maximumAvailable": 1_000_000, "currentlyAvailable": 1_000_000, "restoreRate": 1_000_000}
    return {"cost": {"requestedQueryCost": points, "actualQueryCost": points, "throttleStatus": bucket}}


def main() -> None:
    Handler.orders = Orders(int(sys.argv[1]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
