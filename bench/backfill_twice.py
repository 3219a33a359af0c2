"""backfill_twice_writes: a 30-day backfill, run twice; the second must write nothing to Odoo.

**What is measured.** The sandbox's Shopify shop with 30 days of orders (the odd ones among them: edits, refunds, gift
cards, unknown products) is pulled, staged and loaded into the Odoo stand-in over HTTP, as one backfill run does it.
Then the same is done again. The figure is the number of calls of the second run that could write, which their method
shows; the baseline is the number of the first run.

What belongs here: counting these calls. What does not: the stand-ins (commerce_sandbox/), the flow itself (flows/).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders.load import load
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.tables.frames import read_frame, replace_days
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn, demo_orders

from .database import MASTER_KEY_TEXT, server
from .figures import Figure

DAYS, SEED, NAME = 30, 7, "shop"
READS = frozenset(("read", "search", "search_read", "search_count", "fields_get", "context_get", "has_access",
                   "read_group", "default_get", "name_search"))  # fmt: skip
SETTINGS = """
odoo: {{url: "{odoo}", database: demo, username: admin, password: {{env: BENCH_PASSWORD}}}}
vat: {{seller_country: DE, oss: true}}
channels:
  - {{name: shop, kind: shopify, shop: demo.myshopify.com, endpoint: "{shop}", carrier_fallback: Standard,
     channel_warehouse: FBA, start_date: {start}, credentials: {{access_token: {{env: BENCH_TOKEN}}}}}}
"""


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ |= {"BENCH_PASSWORD": "admin", "BENCH_TOKEN": "shpat_sandbox"}
    now = datetime.now(UTC)
    days = max(int(DAYS * size), 2)
    end = now.date() + timedelta(days=1)
    start = end - timedelta(days=days + 1)
    with server() as database, ShopifyStandIn() as shop, OdooStandIn(demo_database(CATALOGUE)) as odoo:
        for order in demo_orders(SEED, days, now, CATALOGUE):
            shop.add(order)
        settings = parse(SETTINGS.format(odoo=odoo.url, shop=shop.url, start=start))
        keys = {"COMMERCE_DATABASE_URL": database.fresh(), "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
        connections = open_connections(settings, keys)
        writes = []
        for number in (1, 2):
            tell(f"backfill of {days} days, run {number}")
            seen = len(odoo.calls)
            in_odoo = backfill(connections, start, end)
            writes.append(sum(is_write(call) for call in odoo.calls[seen:]))
        connections.warehouse.close()
    assert in_odoo, "no order arrived in Odoo"
    return [
        Figure(
            name="backfill_twice_writes",
            value=writes[1],
            unit="writing calls to Odoo in the second run",
            baseline=writes[0],
            target=0.0,
            judged="value",
            at="most",
            note=f"{in_odoo} orders of {days} days in Odoo; the baseline is the first run",
        )
    ]


def backfill(connections: Connections, start: date, end: date, name: str = NAME) -> int:
    """One run of a channel over the days `[start, end)`; returns how many orders are confirmed in Odoo."""
    pull(connections, name, start, end)
    stage(connections, name, start, end)
    days = [start + timedelta(days=offset) for offset in range((end - start).days)]
    with connections.warehouse.transaction() as connection:
        orders = read_frame(connection, "orders", None, "channel = %s AND day = ANY(%s)", (name, days))
    ledger, _ = load(connections, name, orders)
    with connections.warehouse.transaction() as connection:
        replace_days(connection, "sale_orders", name, days, ledger)
    return int((ledger["state"] == "sale").sum())


def is_write(call: Any) -> bool:
    """Whether a recorded JSON-RPC call is one that could write: unknown methods count as writes."""
    asked = call.json().get("params", {})
    if asked.get("service") != "object":
        return False
    return asked["args"][4] not in READS
