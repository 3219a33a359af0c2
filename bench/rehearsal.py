"""rehearsal_10k: 10,000 landed orders decided by two sets of settings and compared.

**What is measured.** CPU seconds of this process for `flows.rehearsal.rehearse`: both sides open and translate every
answer, decide it, look up Odoo's names and products over HTTP, and keep the differences (one side declares by the Union
scheme, the other does not). The stand-in of Odoo works in the same process, so its CPU is in the figure.

**What is not.** Landing the orders. The baseline is one side alone, without comparison.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.rehearsal import decide_all, rehearse
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn, demo_orders

from .backfill_twice import NAME, SETTINGS
from .database import MASTER_KEY_TEXT, server
from .figures import Figure
from .measure import cpu_seconds

ORDERS, DAYS, SEED = 10_000, 20, 1


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ |= {"BENCH_PASSWORD": "admin", "BENCH_TOKEN": "shpat_sandbox"}
    count, now = max(int(ORDERS * size), 100), datetime.now(UTC)
    end = now.date() + timedelta(days=1)
    start = end - timedelta(days=DAYS + 1)
    with server() as database, ShopifyStandIn() as shop, OdooStandIn(demo_database(CATALOGUE)) as odoo:
        for order in demo_orders(SEED, DAYS, now, CATALOGUE):
            shop.add(order)
        settings = parse(SETTINGS.format(odoo=odoo.url, shop=shop.url, start=start))
        keys = {"COMMERCE_DATABASE_URL": database.fresh(), "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
        connections = open_connections(settings, keys)
        pull(connections, NAME, start, end)
        tell(f"{count:,} orders are landed")
        landed = multiply(connections, count)
        tell("one side is decided")
        before = cpu_seconds()
        decided = sum(1 for _ in decide_all(connections, [NAME], start, end, ()))
        alone = cpu_seconds() - before
        tell("both sides are compared")
        vat = msgspec.structs.replace(settings.vat, oss=not settings.vat.oss)
        before, started = cpu_seconds(), time.perf_counter()
        done = rehearse(connections, msgspec.structs.replace(settings, vat=vat), DAYS + 2)
        seconds, waited = cpu_seconds() - before, time.perf_counter() - started
        connections.warehouse.close()
    assert done.rehearsal.records >= decided >= landed
    assert done.rehearsal.differing
    return [
        Figure(
            name="rehearsal_10k",
            value=seconds,
            unit="CPU s",
            baseline=alone,
            target=60.0,
            judged="value",
            at="most",
            note=f"{done.rehearsal.records:,} orders, {done.rehearsal.differing:,} differ, {waited:.0f} s of wall time",
        )
    ]


def multiply(connections: Connections, count: int) -> int:
    """Land copies of what is landed, under ids of their own, until there are `count`; returns how many there are."""
    source, landing = connections.channel(NAME).orders, connections.landing(NAME, Topic.ORDERS)
    now = connections.instruments.now()
    raws = [
        (snapshot.record_id, snapshot.raw)
        for snapshot in landing.newest(now.date() - timedelta(days=DAYS + 2), now.date() + timedelta(days=1))
        if snapshot.raw
    ]
    there = len(raws)
    for turn in range(1, count // max(there, 1) + 2):
        if there >= count:
            break
        copies = []
        for record_id, raw in raws[: count - there]:
            copy = raw.replace(record_id.encode(), f"{turn}{record_id}".encode())
            copies.append((source.head(copy), copy))
        there += landing.land(copies, "pull", now).new
    return there
