"""nemesis: `commerce-pipelines dev` is disturbed for ten minutes, then the orders are proved.

**What is measured.** `dev` in a folder of its own, between the stand-ins of three marketplaces and of Odoo. Orders come
in all the time. Every half minute a blow falls, chosen by a seed: SIGKILL of the daemon, the code server, the
webserver, a run, PostgreSQL or `dev` itself, SIGTERM of `dev` (both are started again at once, as a service manager
does), Odoo away for a quarter of a minute, answers of Odoo lost after its work, a marketplace that fails, throttles or
hangs up.

`nemesis_back_to_work` is the time from the end of a blow until the next sale order is made in Odoo, the worst of all
blows; it includes the ten seconds between two polls and the run. The last blow is another one: no new orders come any
more, `dev` is killed while a run works on the last ones, and the time goes until all of them are in Odoo. At the end
every paid order must be exactly one sale order of the same money: `nemesis_orders_wrong` counts those that are not.

The notes say by how much the memory of daemon and code server grew, and the database.

    python -m bench nemesis --size 1       ten minutes; --size 0.1 one minute
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from commerce_sandbox.server import Fault, StandIn
from commerce_sandbox.world import LANES, World

from .figures import Figure
from .service import COMMANDS, Dev, open_world, read_database_size

MINUTES, BETWEEN_SECONDS, ORDER_SECONDS = 10.0, 30.0, 4.0
BACK_SECONDS, SETTLE_SECONDS = 30.0, 300.0
AWAY_SECONDS = 15.0
SEED = 7
LAST, LAST_ORDERS = "kill dev, and no new orders", 4
CALM_SECONDS = 20.0  # without a new sale order, after which nothing waits any more: two polls
BLOWS = (
    "kill daemon", "kill code server", "kill webserver", "kill run", "kill warm process", "kill PostgreSQL",
    "kill dev", "end dev",
    "Odoo away", "Odoo's answers lost", "marketplace fails", "marketplace throttles", "marketplace hangs up",
)  # fmt: skip


class Blow(msgspec.Struct):
    """One blow: what was hit, and the seconds until work went on."""

    name: str
    seconds: float


class Nemesis:
    """Deals the blows, and waits after each until work goes on."""

    def __init__(self, world: World, dev: Dev, rng: random.Random, tell: Callable[[str], None]) -> None:
        self.world, self.dev, self.rng, self.tell = world, dev, rng, tell
        self.blows: list[Blow] = []

    def strike(self, name: str) -> None:
        """Deal one blow, and wait for the next sale order after its end."""
        self.tell(f"{len(self.blows) + 1}. {name}")
        what, _, whom = name.partition(" ")
        if what == "end":
            self.dev.end(signal.SIGTERM)
            self.dev.process = self.dev.start()
        elif whom == "dev":
            self.dev.end(signal.SIGKILL)
            self.dev.process = self.dev.start()
        elif what == "kill":
            pids = self._find(whom)
            with suppress(ProcessLookupError):
                if pids:
                    os.kill(min(pids) if whom == "PostgreSQL" else self.rng.choice(pids), signal.SIGKILL)
        elif name == "Odoo away":
            self._add_fault(self.world.odoo, Fault(times=10**6, drop=True), AWAY_SECONDS)
        elif name == "Odoo's answers lost":
            self._add_fault(self.world.odoo, Fault(times=3, drop=True, after=True), AWAY_SECONDS)
        else:
            faults = {
                "fails": Fault(times=10**6, status=503), "hangs up": Fault(times=10**6, drop=True),
                "throttles": Fault(times=2, status=429, headers={"Retry-After": "5"}),
            }  # fmt: skip
            stand_in = self.world.channels[self.rng.choice(LANES)]
            self._add_fault(stand_in, faults[name.removeprefix("marketplace ")], AWAY_SECONDS)
        self.blows.append(Blow(name, self._wait_for_work()))

    def _find(self, whom: str) -> list[int]:
        if whom == "run":
            return self.dev.find_runs()
        return sorted(self.dev.find_warm()) if whom == "warm process" else self.dev.find(COMMANDS[whom])

    def strike_last(self) -> None:
        """Kill `dev` while a run works on the last orders, when no new ones come that would wake their lane again."""
        self.tell(f"{len(self.blows) + 1}. {LAST}")
        before = -1
        while before != self.sales():  # what came earlier is not dealt with yet
            before = self.sales()
            time.sleep(CALM_SECONDS)
        goal = before + LAST_ORDERS
        for turn in range(LAST_ORDERS):
            _add_order(self.world, turn)
        self.dev.wait_until(lambda: bool(self.dev.find_runs()))
        self.dev.end(signal.SIGKILL)
        self.dev.process = self.dev.start()
        began = time.monotonic()
        while self.sales() < goal and time.monotonic() - began < SETTLE_SECONDS:
            time.sleep(0.2)
        self.blows.append(Blow(LAST, time.monotonic() - began))

    def _add_fault(self, stand_in: StandIn, fault: Fault, seconds: float) -> None:
        stand_in.faults.append(fault)
        time.sleep(seconds)
        fault.times = 0

    def _wait_for_work(self) -> float:
        began, before = time.monotonic(), self.sales()
        while self.sales() == before and time.monotonic() - began < SETTLE_SECONDS:
            time.sleep(0.2)
        return time.monotonic() - began

    def sales(self) -> int:
        return len(self.world.odoo.database.rows["sale.order"])


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    seconds = MINUTES * 60 * size
    with open_world() as (world, folder):
        dev = Dev(folder)
        try:
            nemesis = Nemesis(world, dev, random.Random(SEED), tell)
            today = datetime.now(ZoneInfo("Europe/Berlin")).date()
            stop = threading.Event()
            orders = threading.Thread(target=_add_orders, args=(world, stop), daemon=True)
            orders.start()
            tell("waiting for the first order in Odoo")
            dev.wait_until(lambda: nemesis.sales() > 0)
            sizes = [(_read_memory(dev), read_database_size(folder))]
            deadline = time.monotonic() + seconds
            names: list[str] = []
            while time.monotonic() < deadline:
                names = names or nemesis.rng.sample(BLOWS, len(BLOWS))
                nemesis.strike(names.pop())
                time.sleep(max(0.0, min(BETWEEN_SECONDS, deadline - time.monotonic())))
            stop.set()
            orders.join()
            nemesis.strike_last()
            tell("until every order is dealt with")
            wrong = _prove(folder, today, tell)
            sizes.append((_read_memory(dev), read_database_size(folder)))
        finally:
            with suppress(subprocess.TimeoutExpired):
                dev.end(signal.SIGTERM)
    doubled = [ref for ref, times in Counter(_list_references(world)).items() if times > 1]
    return _build_figures(nemesis.blows, wrong + len(doubled), nemesis.sales(), sizes)


def _build_figures(
    blows: list[Blow], wrong: int, sales: int, sizes: list[tuple[dict[str, float], float]]
) -> list[Figure]:
    worst = max(blows, key=lambda blow: blow.seconds)
    waits = sorted(blow.seconds for blow in blows)
    (before, small), (after, large) = sizes
    grown = ", ".join(f"{name} {before.get(name, 0):.0f} -> {after.get(name, 0):.0f} MB" for name in after)
    growth = f"{grown}; database {small:.0f} -> {large:.0f} MB"
    return [
        Figure(
            name="nemesis_orders_wrong", value=wrong, unit="orders", baseline=sales, target=0,
            judged="value", at="most",
            note=f"lost, doubled or of other money, of {sales} sale orders, after {len(blows)} blows; {growth}",
        ),
        Figure(
            name="nemesis_back_to_work", value=worst.seconds, unit="s", baseline=waits[len(waits) // 2],
            target=BACK_SECONDS, judged="value", at="most",
            note=f"worst after: {worst.name}; baseline is the median; "
            + ", ".join(f"{blow.name} {blow.seconds:.0f}" for blow in blows)
            + f"; load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores",
        ),
    ]  # fmt: skip


def _add_orders(world: World, stop: threading.Event) -> None:
    """Add an order every few seconds, at eBay and Shopify in turn: Amazon allows one search in three minutes only."""
    for turn in count():
        if stop.wait(ORDER_SECONDS):
            return
        _add_order(world, turn)


def _add_order(world: World, turn: int) -> None:
    place = 1 + turn % 2
    world.channels[LANES[place]].add_new(next(world._fresh[place]), datetime.now(UTC))


def _prove(folder: Path, since: date, tell: Callable[[str], None]) -> int:
    """Orders since a day that are missing, surplus or of another amount: once everything is loaded, at the latest after
    five minutes. Older orders of the demo's world do not count, because no backfill asks for them."""
    import json

    deadline = time.monotonic() + SETTLE_SECONDS
    wrong = 1
    while wrong and time.monotonic() < deadline:
        time.sleep(10)
        command = [sys.executable, "-m", "commerce_pipelines.cli.main", "report", "--json", "--from", str(since)]
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
        with suppress(ValueError, IndexError):
            channels = json.loads(answer.stdout.strip().splitlines()[-1])["channels"].values()
            wrong = sum(
                len(row["missing"] + row["on_the_way"]) + (row["money_difference"] != "0.00") for row in channels
            )
            tell(f"{wrong} wrong so far")
    return wrong


def _list_references(world: World) -> list[str]:
    rows = world.odoo.database.rows["sale.order"].values()
    return [str(row["client_order_ref"]) for row in rows if row["state"] != "cancel"]


def _read_memory(dev: Dev) -> dict[str, float]:
    """MB of the long-lived processes."""
    sizes = {}
    for name in ("daemon", "code server"):
        pages = 0
        for pid in dev.find(COMMANDS[name]):
            with suppress(OSError):
                pages = max(pages, int(Path(f"/proc/{pid}/statm").read_text().split()[1]))
        sizes[name] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return sizes
