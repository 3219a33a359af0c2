"""writers_cpu, writers_throughput: several writers of orders into one real Odoo 19.

**What is compared.** One writer and several, by what a run does with its drafts (`flows/orders/in_parts.py`), behind
the same locks in PostgreSQL: two-line orders, three in five of new customers, whose products are shared by few
(disjoint work) or by all (shared work).

- `writers_cpu`: CPU time of Odoo's processes and of its database's sessions per order, with three writers, beside one
  writer's. Client and our own PostgreSQL do not count.
- `writers_throughput`: orders per second with two writers, beside one's, on disjoint work. Two cores bear no more
  writers than two; the note names the machine.

**Why it is fair.** All turns use one server and one database, whose orders become more; the numbers of writers take
turns. Caches are warm. Each figure is the mean of all turns of a kind.

Needs what odoo_load.py needs, of an Odoo on this machine with three workers or more. The orders stay in its database.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from commerce_pipelines.channels.capabilities import AccountId
from commerce_pipelines.channels.settings import ChannelSettings
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.flows.odoo_writer import odoo_writers
from commerce_pipelines.flows.orders.in_parts import load_drafts
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines.odoo.rpc.settings import OdooSettings
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import Settings, parse

from .database import MASTER_KEY_TEXT, server
from .figures import Figure
from .odoo_orders import World
from .odoo_server import connected

ORDERS, ROUNDS = 240, 3
GROUPS, PRODUCTS = 24, 10  # disjoint work: orders of one group share ten products, those of two groups none
CHANNELS = ("bench", "bench_two", "bench_three", "bench_four")
_TICKS = os.sysconf("SC_CLK_TCK")


class Turn(msgspec.Struct, frozen=True):
    """What one turn took: orders, seconds by the clock, CPU-seconds of Odoo and of its database, and collisions."""

    orders: int
    seconds: float
    cpu: float
    collisions: int


class _Channel:
    """A channel of which nothing is asked but whose account it is."""

    def __init__(self, name: str) -> None:
        self.account, self._name = self, name

    def probe(self) -> AccountId:
        return AccountId(account_id=self._name, description=self._name)


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    client, odoo, _ = connected()
    with server() as database:
        url = database.fresh()
        tell("products and customers are created")
        apart, together = make_worlds(client)
        turns: dict[tuple[str, int], list[Turn]] = defaultdict(list)
        count = max(int(ORDERS * size), 8)
        take_turn(url, odoo, 1, draw(apart, 8))
        for number in range(ROUNDS):
            for writers in (1, 2, 3):
                for kind, worlds in (("disjoint", apart), ("shared", together)):
                    if kind == "disjoint" or number == 0:
                        tell(f"round {number + 1} of {ROUNDS}: {count} orders, {kind}, {writers} writers")
                        turns[kind, writers].append(take_turn(url, odoo, writers, draw(worlds, count)))
        return _build_figures(turns)


def make_worlds(client: Client) -> tuple[list[World], list[World]]:
    """(worlds for disjoint work, the one for shared work)."""
    apart = [World(client, secrets.token_hex(4), PRODUCTS, 6) for _ in range(GROUPS)]
    return apart, [World(client, secrets.token_hex(4), 4 * PRODUCTS, 60)]


def take_turn(url: str, odoo: OdooSettings, writers: int, drafts: Sequence[SaleDraft]) -> Turn:
    """Load these drafts with so many writers. Each must become a confirmed order."""
    with open_doors(url, odoo, writers) as connections, odoo_writers(connections, CHANNELS[0]) as turns:
        before, started = read_cpu(odoo), time.perf_counter()
        outcomes = list(load_drafts(turns, connections, CHANNELS[0], drafts, {}, None))
        seconds, cpu = time.perf_counter() - started, read_cpu(odoo) - before
    assert sum(outcome.state == "sale" for outcome in outcomes) == len(drafts), [o.code for o in outcomes if o.code][:3]
    return Turn(len(drafts), seconds, cpu, turns.client.collisions.count)


def read_cpu(odoo: OdooSettings) -> float:
    """CPU-seconds until now of Odoo's processes, ended workers included, and of the sessions of its database."""
    seconds = 0.0
    session = re.compile(rf"^postgres: \S+ {re.escape(odoo.database)} ")
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            times = (place / "stat").read_text().rpartition(")")[2].split()[11:15]
        except OSError:
            continue
        words = command.split()
        if session.match(command):
            seconds += sum(map(int, times[:2])) / _TICKS
        elif odoo.database in words and any(word.endswith("odoo-bin") or word.endswith("/odoo") for word in words):
            seconds += sum(map(int, times)) / _TICKS
    return seconds


def draw(worlds: Sequence[World], count: int) -> list[SaleDraft]:
    """New orders, of each world in turn."""
    of_world = [world.drafts(world.orders(-(-count // len(worlds)))) for world in worlds]
    return [draft for drafts in zip(*of_world, strict=True) for draft in drafts][:count]


@contextmanager
def open_doors(url: str, odoo: OdooSettings, writers: int) -> Iterator[Connections]:
    """Doors of a process of its own."""

    def open_channel(settings: ChannelSettings, *_: Any) -> Any:
        return _Channel(settings.name)

    environ = {"COMMERCE_DATABASE_URL": url, "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
    connections = open_connections(_build_settings(odoo, writers), environ, channels=open_channel)
    try:
        yield connections
    finally:
        connections.warehouse.close()


def _build_settings(odoo: OdooSettings, writers: int) -> Settings:
    channels = [
        f"{{name: {name}, kind: shopify, shop: {name.replace('_', '-')}.myshopify.com, start_date: 2025-01-01, "
        f"credentials: {{access_token: {{env: {name.upper()}}}}}}}"
        for name in CHANNELS
    ]
    for name in CHANNELS:
        os.environ.setdefault(name.upper(), name)
    text = "odoo: {url: 'http://127.0.0.1', database: d, username: u, password: {env: ODOO_PASSWORD}}\n"
    settings = parse(f"{text}channels: [{', '.join(channels)}]\n")
    return msgspec.structs.replace(settings, odoo=msgspec.structs.replace(odoo, writers=writers))


def _build_figures(turns: dict[tuple[str, int], list[Turn]]) -> list[Figure]:
    cpu = {key: sum(t.cpu for t in of) / sum(t.orders for t in of) * 1000 for key, of in turns.items()}
    rate = {key: sum(t.orders for t in of) / sum(t.seconds for t in of) for key, of in turns.items()}
    collisions = {key: sum(t.collisions for t in of) for key, of in turns.items()}
    note = "; ".join(
        f"{kind}, {writers} writers: {cpu[kind, writers]:.0f} ms, {rate[kind, writers]:.1f} orders a second, "
        f"{collisions[kind, writers]} collisions"
        for kind, writers in sorted(turns)
    )
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return [
        Figure(
            name="writers_cpu", value=cpu["disjoint", 3], unit="ms of CPU an order", baseline=cpu["disjoint", 1],
            target=1.15, at="most", note=note,
        ),
        Figure(
            name="writers_throughput", value=rate["disjoint", 2], unit="orders per second",
            baseline=rate["disjoint", 1], target=1.6, note=machine,
        ),
    ]  # fmt: skip
