"""Contender: this project's own path, from the shop's HTTP answers to staged rows.

`flows.intake.pull` (ShopifyChannel over HTTP, answers landed encrypted) and `flows.orders.stage` (landing read back,
translated, written to orders and order_lines), with the database's own rate limits, as a backfill runs them.

    python -m bench.extract_ours SHOP_URL DATABASE_URL COUNT
"""

from __future__ import annotations

import os
import sys
from datetime import date, timedelta

from .database import MASTER_KEY_TEXT
from .measure import measured, report
from .shop_orders import DAYS, START

SETTINGS = """
odoo: {{url: "http://127.0.0.1:1", database: none, username: none, password: {{env: BENCH_TOKEN}}}}
channels:
  - {{name: shop, kind: shopify, shop: bench.myshopify.com, time_zone: UTC, endpoint: "{url}",
     credentials: {{access_token: {{env: BENCH_TOKEN}}}}}}
"""


def main(url: str, database: str, count: int) -> None:
    """Pull and stage COUNT orders and print the cost as the last line."""
    # The flows import these modules when they first need them; imports are not measured, so it is done before.
    import psycopg2.extras  # noqa: F401
    import pyarrow.pandas_compat  # noqa: F401
    import zstandard  # noqa: F401

    from commerce_pipelines.flows.intake.pull import pull
    from commerce_pipelines.flows.orders.stage import stage
    from commerce_pipelines.resources.connections import open_connections
    from commerce_pipelines.settings.file import parse
    from commerce_pipelines.warehouse import exceptions as quarantine  # noqa: F401
    from commerce_pipelines.warehouse.orders import staged_rows  # noqa: F401

    os.environ["BENCH_TOKEN"] = "token"  # noqa: S105
    keys = {"COMMERCE_DATABASE_URL": database, "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
    connections = open_connections(parse(SETTINGS.format(url=url)), keys)
    connections.channel("shop").account.probe()
    start: date = START.date()
    end = start + timedelta(days=DAYS)
    with measured(database) as cost:
        landed = pull(connections, "shop", start, end, now=START + timedelta(days=DAYS))
        staged = stage(connections, "shop", start, end)
    cost.orders = staged.orders
    cost.rows = {"orders": staged.orders, "order_lines": staged.lines, "raw": landed.new}
    report(cost)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
