"""old_orders: what a look and a run ask the database about stock and shipments, beside a million orders that are done.

**What is measured.** Milliseconds of PostgreSQL's answers to what each look at Odoo's stock, and each run of a
channel's stock or shipments, asks about the channel's orders and pushes: which of them a reading of the stock does not
contain, what each listing shows, which parcels are to be told, which orders the channel does not show as shipped. The
baseline is the same beside ten thousand such orders. Of five turns the best counts.

**What is not.** Odoo and the marketplaces. The orders, and a push for each, are made by SQL from one order of the
sandbox that is in Odoo.

What belongs here: making these orders, and the clock. What does not: the questions (warehouse/).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.fulfilment import channel_deliveries, shipments
from commerce_pipelines.warehouse.inventory import pipe, rows
from commerce_pipelines.warehouse.tables.database import clock
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn, demo_orders

from .backfill_twice import NAME, SETTINGS, backfill
from .database import MASTER_KEY_TEXT, copy_rows, server
from .figures import Figure

FEW, MANY, DAYS, SEED, TURNS, LISTINGS = 10_000, 1_000_000, 2, 7, 5, 500
OPEN_FOR = timedelta(days=90)
_OLD = {"order_id": "'N' || n", "day": "t.day - 9 - (n %% 300)::int"}
_AGO = "(9 + n %% 300) * interval '1 day'"
COPIES = {
    "snapshots": {"record_id": "'N' || n", "day": _OLD["day"], "first_seen": f"t.first_seen - {_AGO}"},
    "orders": {**_OLD, "shipped": "'yes'", "placed_at": f"t.placed_at - {_AGO}"},
    "order_lines": _OLD,
    "sale_orders": {**_OLD, "odoo_id": "1000000 + n"},
    "shipments": {"order_id": "'N' || n"},
    "effects": {"sequence": "n + 1", "key": f"'L' || 1 + n %% {LISTINGS}"},
    "attempts": {"effect": "n + 1"},
}
# One order that is in Odoo, delivered and told, and one push to a listing.
ONE = """
DELETE FROM commerce.sale_orders WHERE order_id <> (SELECT min(order_id) FROM commerce.orders
    JOIN commerce.sale_orders USING (channel, order_id) WHERE state = 'sale' AND status = 'paid');
DELETE FROM commerce.snapshots WHERE record_id NOT IN (SELECT order_id FROM commerce.sale_orders);
DELETE FROM commerce.orders WHERE order_id NOT IN (SELECT order_id FROM commerce.sale_orders);
DELETE FROM commerce.order_lines WHERE order_id NOT IN (SELECT order_id FROM commerce.sale_orders);
INSERT INTO commerce.shipments (channel, order_id, odoo_id, name, deliveries, shipped_at, body, digest, read_at,
    settled) SELECT channel, order_id, odoo_id, name, 1, now(), '{}', 'd', now(), 'd' FROM commerce.sale_orders;
INSERT INTO commerce.listings (channel, key, sku, location, title, quantity, fulfilled_by, active, reference, read_at)
    SELECT channel, 'L', 'L', '', '', 1, 'merchant', true, '{}', now() FROM commerce.sale_orders;
INSERT INTO commerce.effects (sequence, target, kind, key, manner, body, digest, token, status, run_id, planned_at,
    attempt) SELECT 1, channel, 'quantity', 'L', 'set', '{"quantity": 1}', '', '', 'accepted', '', now(), 1
    FROM commerce.sale_orders;
INSERT INTO commerce.attempts (effect, number, run_id, started_at, settled_at, outcome)
    VALUES (1, 1, '', now(), now(), 'accepted');
"""


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ |= {"BENCH_PASSWORD": "admin", "BENCH_TOKEN": "shpat_sandbox"}
    now = datetime.now(UTC)
    end = now.date() + timedelta(days=1)
    milliseconds = []
    with server() as database, ShopifyStandIn() as shop, OdooStandIn(demo_database(CATALOGUE)) as odoo:
        for order in demo_orders(SEED, DAYS, now, CATALOGUE):
            shop.add(order)
        settings = parse(SETTINGS.format(odoo=odoo.url, shop=shop.url, start=end - timedelta(days=DAYS + 1)))
        for full in (FEW, MANY):
            count = max(int(full * size), LISTINGS)
            tell(f"{count:,} orders are made up")
            keys = {"COMMERCE_DATABASE_URL": database.fresh(), "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
            connections = open_connections(settings, keys)
            backfill(connections, end - timedelta(days=DAYS + 1), end)
            _make_orders(connections, count)
            tell(f"questions beside {count:,} orders")
            milliseconds.append(min(_ask(connections) for _ in range(TURNS)))
            connections.warehouse.close()
    return [
        Figure(
            name="old_orders", value=milliseconds[1], unit="ms", baseline=milliseconds[0], target=1.5, at="most",
            note=f"beside {count:,} orders of {LISTINGS} listings, and beside {FEW / MANY:.0%} of them",
        )
    ]  # fmt: skip


def _make_orders(connections: Connections, count: int) -> None:
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(ONE)
    copy_rows(connections.warehouse, {"listings": {"key": "'L' || n"}}, LISTINGS)
    copy_rows(connections.warehouse, COPIES, count)


def _ask(connections: Connections) -> float:
    """Milliseconds of one look and one run."""
    with connections.warehouse.transaction() as connection:
        at = clock(connection)
        started = time.perf_counter()
        assert not pipe.unstaged(connection, NAME, at)
        assert not pipe.staged_units(connection, NAME, at, None)
        assert len(rows.beliefs(connection, NAME)) == LISTINGS + 1
        assert not shipments.has_due(connection, NAME)
        assert not shipments.has_untried(connection, NAME, "")
        assert not channel_deliveries.has_due(connection, NAME)
        assert len(shipments.open_sales(connection, NAME, at - OPEN_FOR)) <= 1
        return 1000 * (time.perf_counter() - started)
