"""hint_to_sale_p95: from a new order at the shop to the confirmed sale order in Odoo, on the demo, by webhook.

**What is measured.** The demo as `make demo` runs it, with its stand-ins, Dagster's daemon, sensors and receiver.
Orders are placed at the shop's stand-in at random moments, which do not depend on the course of the orders before, so
some come while a run is at work. The stand-in sends its webhook at once, signed and by id only. The clock starts when
the order is placed, and stops when its sale order is confirmed in Odoo's stand-in. So that no poll helps, the shop is
polled every ten minutes only. The figure is wall time: on a machine that does other work as well it says little. Each
order must have been confirmed once.

**The baseline** is the median of the same times.

    python -m bench.order_hint ORDERS PORT     the demo, in the working directory; prints a line per order
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec
import yaml

from commerce_sandbox.world import LANES

from .demo import Times, describe_load, open_demo, run_demo
from .figures import Figure

ORDERS, APART, LATEST = 40, (4.0, 14.0), 180.0  # seconds between two orders, and until one must be confirmed
SHOP, POLL_SECONDS, WATCH_SECONDS = LANES[2], 600, 0.1
CALM_SECONDS = 5.0  # in which the runs that began the demo end


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    count = max(round(ORDERS * size), 2)
    before, times = describe_load(), run_demo("bench.order_hint", count, tell)
    seconds = sorted(row[SHOP] for row in times)
    return [
        Figure(
            name="hint_to_sale_p95", value=quantiles(seconds, n=20, method="inclusive")[-1], unit="s",
            baseline=median(seconds), target=20.0, judged="value", at="most",
            note=f"{len(seconds)} orders, longest {seconds[-1]:.1f} s; {before} before, {describe_load()} after",
        )
    ]  # fmt: skip


def main(count: int, port: int) -> None:
    with open_demo(port, change=_poll_seldom) as (world, _):
        time.sleep(CALM_SECONDS)
        seconds = place(world, count)
    print(msgspec.json.encode(Times(seconds)).decode(), flush=True)


def _poll_seldom(path: Path) -> None:
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    for channel in settings["channels"]:
        if channel["name"] == SHOP:
            channel["poll_seconds"] = POLL_SECONDS
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def place(world: Any, count: int) -> list[dict[str, float]]:
    """Place orders at the shop, and time until each is a confirmed sale order."""
    rng, shop = random.Random(count), world.channels[SHOP]
    waiting: dict[str, float] = {}
    measured: list[dict[str, float]] = []
    placed, due = 0, time.monotonic()
    while placed < count or waiting:
        now = time.monotonic()
        if placed < count and now >= due:
            order = shop.add_new(next(world._fresh[2]), datetime.now(UTC))
            waiting[order["name"]] = time.monotonic()
            placed, due = placed + 1, now + rng.uniform(*APART)
        confirmed = list_confirmed(world)
        for name, started in list(waiting.items()):
            passed = time.monotonic() - started
            if confirmed[name] > 1:
                raise SystemExit(f"Order {name} was confirmed {confirmed[name]} times.")
            if confirmed[name]:
                del waiting[name]
                measured.append({SHOP: passed})
                print(f"order {len(measured)} of {count}: {passed:.1f} s", flush=True)
            elif passed > LATEST:
                raise SystemExit(f"Order {name} was not confirmed within {LATEST:.0f} s.")
        time.sleep(WATCH_SECONDS)
    return measured


def list_confirmed(world: Any) -> Counter[str]:
    """How many confirmed sale orders bear each reference."""
    rows = list(world.odoo.database.rows["sale.order"].values())
    return Counter(str(row["client_order_ref"]) for row in rows if row["state"] == "sale")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
