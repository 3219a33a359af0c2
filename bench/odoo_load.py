"""odoo_load_vs_loop, odoo_load_vs_shell: loading and confirming orders in a real Odoo 19.

**What is compared.** Two-line orders, three in five of new customers, by `odoo.sales.sale_orders.load_sales` (what a
run does), by the usual loop over odoorpc (odoo_loop.py), and by the same creates and confirms inside Odoo's own shell
(odoo_shell.py). The figure is orders per second.

**Why it is fair.** All use one server, one database, the same products and taxes, and orders drawn in the same way.
They take many short turns one after the other, and the best turn of each counts: over a network only wall time can be
measured, and other work on the machine makes a turn slower, never faster. Caches are warm for all. Ours does more than
the others: it writes external ids of orders and lines, searches for what is there already, and compares each total with
the channel's before it confirms.

Needs ODOO_URL, ODOO_DATABASE, ODOO_USERNAME and ODOO_PASSWORD of a database that may be filled, and for the second
figure ODOO_SHELL (see odoo_shell.py). The orders stay in the database.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable

import odoorpc

from commerce_pipelines.odoo.rpc.settings import OdooSettings
from commerce_pipelines.odoo.sales.sale_orders import load_sales

from . import odoo_loop, odoo_shell
from .figures import Figure
from .odoo_orders import Row, World
from .odoo_server import connected

ORDERS, LOOP, TURNS, WARM = 800, 192, 8, 10


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    client, settings, password = connected()
    scheme, host, port = settings.address
    odoo = odoorpc.ODOO(host, "jsonrpc+ssl" if scheme == "https" else "jsonrpc", port, timeout=600)
    odoo.login(settings.database, settings.username, password)
    shell = os.environ.get("ODOO_SHELL", "")

    tell("products and customers are created")
    world = World(client, secrets.token_hex(4))
    first = world.orders(WARM)
    ours(world, settings, first)  # what a run creates only once: taxes that include the price, pricelists
    taxes = world.taxes_of(first[0])
    odoo_loop.load(odoo, world.orders(2), taxes, world.country)
    turn, looped = max(int(ORDERS * size) // TURNS, 2), max(int(LOOP * size) // TURNS, 2)
    rates: dict[str, list[float]] = {"loop": [], "ours": [], "shell": []}
    for number in range(TURNS):
        where = f"turn {number + 1} of {TURNS}:"
        tell(f"{where} {looped} orders by the loop")
        rows = world.orders(looped)
        started = time.perf_counter()
        assert odoo_loop.load(odoo, rows, taxes, world.country) == looped
        rates["loop"].append(looped / (time.perf_counter() - started))
        tell(f"{where} {turn} orders by ours")
        rates["ours"].append(turn / ours(world, settings, world.orders(turn)))
        if shell:
            tell(f"{where} {turn} orders in Odoo's shell")
            seconds = odoo_shell.load(
                shell, world.orders(WARM), world.orders(turn), world.products, taxes, world.country, settings.batch
            )  # fmt: skip
            rates["shell"].append(turn / seconds)
    turns = "; ".join(
        f"{who} {', '.join(f'{rate:.1f}' for rate in measured)}" for who, measured in rates.items() if measured
    )
    figures = [_build_figure("odoo_load_vs_loop", rates["ours"], rates["loop"], 4.0, turns)]
    if shell:
        figures.append(_build_figure("odoo_load_vs_shell", rates["ours"], rates["shell"], 0.85, turns))
    else:
        tell("odoo_load_vs_shell is left out: ODOO_SHELL is not set")
    return figures


def ours(world: World, settings: OdooSettings, rows: list[Row]) -> float:
    """Seconds that load_sales takes for these drafts. Each of them must become a confirmed order."""
    drafts = world.drafts(rows)
    started = time.perf_counter()
    outcomes = list(load_sales(world.client, settings, drafts, ()))
    seconds = time.perf_counter() - started
    refused = [f"{outcome.code}: {outcome.message}" for outcome in outcomes if outcome.state != "sale"]
    assert len(outcomes) == len(rows), f"{len(outcomes)} outcomes of {len(rows)} orders"
    assert not refused, refused[:3]
    return seconds


def _build_figure(name: str, rates: list[float], baseline: list[float], target: float, turns: str) -> Figure:
    return Figure(
        name=name, value=max(rates), unit="orders per second", baseline=max(baseline), target=target, note=turns
    )  # fmt: skip
