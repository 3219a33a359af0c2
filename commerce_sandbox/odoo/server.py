"""The Odoo stand-in as a server: which path is answered by what, and a little life for the demo.

What belongs here: routes, and people at work. What does not: the APIs (transports.py), the pages for people (pages.py,
../site), what a click does (working.py).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import requests

from ..server import Call, Reply, StandIn
from .orm import Database, Env
from .records import write
from .transports import VERSION, in_transaction, json_2, json_rpc
from .working import adjust, credit, invoice, list_away, list_left, list_ready, pack_away, receive, send_away, ship

HTML = {"Content-Type": "text/html; charset=utf-8"}


class OdooStandIn(StandIn):
    """One Odoo 19 with one database, over JSON-RPC and JSON-2; people who follow a link to it are sent on to its pages.

    database: from `demo_database` or `founding.create_database`; tests may read `database.rows` and set
        `database.conflicts`.
    webhook: the URL of an automation rule on `stock.quant`, called after each commit that changed one.
    pages: the address under which people see it, '' for nowhere.
    """

    def __init__(self, database: Database, port: int = 0) -> None:
        super().__init__(port, database.now)
        self.database = database
        self.webhook = self.pages = ""
        database.committed = self._tell

    def handle(self, call: Call) -> Reply:
        """Answer one request by its path."""
        if call.path == "/jsonrpc" and call.method == "POST":
            return json_rpc(self.database, call)
        if call.path.startswith("/json/2"):
            return json_2(self.database, call)
        if call.path == "/web/webclient/version_info":
            number = call.json().get("id") if call.body else None
            return Reply(200, {"jsonrpc": "2.0", "id": number, "result": VERSION})
        if self.pages and call.method == "GET" and (call.path in ("/", "/web") or call.path.startswith("/odoo")):
            path = call.path if call.path.startswith("/odoo") else "/odoo"
            return Reply(303, b"", {"Location": f"{self.pages}{path}"})
        return Reply(404, b"<!doctype html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n", HTML)

    def _tell(self, changed: set[str]) -> None:
        """Call the webhook once, for a second at the most, and ignore what becomes of it. Odoo makes its user wait
        meanwhile."""
        if self.webhook and "stock.quant" in changed:
            body = {"_model": "stock.quant", "_action": "Send Webhook Notification(#1)"}

            def post(url: str) -> None:
                with suppress(requests.RequestException):
                    requests.post(url, json=body, timeout=1)

            threading.Thread(target=post, args=(self.webhook,), daemon=True).start()

    def stir(self, rng: random.Random) -> str:
        """Something happens in the warehouse: goods arrive, or a transfer is shipped. Returns what it was, in a few
        words."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            ready = list_ready(env)
            is_shipped = bool(ready) and rng.random() < 0.5
            work = (lambda: ship(env, rng.choice(ready))) if is_shipped else (lambda: receive(env, rng))
            return str(in_transaction(self.database, work))

    def list_waiting(self) -> list[str]:
        """The references of the sale orders with a delivery that is ready to leave, the oldest delivery first."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            sales = [env.db.rows["stock.picking"][picking]["sale_id"] for picking in list_ready(env)]
            return [env.db.rows["sale.order"][sale]["client_order_ref"] for sale in sales if sale]

    def list_left(self, references: Collection[str]) -> set[str]:
        """Those of these references of sale orders of which a delivery has left."""
        with self.lock:
            return set(references) & list_left(Env(self.database, 2, sudo=True))

    def ship(self, references: Collection[str], in_two: Collection[str] = ()) -> None:
        """The ready deliveries of these sale orders leave. in_two: those that leave in two parcels."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            orders, rows = env.db.rows["sale.order"], env.db.rows["stock.picking"]
            for picking in list_ready(env):
                reference = orders[rows[picking]["sale_id"]]["client_order_ref"] if rows[picking]["sale_id"] else ""
                if reference in references:
                    work = partial(ship, env, picking, in_two=reference in in_two)
                    in_transaction(self.database, work)

    def receive(self) -> str:
        """Some units of an article arrive. Returns what it was, in a few words."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            return str(in_transaction(self.database, lambda: receive(env, random.Random())))

    def adjust(self, code: str, units: float) -> str:
        """Somebody counts the article with this internal reference, and finds so many units. Raises KeyError."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            return str(in_transaction(self.database, lambda: adjust(env, code, units)))

    def edit(self, code: str, values: dict[str, Any]) -> None:
        """A person edits the product with this internal reference."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            products = env.db.referring("product.product", "default_code", code)
            in_transaction(self.database, lambda: write(env, "product.product", products, values))

    def invoice(self, references: Collection[str] | None = None) -> int:
        """The sale orders with these references are invoiced, or all of them; returns how many invoices."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            orders = [
                order for order, row in env.db.rows["sale.order"].items()
                if row["state"] == "sale" and (references is None or row["client_order_ref"] in references)
            ]  # fmt: skip
            return len(in_transaction(self.database, lambda: invoice(env, orders)))

    def pack_away(self, units: Mapping[str, int]) -> int:
        """Goods are packed for the warehouse that a marketplace ships from; the transfer. units: by article."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            return int(in_transaction(self.database, lambda: pack_away(env, units)))

    def read_origin(self, picking: int) -> str:
        """What stands in a transfer's Source Document."""
        with self.lock:
            return str(self.database.rows["stock.picking"][picking]["origin"] or "")

    def send_away(self, picking: int) -> None:
        """The packed goods leave."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            in_transaction(self.database, lambda: send_away(env, picking))

    def list_away(self) -> list[tuple[str, str, str, float]]:
        """What came into and left that warehouse, as of `working.list_away`."""
        with self.lock:
            return list(list_away(Env(self.database, 2, sudo=True)))

    def credit(self, reference: str, amount: float) -> bool:
        """A person credits the buyer of a sale order an amount; returns whether it was invoiced."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            rows = env.db.rows["sale.order"]
            order = next(order for order in rows if rows[order]["client_order_ref"] == reference)
            return bool(in_transaction(self.database, lambda: credit(env, order, amount)))
