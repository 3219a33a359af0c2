"""The Odoo stand-in as a server: which path is answered by what, and a little life for the demo.

What belongs here: routes and `stir`. What does not: the APIs (transports.py), the page for people (pages.py).
"""

from __future__ import annotations

import random
import threading
from contextlib import suppress

import requests

from ..server import Call, Reply, StandIn
from .moves import change_quant, serve
from .orm import Database, Env
from .pages import overview
from .transfers import button_validate
from .transports import VERSION, in_transaction, json_2, json_rpc

HTML = {"Content-Type": "text/html; charset=utf-8"}


class OdooStandIn(StandIn):
    """One Odoo 19 with one database, over JSON-RPC, JSON-2 and a page at / for people.

    database: from `demo_database` or `founding.found`; tests may read `database.rows` and set `database.conflicts`.
    webhook: the URL of an automation rule on `stock.quant`, called after each commit that changed one.
    """

    def __init__(self, database: Database, port: int = 0) -> None:
        super().__init__(port, database.now)
        self.database = database
        self.webhook = ""
        database.committed = self._tell

    def handle(self, call: Call) -> Reply:
        if call.path == "/jsonrpc" and call.method == "POST":
            return json_rpc(self.database, call)
        if call.path.startswith("/json/2"):
            return json_2(self.database, call)
        if call.path == "/web/webclient/version_info":
            number = call.json().get("id") if call.body else None
            return Reply(200, {"jsonrpc": "2.0", "id": number, "result": VERSION})
        if call.path in ("/", "/web", "/odoo") and call.method == "GET":
            return Reply(200, overview(Env(self.database, 2, sudo=True)).encode(), HTML)
        return Reply(404, b"<!doctype html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n", HTML)

    def _tell(self, changed: set[str]) -> None:
        """As Odoo does: once, for a second at the most, whatever becomes of it. Odoo lets its user wait meanwhile."""
        if self.webhook and "stock.quant" in changed:
            body = {"_model": "stock.quant", "_action": "Send Webhook Notification(#1)"}

            def post(url: str) -> None:
                with suppress(requests.RequestException):
                    requests.post(url, json=body, timeout=1)

            threading.Thread(target=post, args=(self.webhook,), daemon=True).start()

    def stir(self, rng: random.Random) -> str:
        """Something happens in the warehouse: goods arrive, or a transfer is shipped. Returns what, in a few words."""
        with self.lock:
            env = Env(self.database, 2, sudo=True)
            ready = [i for i in self.database.rows["stock.picking"] if _is_ready(env, i)]
            ship = bool(ready) and rng.random() < 0.5
            work = (lambda: _ship(env, rng.choice(ready))) if ship else (lambda: _receive(env, rng))
            return str(in_transaction(self.database, work))


def _is_ready(env: Env, picking: int) -> bool:
    rows = env.db.rows["stock.move"]
    moves = env.db.referring("stock.move", "picking_id", picking)
    return bool(moves) and all(rows[i]["state"] == "assigned" for i in moves)


def _ship(env: Env, picking: int) -> str:
    button_validate(env.having(skip_sms=True), "stock.picking", [picking])
    number = f"00340{picking:013d}"
    env.db.put("stock.picking", picking, {"carrier_tracking_ref": number, "write_date": env.stamp})
    return f"{env.db.rows['stock.picking'][picking]['name']} shipped"


def _receive(env: Env, rng: random.Random) -> str:
    internal = {i for i, row in env.db.rows["stock.location"].items() if row["usage"] == "internal"}
    quants = [row for row in env.db.rows["stock.quant"].values() if row["location_id"] in internal]
    if not quants:
        return "nothing"
    row, units = rng.choice(quants), rng.randint(1, 12)
    change_quant(env, row["product_id"], row["location_id"], units)
    serve(env, row["product_id"], row["location_id"])
    return f"{units} x {env.get('product.product', row['product_id'], 'default_code')} received"
