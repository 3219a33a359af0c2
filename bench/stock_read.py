"""stock_read_vs_fastest: one snapshot of the stock in a real Odoo 19.

**What is compared.** `odoo.inventory.stock.read_stock` as every look at the stock does it (product codes known from the
look before, no product written since), against the fastest way to read records: `stock.quant` in one `search_read` with
`load=None`, over the same client. Ours also reads what was promised and what is on its way, warehouses, kits and
whether anything changed among the products, and sums it up per product and warehouse. Both take turns, and the best
turn of each counts.

Ours lets PostgreSQL gather the quants into columns (`search_read.columns`), which costs Odoo far less than records do.
The note says what that call alone takes.

Needs ODOO_URL, ODOO_DATABASE, ODOO_USERNAME and ODOO_PASSWORD of a database that may be filled: products with stock are
created until there are 50,000, which takes Odoo some minutes the first time; ODOO_BENCH_PRODUCTS sets another number;
with fewer products the fixed cost of ours, six small calls, weighs more than in a real shop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines.odoo.rpc.search_read import columns

from .figures import Figure
from .odoo_server import connected

PRODUCTS, TURNS, AT_ONCE = 50_000, 7, 1_000


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    from datetime import UTC, datetime

    from commerce_pipelines.odoo.inventory.stock import OVERLAP, Catalogue, read_stock

    client, _, _ = connected()
    wanted = max(int(float(os.environ.get("ODOO_BENCH_PRODUCTS", PRODUCTS)) * size), 50)
    lots = [row["lot_stock_id"] for row in client.call(
        "stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], load=None
    )]  # fmt: skip
    fill(client, lots[0], wanted, tell)
    tell(f"the stock is read {TURNS} times")
    started = time.perf_counter()
    stock = read_stock(client)
    first = time.perf_counter() - started
    catalogue = Catalogue(
        stock.codes, datetime.now(UTC) + OVERLAP
    )  # so that no product counts as changed since the look before
    reads, singles, bare = [], [], []
    for _ in range(TURNS):
        singles.append(seconds(lambda: single(client, lots)))
        bare.append(seconds(lambda: gathered(client, lots)))
        reads.append(seconds(lambda: read_stock(client, catalogue)))
    return [
        Figure(
            name="stock_read_vs_fastest",
            value=min(reads),
            unit="s",
            baseline=min(singles),
            target=1.3,
            at="most",
            note=f"{len(stock.codes):,} products; quants gathered into columns take {min(bare):.2f} s of it; the very "
            f"first look, which reads every code, takes {first:.2f} s",
        )
    ]


def single(client: Client, lots: list[int]) -> Any:
    """The quants of these locations as records, in the fastest way."""
    return client.call(
        "stock.quant", "search_read", domain=[["location_id", "child_of", lots]],
        fields=["product_id", "quantity", "reserved_quantity"], load=None,
    )  # fmt: skip


def gathered(client: Client, lots: list[int]) -> Any:
    """The same quants as columns, which PostgreSQL gathers."""
    return columns(
        client, "stock.quant", [["location_id", "child_of", lots]], ("product_id", "quantity", "reserved_quantity")
    )


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def fill(client: Client, lot: int, wanted: int, tell: Callable[[str], None]) -> None:
    """Create products with stock until there are as many as wanted."""
    stored = [["is_storable", "=", True], ["default_code", "!=", False]]
    have = client.call("product.product", "search_count", domain=stored)
    while have < wanted:
        tell(f"{have:,} of {wanted:,} products are there, the others are created")
        count = min(AT_ONCE, wanted - have)
        values = [{"name": f"Stocked {have + at}", "default_code": f"STOCK-{have + at}-{os.getpid()}", "type": "consu",
                   "is_storable": True} for at in range(count)]  # fmt: skip
        ids = client.call("product.product", "create", context={"tracking_disable": True}, vals_list=values)
        # Plain quantities: an inventory adjustment would make a stock move for each, and take ten times as long.
        quants = [{"product_id": product, "location_id": lot, "quantity": 1 + product % 40} for product in ids]
        client.call("stock.quant", "create", vals_list=quants)
        have += count
