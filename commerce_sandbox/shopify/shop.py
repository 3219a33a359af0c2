"""The shop's orders and the root fields that read them.

What belongs here: keeping orders, Shopify's search syntax, sorting, counting, the 60 days. What does not: HTTP
(stand_in.py), GraphQL (execution.py), stock (stock.py).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from .execution import Data, Refused, Rows

LISTABLE = 25_000  # Shopify pages through so many objects of a list; the others are missing without an error
_TERM = re.compile(r"(\w+):(>=|<=|>|<|)(?:'([^']*)'|(\S+))")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "": operator.eq
}  # fmt: skip


def instant(moment: datetime) -> str:
    """A time as Shopify writes it: UTC, whole seconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def number(gid: str) -> int:
    """The number at the end of a global id."""
    return int(gid.rpartition("/")[2])


def search(rows: Iterable[Data], query: str | None, fields: dict[str, Callable[[Data], Any]]) -> list[Data]:
    """The rows that all terms of a search match; `fields` maps the name in a term to the value of a row."""
    matching = list(rows)
    for name, compare, quoted, bare in _TERM.findall(query or ""):
        if name not in fields:
            raise Refused(f"The stand-in does not know the search field {name}", "BAD_REQUEST")
        value: Any = quoted or bare
        wanted = int(value) if name == "id" else value.removeprefix("#") if name == "name" else value
        matching = [row for row in matching if _COMPARE[compare](fields[name](row), wanted)]
    return matching


_SEARCHED: dict[str, Callable[[Data], Any]] = {
    "created_at": lambda row: row["createdAt"],
    "updated_at": lambda row: row["updatedAt"],
    "id": lambda row: number(row["id"]),
    "name": lambda row: row["name"].removeprefix("#"),
}
_SORTED = {"CREATED_AT": "createdAt", "UPDATED_AT": "updatedAt"}


class Orders:
    """Orders by id. `listable`: see `LISTABLE`."""

    def __init__(self) -> None:
        self.rows: dict[str, Data] = {}
        self.listable = LISTABLE

    def add(self, order: Data) -> None:
        """Keep an order node as it is."""
        self.rows[order["id"]] = order

    def add_new(self, order: Data, now: datetime) -> Data:
        """Keep the order as if it was placed now, under a new id."""
        fresh = max((number(gid) for gid in self.rows), default=0) + 1
        order = {
            **order,
            "id": f"gid://shopify/Order/{fresh}",
            "name": f"#{1000 + fresh % 1_000_000}",
            "createdAt": instant(now),
            "updatedAt": instant(now),
        }
        self.add(order)
        return order

    def change(self, order_id: str, now: datetime, **fields: Any) -> Data:
        """Change fields of the order, and its updatedAt. order_id: the number."""
        order = self.rows[f"gid://shopify/Order/{order_id}"]
        order.update(fields, updatedAt=instant(now))
        return order

    def add_refund(self, order_id: str, refund: Data, now: datetime) -> None:
        """Add a refund, and compute the order's sums anew."""
        order = self.rows[f"gid://shopify/Order/{order_id}"]
        self.change(order_id, now, refunds=[*order["refunds"], refund])

    def add_return(self, order_id: str, record: Data, now: datetime) -> None:
        """Add a return to the order, which changes its updatedAt."""
        order = self.rows[f"gid://shopify/Order/{order_id}"]
        self.change(order_id, now, returns=[*order["returns"], record], returnStatus="IN_PROGRESS")

    def fields(self, now: datetime, all_history: bool) -> Data:
        """The root fields of a query. all_history: orders older than 60 days can be read as well."""
        oldest = "" if all_history else instant(now - timedelta(days=60))

        def visible_orders(query: str | None) -> list[Data]:
            visible = (row for row in self.rows.values() if row["createdAt"] >= oldest)
            return search(visible, query, _SEARCHED)

        def orders(arguments: Data) -> Rows:
            by = _SORTED[arguments.get("sortKey", "CREATED_AT")]

            def key(row: Data) -> list[Any]:
                return [row[by], number(row["id"])]

            rows = sorted(visible_orders(arguments.get("query")), key=key)
            return Rows(rows[: self.listable] if "first" in arguments else rows, key)  # a bulk operation gives all

        def orders_count(arguments: Data) -> Data:
            count, limit = len(visible_orders(arguments.get("query"))), arguments.get("limit", 10_000)
            cut = limit is not None and count > limit
            return {"count": limit if cut else count, "precision": "AT_LEAST" if cut else "EXACT"}

        return {
            "orders": orders,
            "ordersCount": orders_count,
            "order": lambda arguments: self.rows.get(arguments["id"]),
            "nodes": lambda arguments: [self.find_record(gid) for gid in arguments["ids"]],
            "node": lambda arguments: self.find_record(arguments["id"]),
        }

    def find_record(self, gid: str) -> Data | None:
        """A refund or a return with the order that it belongs to."""
        for order in self.rows.values():
            for record in (*order["refunds"], *order["returns"]):
                if record.get("id") == gid:
                    return {**record, "order": order}
        return None
