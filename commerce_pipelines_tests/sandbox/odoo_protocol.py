"""Odoo's two APIs as bare requests, and small merchandise for one test.

What belongs here: what the parity suites of the Odoo stand-in share. What does not: assertions.
"""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

import requests


class Refused(NamedTuple):
    """An error as JSON-2 or JSON-RPC answered it. status: of HTTP, 200 for JSON-RPC."""

    status: int
    name: str
    message: str


class Server:
    """One running Odoo, real or not. The same questions to both."""

    def __init__(self, url: str, database: str, username: str, password: str, key: str) -> None:
        self.url, self.database, self.username, self.password, self.key = url, database, username, password, key
        self._session = requests.Session()
        self.user = self.service("common", "login", database, username, password)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> requests.Response:
        standard = {"Authorization": f"bearer {self.key}", "X-Odoo-Database": self.database}
        data = {"data": body} if isinstance(body, bytes) else {"json": body}
        headers = {"Content-Type": "application/json", **(standard if headers is None else headers)}
        return self._session.post(self.url + path, headers=headers, timeout=60, **data)

    def call(self, model: str, method: str, **named: Any) -> Any:
        """JSON-2: the value, or Refused."""
        answer = self.post(f"/json/2/{model}/{method}", named)
        value = answer.json()
        if answer.status_code != 200:
            assert set(value) == {"name", "message", "arguments", "context", "debug"}
            return Refused(answer.status_code, value["name"], value["message"])
        return value

    def service(self, service: str, method: str, *args: Any) -> Any:
        """JSON-RPC: the result, or Refused."""
        params = {"service": service, "method": method, "args": args}
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 7}
        answer = self._session.post(f"{self.url}/jsonrpc", json=body, timeout=60)
        value = answer.json()
        assert value["id"] == 7
        if "error" in value:
            error = value["error"]
            assert (error["code"], error["message"]) == (0, "Odoo Server Error")
            return Refused(answer.status_code, error["data"]["name"], error["data"]["message"])
        return value["result"]

    def rpc(self, model: str, method: str, *args: Any, **named: Any) -> Any:
        """execute_kw as the suite's user."""
        return self.service("object", "execute_kw", self.database, self.user, self.password, model, method, args, named)

    def load(self, model: str, *columns: str, rows: list[list[str]]) -> Any:
        return self.rpc(model, "load", list(columns), rows, context={"tz": "UTC"})

    def read(self, model: str, record: int, *fields: str) -> Any:
        """One record; a single field as its bare value."""
        [row] = self.call(model, "read", ids=[record], fields=list(fields), load=None)
        return row[fields[0]] if len(fields) == 1 else {name: row[name] for name in fields}

    def new(self, model: str, **values: Any) -> int:
        made = self.call(model, "create", vals_list=[values])
        assert isinstance(made, list), made
        return int(made[0])

    def first(self, model: str, *domain: Any, **values: Any) -> int:
        """The record of a domain; made from `values` where there is none."""
        rows = self.call(model, "search", domain=list(domain), limit=1, order="id")
        return rows[0] if rows else self.new(model, **values)

    def product(self, **values: Any) -> int:
        code = fresh("P")
        return self.new("product.product", **{"name": code, "default_code": code, "is_storable": True, **values})

    def count(self, product: int, units: float, warehouse: int | None = None) -> int:
        """Set what lies in a warehouse: the quant."""
        lot = self.read("stock.warehouse", warehouse or self.first("stock.warehouse"), "lot_stock_id")
        values = {"product_id": product, "location_id": lot, "inventory_quantity_auto_apply": units}
        return self.call("stock.quant", "create", vals_list=[values], context={"inventory_mode": True})[0]

    def stock(self, product: int) -> list[tuple[float, float]]:
        """(quantity, reserved) of the product's quants in warehouses."""
        domain = [["product_id", "=", product], ["location_id.usage", "=", "internal"]]
        rows = self.call("stock.quant", "search_read", domain=domain, fields=["quantity", "reserved_quantity"])
        return [(row["quantity"], row["reserved_quantity"]) for row in rows]

    def order(self, *lines: dict[str, Any], confirm: bool = False, **values: Any) -> int:
        values = {"partner_id": self.new("res.partner", name=fresh("Buyer")), **values}
        order = self.new("sale.order", order_line=[[0, 0, line] for line in lines], **values)
        if confirm:
            assert self.call("sale.order", "action_confirm", ids=[order]) is True
        return order

    def moves(self, order: int) -> list[tuple[float, float, str]]:
        """(demand, reserved or done, state) of an order's moves."""
        rows = self.call("stock.move", "search_read", domain=[["sale_line_id.order_id", "=", order]], order="id",
                         fields=["product_uom_qty", "quantity", "state"])  # fmt: skip
        return [(row["product_uom_qty"], row["quantity"], row["state"]) for row in rows]

    def change(self, order: int, units: float) -> Any:
        """Another quantity for the first line."""
        lines = self.read("sale.order", order, "order_line")
        return self.call("sale.order.line", "write", ids=lines[:1], vals={"product_uom_qty": units})

    def tax(self, rate: float, *, included: bool) -> int:
        """A sale tax of the company's country."""
        name = f"Parity {rate} {'in' if included else 'on top'}"
        sale = self.first("account.tax", ["type_tax_use", "=", "sale"])
        like = self.read("account.tax", sale, "country_id", "tax_group_id")
        override = "tax_included" if included else "tax_excluded"
        return self.first("account.tax", ["name", "=", name], name=name, amount=rate, price_include_override=override,
                          **like)  # fmt: skip


def fresh(prefix: str) -> str:
    """A name that no earlier run has used."""
    return f"{prefix}-{secrets.token_hex(5)}"
