"""stock_change_to_request_p95: from a change of stock in Odoo to the request that tells a channel, on the demo.

**What is measured.** The demo as `make demo` runs it, with its stand-ins, Dagster's daemon and sensors, and nobody
buying. A user of Odoo counts products, over Odoo's own API, at random moments. The moments do not depend on the course
of the counts before, so some counts come while a run is at work. The clock starts when Odoo has answered, which is its
commit, and stops for each channel when its stand-in has taken the request with the new figure: three times per change.
The figure is wall time: on a machine that does other work as well it says little. Each listing must end at exactly the
figure that was decided for it.

**The baseline** is the median of the same times.

    python -m bench.stock_change CHANGES PORT       the demo, in the working directory; prints a line per change
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

import msgspec

from commerce_sandbox.world import LANES, WAREHOUSE

from .demo import Times, describe_load, open_demo, run_demo
from .figures import Figure

CHANGES, APART, LATEST = 24, (6.0, 18.0), 180.0  # seconds between two changes, and until a figure must have arrived
WATCH = 0.05


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    count = max(round(CHANGES * size), 2)
    before, times = describe_load(), run_demo("bench.stock_change", count, tell)
    every = sorted(seconds for change in times for seconds in change.values())
    by_channel = {name: median(change[name] for change in times) for name in times[0]}
    return [
        Figure(
            name="stock_change_to_request_p95",
            value=quantiles(every, n=20, method="inclusive")[-1],
            unit="s",
            baseline=median(every),
            target=30.0,
            judged="value",
            at="most",
            note=f"{len(times)} changes on {len(by_channel)} channels, longest {every[-1]:.1f} s; medians "
            + ", ".join(f"{name} {seconds:.1f}" for name, seconds in by_channel.items())
            + f"; {before} before, {describe_load()} after",
        )
    ]


def main(count: int, port: int) -> None:
    with open_demo(port) as (world, connections):
        seconds = changes(world, connections, count)
        settled(world, connections)
    print(msgspec.json.encode(Times(seconds)).decode(), flush=True)


def changes(world: Any, connections: Any, count: int) -> list[dict[str, float]]:
    """Count products one after the other, and measure when each channel's stand-in has the new figure."""
    rng, skus = random.Random(count), offered(connections)
    places = connections.odoo.call(
        "stock.warehouse", "search_read", domain=[["code", "=", "WH"]], fields=["lot_stock_id"], load=None
    )
    products = dict(_list_products(connections, skus))
    waiting: dict[int, tuple[str, float, dict[str, int | None]]] = {}
    measured: list[dict[str, float]] = []
    due = time.monotonic()
    while len(measured) < count or waiting:
        now = time.monotonic()
        if len(measured) < count and now >= due:
            sku = skus[len(measured) % len(skus)]
            if any(sku == other for other, _, _ in waiting.values()):
                raise SystemExit(f"{sku} is still on its way: there are too few products for so many changes.")
            before = shown(world, sku)
            connections.odoo.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[{
                "product_id": products[sku], "location_id": places[0]["lot_stock_id"],
                "inventory_quantity_auto_apply": 300 + 13 * len(measured),
            }])  # fmt: skip
            waiting[len(measured)] = (sku, time.monotonic(), before)
            measured.append({})
            due = now + rng.uniform(*APART)
        for number, (sku, started, before) in list(waiting.items()):
            for name, quantity in shown(world, sku).items():
                if name not in measured[number] and quantity != before[name]:
                    measured[number][name] = time.monotonic() - started
            if len(measured[number]) == len(LANES):
                del waiting[number]
                seconds_told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in measured[number].items())
                print(f"change {number + 1} of {count}: {seconds_told}", flush=True)
            elif time.monotonic() - started > LATEST:
                raise SystemExit(f"{sku} did not reach every channel within {LATEST:.0f} s, only {measured[number]}.")
        time.sleep(WATCH)
    return measured


def settled(world: Any, connections: Any) -> None:
    """Every listing that was changed shows the figure that was decided for it. Raises SystemExit if not."""
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT channel, sku, target FROM commerce.inventory_targets WHERE target > 250")
        wrong = [row for row in cursor.fetchall() if shown(world, row[1])[row[0]] != row[2]]
    if wrong:
        raise SystemExit(f"Listings that do not show what was decided: {wrong}.")


def offered(connections: Any) -> list[str]:
    """SKUs that the merchant ships on every channel, in a random order."""
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT sku FROM commerce.inventory_targets WHERE target IS NOT NULL AND units = 1 AND sku = code"
            " AND product_id IN (SELECT product_id FROM commerce.stock_levels WHERE kind = 'stored')"
            " GROUP BY sku HAVING count(DISTINCT channel) = 3 AND count(*) = 3 ORDER BY sku"
        )
        skus = [row[0] for row in cursor.fetchall()]
    random.Random(len(skus)).shuffle(skus)
    return skus


def _list_products(connections: Any, skus: list[str]) -> list[tuple[str, int]]:
    rows = connections.odoo.call(
        "product.product", "search_read", domain=[["default_code", "in", skus]], fields=["default_code"], load=None
    )
    return [(row["default_code"], row["id"]) for row in rows]


def shown(world: Any, sku: str) -> dict[str, int | None]:
    """What each marketplace's stand-in shows of a SKU, which changes in the moment it takes a request."""
    amazon, ebay, shopify = world.channels.values()
    items = [row["item"] for row in shopify.stock.variants.values() if row["sku"] == sku]
    quantities = (
        amazon.listings.offers[sku].quantity,
        next(listing.shown for listing in ebay.listings if listing.sku == sku and not listing.ended),
        shopify.stock.quantities[items[0], WAREHOUSE],
    )
    return dict(zip(LANES, quantities, strict=True))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
