"""Contender: dlt's REST source into PostgreSQL, set up to be quick.

`rest_api_source` posts the GraphQL query and follows `endCursor` with the cursor paginator; orders become a table and
line items its child table (`max_table_nesting=1`: what lies deeper stays JSON in a column, the cheapest way dlt has).
Rows are loaded by COPY from CSV where dlt can, its columns in its own types. It keeps no raw copy, encrypts nothing and
leaves discounts and taxes as JSON. So it does less work than the others, which makes its figure better.

    python -m bench.extract_dlt SHOP_URL DATABASE_URL COUNT
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from datetime import timedelta
from typing import Any

from commerce_pipelines.warehouse.server.server import libpq_url

from .measure import measured, report
from .shop import PATH
from .shop_orders import DAYS, START

PAGE = 150  # as many orders a page as Shopify's points allow
QUERY = "query Orders { orders { nodes { id } } }"  # the shop answers with whole nodes, whatever fields are asked for


def main(url: str, database: str, count: int) -> None:
    import dlt
    from dlt.sources.rest_api import rest_api_source

    until = START + timedelta(days=DAYS)
    search = f"created_at:>='{START:%Y-%m-%dT%H:%M:%SZ}' AND created_at:<'{until:%Y-%m-%dT%H:%M:%SZ}'"
    source = rest_api_source(
        {
            "client": {
                "base_url": url,
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "data.orders.pageInfo.endCursor",
                    "cursor_body_path": "variables.after",
                },
            },
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "write_disposition": "append",
                    "max_table_nesting": 2,
                    "processing_steps": [{"map": with_raw}],
                    "endpoint": {
                        "path": PATH,
                        "method": "POST",
                        "json": {
                            "query": QUERY.replace("{", "{{").replace("}", "}}"),
                            "variables": {"first": PAGE, "after": None, "query": search, "sortKey": "CREATED_AT"},
                        },
                        "data_selector": "data.orders.nodes",
                    },
                }
            ],
        }
    )
    source.resources["orders"].add_limit(-(-count // PAGE))
    # dlt wants a host and a password; libpq uses the folder of the socket, which is in the query of the URL.
    credentials = libpq_url(database).replace("@/", ":none@localhost/", 1)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench", pipelines_dir=folder, dataset_name="dlt", destination=dlt.destinations.postgres(credentials)
        )
        with measured(database) as cost:
            pipeline.run(source, loader_file_format="csv")
        with pipeline.sql_client() as client:
            for table in ("orders", "orders__line_items__nodes", "orders__shipping_lines__nodes"):
                cost.rows[table] = client.execute_sql(f"SELECT count(*) FROM {table}")[0][0]
    cost.orders = cost.rows["orders"]
    report(cost)


def with_raw(order: dict[str, Any]) -> dict[str, Any]:
    """The row with the whole answer beside its columns."""
    return {**order, "raw": json.dumps(order)}


if __name__ == "__main__":
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
