"""delivery_to_request_p95: from a delivery that leaves in Odoo to the request that tells its channel, on the demo.

**What is measured.** The demo as `make demo` runs it, with its stand-ins, Dagster's daemon and sensors, and nobody
buying. Deliveries are validated in Odoo's stand-in, with a tracking number, at random moments. The moments do not
depend on the course of the deliveries before, so some leave while a run is at work. The clock starts when the delivery
is done in Odoo, and stops when the marketplace's stand-in has taken the parcel. The figure is wall time: on a machine
that does other work as well it says little. Each parcel must have been told once.

**The baseline** is the median of the same times.

    python -m bench.delivery_told DELIVERIES PORT     the demo, in the working directory; prints a line per delivery
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from itertools import chain, zip_longest
from statistics import median, quantiles
from typing import Any

import msgspec

from commerce_sandbox.world import LANES

from .demo import Times, describe_load, open_demo, run_demo
from .figures import Figure

DELIVERIES, APART, LATEST = 24, (6.0, 18.0), 180.0  # seconds between two deliveries, and until one must be told
WATCH_SECONDS = 0.1


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    count = max(round(DELIVERIES * size), len(LANES))
    before, times = describe_load(), run_demo("bench.delivery_told", count, tell)
    by_channel = {name: [row[name] for row in times if name in row] for name in LANES}
    every = sorted(chain.from_iterable(by_channel.values()))
    medians = ", ".join(f"{name} {median(seconds):.1f}" for name, seconds in by_channel.items() if seconds)
    return [
        Figure(
            name="delivery_to_request_p95", value=quantiles(every, n=20, method="inclusive")[-1], unit="s",
            baseline=median(every), target=30.0, judged="value", at="most",
            note=f"{len(every)} deliveries, longest {every[-1]:.1f} s; medians {medians}; {before} before, "
            f"{describe_load()} after",
        )
    ]  # fmt: skip


def main(count: int, port: int) -> None:
    with open_demo(port) as (world, connections):
        seconds = ship(world, count)
        settle(connections, count)
    print(msgspec.json.encode(Times(seconds)).decode(), flush=True)


def ship(world: Any, count: int) -> list[dict[str, float]]:
    """Deliveries of the channels in turn leave, and are timed until their marketplace has each."""
    rng, leaving = random.Random(count), list_leaving(world)[:count]
    if len(leaving) < count:
        raise SystemExit(f"Only {len(leaving)} deliveries are ready in the demo.")
    waiting: dict[str, tuple[str, float]] = {}
    measured: list[dict[str, float]] = []
    due = time.monotonic()
    while leaving or waiting:
        now = time.monotonic()
        if leaving and now >= due:
            name, reference = leaving.pop(0)
            world.odoo.ship([reference])
            waiting[reference] = (name, time.monotonic())
            due = now + rng.uniform(*APART)
        for reference, (name, started) in list(waiting.items()):
            passed = time.monotonic() - started
            if reference not in world.after_sale.list_open(name):
                del waiting[reference]
                measured.append({name: passed})
                print(f"delivery {len(measured)} of {count}: {name} {passed:.1f} s", flush=True)
            elif passed > LATEST:
                raise SystemExit(f"{name} was not told of {reference} within {LATEST:.0f} s.")
        time.sleep(WATCH_SECONDS)
    return measured


def list_leaving(world: Any) -> list[tuple[str, str]]:
    """(channel, reference of the order) of deliveries that are ready and of which nothing has left, the channels in
    turn."""
    ready = list(dict.fromkeys(world.odoo.list_waiting()))
    by_channel = []
    for name in LANES:
        still_open = world.after_sale.list_open(name)
        by_channel.append([(name, reference) for reference in ready if reference in still_open])
    return [pair for turn in zip_longest(*by_channel) for pair in turn if pair]


def settle(connections: Any, count: int) -> None:
    """Each parcel is on record as told, once. Raises SystemExit if not."""
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT status, count(*) FROM commerce.effects WHERE kind = 'shipment' GROUP BY status")
        statuses = dict(cursor.fetchall())
    if statuses != {"accepted": count}:
        raise SystemExit(f"{count} deliveries left, and the parcels' effects are {statuses}.")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
