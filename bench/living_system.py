"""living_system: what `commerce-pipelines dev` costs a minute, when nothing happens and under a merchant's load.

**What is measured.** `dev` in a folder of its own, between the stand-ins of three marketplaces and of Odoo, once it has
dealt with the orders of the day: two minutes in which nothing happens, then five in which twelve orders a minute are
placed, at eBay and Shopify in turn, and products are counted in Odoo five times a minute. Amazon is polled, too, but
its buyers rest, because it allows one search in three minutes only.

`living_idle_cpu` and `living_load_cpu` are CPU-seconds a minute of all processes of `dev` and its PostgreSQL, user and
system. Odoo and the marketplaces are stand-ins in the benchmark's own process and do not count. The notes name each
kind of process, and the sessions that PostgreSQL began.

`living_order_p95` is wall time from the landing of an order, which is the poll that saw it, until its sale order is
confirmed in Odoo; the baseline is the median. `living_stock_p95` is wall time from a count in Odoo until the listing of
eBay and that of Shopify show it. `living_order_bytes` is by how much our own tables and indexes grew for each order,
rows that the next vacuum frees included. PostgreSQL's maps of free space and visibility do not count: a small table
gets 32 KB of them at its first vacuum, once. Dagster's history of runs is stated beside it: it is pruned after
`privacy.history_days`.

    python -m bench living_system --size 1       seven minutes and the start; --size 0.2 shorter
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec

from commerce_pipelines.core.lanes import FLOW_TAG
from commerce_sandbox.world import LANES, World

from .figures import Figure
from .service import COMMANDS, Dev, list_descendants, open_world

IDLE_SECONDS, LOAD_SECONDS, QUIET_SECONDS, LATEST_SECONDS = 120.0, 300.0, 20.0, 40.0
ORDERS_A_MINUTE, COUNTS_A_MINUTE = 12, 5
FEW_UNITS = 60  # no order takes more
SEED = 5


class Use(msgspec.Struct):
    """What the service has used since it began: CPU-seconds by kind of process, sessions, bytes of our own tables and
    of Dagster's, runs by flow."""

    at: float
    seconds: Counter[str]
    sessions: int
    ours: int
    dagsters: int
    runs: Counter[str]


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    with open_world() as (world, folder):
        world.odoo.webhook = world.hint_url
        dev = Dev(folder)
        try:
            tell("waiting for the orders of the day")
            dev.wait_until(lambda: bool(_list_confirmed(world)))
            _wait_until_quiet(world)
            tell("nothing happens")
            before = _read_use(dev)
            time.sleep(IDLE_SECONDS * size)
            idle = _read_use(dev)
            tell("orders and counts")
            confirmed, shown = _add_load(world, LOAD_SECONDS * size)
            load = _read_use(dev)
            waits = _compute_waits(confirmed)
        finally:
            with suppress(subprocess.TimeoutExpired):
                dev.end(signal.SIGTERM)
    return [
        _build_cpu("living_idle_cpu", before, idle, target=2.0),
        _build_cpu("living_load_cpu", idle, load, target=18.0),
        Figure(
            name="living_order_p95", value=quantiles(waits, n=20, method="inclusive")[-1], unit="s",
            baseline=median(waits), target=12.0, judged="value", at="most", note=f"{len(waits)} orders",
        ),
        Figure(
            name="living_stock_p95", value=quantiles(shown, n=20, method="inclusive")[-1], unit="s",
            baseline=median(shown), target=10.0, judged="value", at="most", note=f"{len(shown)} listings",
        ),
        Figure(
            name="living_order_bytes", value=(load.ours - idle.ours) / 1e3 / max(len(waits), 1), unit="kB",
            baseline=0, target=20.0, judged="value", at="most",
            note=f"and {(load.dagsters - idle.dagsters) / 1e3 / max(len(waits), 1):.0f} kB of history, which is pruned",
        ),
    ]  # fmt: skip


def _build_cpu(name: str, before: Use, after: Use, target: float) -> Figure:
    minutes = (after.at - before.at) / 60
    parts = after.seconds - before.seconds
    parts_of_it = ", ".join(f"{kind} {seconds / minutes:.1f}" for kind, seconds in parts.most_common())
    begun = after.runs - before.runs
    runs = ", ".join(f"{flow} {count / minutes:.1f}" for flow, count in begun.most_common()) or "none"
    return Figure(
        name=name, value=parts.total() / minutes, unit="CPU-s a minute", baseline=0, target=target, judged="value",
        at="most",
        note=f"{parts_of_it}; runs a minute: {runs}; "
        f"{(after.sessions - before.sessions) / minutes:.0f} sessions of PostgreSQL a minute; load "
        f"{os.getloadavg()[0]:.1f} of {os.cpu_count()} cores",
    )  # fmt: skip


def _wait_until_quiet(world: World) -> None:
    """Until no sale order was confirmed for a while."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        if (now := len(_list_confirmed(world))) != count:
            count, since = now, time.monotonic()
        time.sleep(0.5)


def _add_load(world: World, seconds: float) -> tuple[dict[str, float], list[float]]:
    """Place orders and count products; returns when each order was confirmed (seconds since the epoch), by its number,
    and how many seconds the counts took to each listing. Waits for the last ones; a few of the demo's orders are odd on
    purpose, and are never confirmed."""
    rng, placed, counted = random.Random(SEED), 0, 0
    confirmed, counts = dict.fromkeys(_list_confirmed(world), 0.0), Counts(world)
    began, last = time.monotonic(), 0.0
    while (gone := time.monotonic() - began) < max(seconds, last + LATEST_SECONDS):
        if gone < seconds and gone * ORDERS_A_MINUTE / 60 >= placed:
            place = 1 + placed % 2
            world.channels[LANES[place]].add_new(next(world._fresh[place]), datetime.now(UTC))
            placed += 1
        if gone < seconds and gone * COUNTS_A_MINUTE / 60 >= counted:
            counts.count(_count_product(rng))
            counted += 1
        counts.look()
        for number in _list_confirmed(world):
            if number not in confirmed:
                confirmed[number], last = time.time(), gone
        time.sleep(0.05)
    return {number: at for number, at in confirmed.items() if at}, counts.seconds


class Counts:
    """The counts that the listings do not show yet. An order moves a quantity by a few units, a count by many."""

    def __init__(self, world: World) -> None:
        self._counters = {name: world.counters[name] for name in LANES[1:]}
        self._waiting: dict[tuple[str, str], tuple[float, int]] = {}
        self.seconds: list[float] = []

    def _read(self) -> dict[tuple[str, str], int]:
        return {
            (name, offer.sku): offer.quantity
            for name, counter in self._counters.items()
            for offer in counter.list_offers()
            if offer.quantity is not None
        }

    def count(self, sku: str) -> None:
        """This article was counted a moment ago."""
        now = time.monotonic()
        for key, quantity in self._read().items():
            if key[1] == sku:
                self._waiting.setdefault(key, (now, quantity))

    def look(self) -> None:
        shown = self._read() if self._waiting else {}
        for key, (since, before) in list(self._waiting.items()):
            if abs(shown[key] - before) > FEW_UNITS:
                self.seconds.append(time.monotonic() - since)
                del self._waiting[key]


def _count_product(rng: random.Random) -> str:
    """Somebody counts a product that is stored, and finds far more or less than before: the stand-in of Odoo sends its
    hint. Returns the product's SKU."""
    connections = _open_connections()
    (place,) = connections.odoo.call(
        "stock.warehouse", "search_read", domain=[["code", "=", "WH"]], fields=["lot_stock_id"], load=None
    )
    products = connections.odoo.call(
        "product.product", "search_read", domain=[["is_storable", "=", True]],
        fields=["default_code", "qty_available"], order="id",
    )  # fmt: skip
    product = rng.choice(products)
    connections.odoo.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[{
        "product_id": product["id"], "location_id": place["lot_stock_id"],
        "inventory_quantity_auto_apply": rng.randrange(200, 400) + 500 * (product["qty_available"] < 450),
    }])  # fmt: skip
    return str(product["default_code"])


def _compute_waits(confirmed: dict[str, float]) -> list[float]:
    """Seconds from the first landing of each order to its confirmation."""
    with _open_connections().warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, extract(epoch FROM min(first_seen))::float FROM commerce.orders o JOIN commerce.snapshots s"
            " ON (s.channel, s.topic, s.record_id) = (o.channel, 'orders', o.order_id) GROUP BY number"
        )
        landed = dict(cursor.fetchall())
    return [max(0.0, at - landed[number]) for number, at in confirmed.items() if number in landed]


def _open_connections() -> Any:
    """The pipelines' own doors, opened once, in the benchmark's process."""
    from commerce_pipelines.resources.connections import open_connections
    from commerce_pipelines.settings import file

    if "doors" not in _kept:
        _kept["doors"] = open_connections(file.load())
    return _kept["doors"]


_kept: dict[str, Any] = {}


def _list_confirmed(world: World) -> set[str]:
    rows = list(world.odoo.database.rows["sale.order"].values())
    return {str(row["client_order_ref"]) for row in rows if row["state"] == "sale"}


def _read_use(dev: Dev) -> Use:
    """A process that ends between two looks counts for its parent, which has waited for it."""
    seconds = Counter[str]()
    kinds = {
        pid: kind for kind in ("daemon", "code server", "webserver", "PostgreSQL") for pid in dev.find(COMMANDS[kind])
    }
    runs = list_descendants({pid for pid, kind in kinds.items() if kind == "daemon"}) - kinds.keys()
    every = {dev.process.pid, *list_descendants({dev.process.pid}), *dev.find(COMMANDS["PostgreSQL"])}
    ticks = os.sysconf("SC_CLK_TCK")
    for pid in every:
        with suppress(OSError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            kind = "runs" if pid in runs else kinds.get(pid, "dev")
            seconds[kind] += sum(map(int, fields[11:15])) / ticks  # type: ignore[assignment]
    with closing(_open_connections().warehouse.connect()) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT sum(sessions) FROM pg_stat_database WHERE datname IS NOT NULL")
        (sessions,) = cursor.fetchone()
        cursor.execute(
            "SELECT sum(size) FILTER (WHERE ours), sum(size) FILTER (WHERE NOT ours) FROM"
            " (SELECT nspname = 'commerce' AS ours, pg_total_relation_size(c.oid)"
            " - pg_relation_size(c.oid, 'fsm') - pg_relation_size(c.oid, 'vm') AS size"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind = 'r' AND nspname IN ('commerce', 'public')) tables"
        )
        ours, dagsters = cursor.fetchone()
        cursor.execute("SELECT value, count(*) FROM run_tags WHERE key = %s GROUP BY value", (FLOW_TAG,))
        flows = Counter({str(flow): int(count) for flow, count in cursor.fetchall()})
    return Use(time.monotonic(), seconds, int(sessions), int(ours), int(dagsters), flows)
