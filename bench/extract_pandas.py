"""Contender: requests + pandas, as a competent person writes it, into the same tables as ours.

A session that keeps its connection; pages of 150; `json_normalize` once per page for orders and once for each kind of
line, taxes and discounts; whole columns renamed, mapped and grouped, no loop over rows; rows inserted by `to_sql`,
batched by SQLAlchemy (twice as fast here as `method="multi"`); the raw JSON kept; one transaction per page. It encrypts
nothing, finds no duplicate and checks no total.

    python -m bench.extract_pandas SHOP_URL DATABASE_URL COUNT
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import timedelta
from typing import Any

import pandas as pd
import requests
import sqlalchemy

from .measure import measured, report
from .shop import PATH
from .shop_orders import DAYS, START

PAGE = 150  # as many orders a page as Shopify's points allow
QUERY = "query Orders { orders { nodes { id } } }"  # the shop answers with whole nodes, whatever fields are asked for
LIKE_OURS = (
    "DROP SCHEMA IF EXISTS pandas CASCADE",
    "CREATE SCHEMA pandas",
    "CREATE TABLE pandas.raw (order_id text PRIMARY KEY, payload text NOT NULL)",
    "CREATE TABLE pandas.orders (LIKE commerce.orders INCLUDING ALL)",
    "CREATE TABLE pandas.order_lines (LIKE commerce.order_lines INCLUDING ALL)",
)
STATUS = {"PAID": "paid", "PARTIALLY_REFUNDED": "paid", "REFUNDED": "paid"}
SHIPPED = {"FULFILLED": "yes", "PARTIALLY_FULFILLED": "partly"}
ORDERS = {
    "id": "order_id",
    "name": "number",
    "createdAt": "placed_at",
    "updatedAt": "updated_at",
    "displayFinancialStatus": "status",
    "displayFulfillmentStatus": "shipped",
    "totalPriceSet.shopMoney.currencyCode": "currency",
    "totalPriceSet.shopMoney.amount": "total",
    "totalRefundedSet.shopMoney.amount": "refunded",
    "taxesIncluded": "prices_include_tax",
    "test": "is_test",
    "shippingAddress.countryCodeV2": "destination_country",
}
LINES = ["order_id", "position", "line_id", "kind", "sku", "title", "quantity", "amount", "tax", "rate", "of_line"]


def main(url: str, database: str, count: int) -> None:
    """Load COUNT orders and print the cost as the last line."""
    engine = sqlalchemy.create_engine(database)
    with engine.begin() as connection:
        for statement in LIKE_OURS:
            connection.execute(sqlalchemy.text(statement))
    rows = {"orders": 0, "order_lines": 0, "raw": 0}
    until = START + timedelta(days=DAYS)
    search = f"created_at:>='{START:%Y-%m-%dT%H:%M:%SZ}' AND created_at:<'{until:%Y-%m-%dT%H:%M:%SZ}'"
    with measured(database) as cost, requests.Session() as session:
        after, more = None, True
        while more and rows["orders"] < count:
            variables = {"first": PAGE, "after": after, "query": search, "sortKey": "CREATED_AT"}
            answer = session.post(url + PATH, json={"query": QUERY, "variables": variables}, timeout=60)
            answer.raise_for_status()
            page = answer.json()["data"]["orders"]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
            tables = frames(page["nodes"])
            with engine.begin() as connection:
                for table, frame in tables.items():
                    frame.to_sql(table, connection, schema="pandas", if_exists="append", index=False)
                    rows[table] += len(frame)
    cost.orders, cost.rows = rows["orders"], rows
    report(cost)


def frames(nodes: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """One page as one DataFrame per table."""
    raw = [json.dumps(node) for node in nodes]
    lines = pd.concat([product_lines(nodes), shipping_lines(nodes)], ignore_index=True)
    lines["position"] = lines.groupby("order_id").cumcount() + 1
    orders = pd.json_normalize(nodes)
    service_of = {node["id"]: first["code"] for node in nodes for first in node["shippingLines"]["nodes"][:1]}
    services = orders["id"].map(service_of).fillna("")
    orders = orders[list(ORDERS)].rename(columns=ORDERS)
    per_order = lines.groupby("order_id")["tax"]
    orders = orders.assign(
        tax=orders["order_id"].map(per_order.sum()),
        line_count=orders["order_id"].map(per_order.size()),
        order_id=number(orders["order_id"]),
        placed_at=pd.to_datetime(orders["placed_at"]),
        updated_at=pd.to_datetime(orders["updated_at"]),
        day=pd.to_datetime(orders["placed_at"]).dt.date,
        status=orders["status"].map(STATUS).fillna("waiting"),
        shipped=orders["shipped"].map(SHIPPED).fillna("no"),
        total=cents(orders["total"]),
        refunded=cents(orders["refunded"]),
        service=services,
        channel="shop",
        digest=[hashlib.sha256(text.encode()).hexdigest() for text in raw],
        subject_id=[hashlib.sha256(node["email"].encode()).hexdigest()[:32] for node in nodes],
        fulfilled_by="merchant",
        collected=0,
        collected_as="",
        marketplace="bench.myshopify.com",
        departure_country="",
        destination_territory="",
        is_business=False,
        is_other_channel=False,
    )
    lines = lines[LINES].assign(order_id=number(lines["order_id"]), channel="shop")
    lines["day"] = lines["order_id"].map(orders.set_index("order_id")["day"])
    return {
        "raw": pd.DataFrame({"order_id": orders["order_id"], "payload": raw}),
        "orders": orders,
        "order_lines": lines,
    }


def product_lines(nodes: list[dict[str, Any]]) -> pd.DataFrame:
    """Line items, each followed by its discounts as lines of their own; amounts in minor units."""
    path = ["lineItems", "nodes"]
    lines = pd.json_normalize(nodes, path, ["id"], meta_prefix="order_")
    taxes = pd.json_normalize(nodes, [*path, "taxLines"], [[*path, "id"]])
    taxes["amount"] = cents(taxes["priceSet.shopMoney.amount"])
    taxes = taxes.groupby("lineItems.nodes.id")[["amount", "rate"]].sum()
    lines = lines.assign(
        line_id=number(lines["id"]),
        kind="product",
        title=lines["name"],
        amount=cents(lines["originalUnitPriceSet.shopMoney.amount"]) * lines["quantity"],
        tax=lines["id"].map(taxes["amount"]).fillna(0).astype(int),
        rate=(lines["id"].map(taxes["rate"]).fillna(0) * 1_000_000).round().astype(int),
        of_line="",
    )
    discounts = pd.json_normalize(nodes, [*path, "discountAllocations"], ["id", [*path, "id"]], meta_prefix="of_")
    if discounts.empty:
        return lines
    of = number(discounts["of_lineItems.nodes.id"])
    index = discounts["discountApplication.index"].astype(str)
    discounts = discounts.assign(
        order_id=discounts["of_id"],
        line_id=of + "-d" + index,
        kind="discount",
        sku="",
        title="Discount " + named(discounts),
        quantity=1,
        amount=-cents(discounts["allocatedAmountSet.shopMoney.amount"]),
        tax=0,
        rate=of.map(lines.set_index("line_id")["rate"]),
        of_line=of,
    )
    return pd.concat([lines, discounts], ignore_index=True)


def shipping_lines(nodes: list[dict[str, Any]]) -> pd.DataFrame:
    """Shipping lines, each followed by its discounts; amounts in minor units."""
    path = ["shippingLines", "nodes"]
    lines = pd.json_normalize(nodes, path, ["id"], meta_prefix="order_")
    if lines.empty:
        return lines
    taxes = pd.json_normalize(nodes, [*path, "taxLines"], [[*path, "id"]])
    taxes["amount"] = cents(taxes["priceSet.shopMoney.amount"])
    taxes = taxes.groupby("shippingLines.nodes.id")[["amount", "rate"]].sum()
    return lines.assign(
        line_id="shipping-" + number(lines["id"]),
        kind="shipping",
        sku="",
        quantity=1,
        amount=cents(lines["originalPriceSet.shopMoney.amount"]),
        tax=lines["id"].map(taxes["amount"]).fillna(0).astype(int),
        rate=(lines["id"].map(taxes["rate"]).fillna(0) * 1_000_000).round().astype(int),
        of_line="",
    )


def named(discounts: pd.DataFrame) -> pd.Series:
    """The code of a discount, else its title."""
    names = [discounts[name] for name in ("discountApplication.code", "discountApplication.title") if name in discounts]
    return names[0] if len(names) == 1 else names[0].fillna(names[1])


def number(gids: pd.Series) -> pd.Series:
    return gids.str.rpartition("/")[2]


def cents(amounts: pd.Series) -> pd.Series:
    return (amounts.astype(float) * 100).round().astype(int)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
