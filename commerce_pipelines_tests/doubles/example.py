"""The marketplace of the worked example (docs/example_channel), over HTTP on loopback; and one lane of it.

What belongs here: the stand-in and a lane without Dagster. What does not: assertions.
"""

from __future__ import annotations

import base64
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders.load import load
from commerce_pipelines.flows.orders.prove import prove
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.settings.file import Settings
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines.warehouse.tables.frames import read_frame, replace_days
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_sandbox.server import Call, Reply, StandIn

PAGE = 2  # orders a page


class BazaarStandIn(StandIn):
    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        super().__init__()

    def add(self, order_id: str, placed: datetime, *items: tuple[str, int, str, int], shipping: str = "0.00") -> None:
        """items: SKU, units, price of one, VAT in per cent."""
        cents = sum(round(float(price) * 100) * units for _, units, price, _ in items) + round(float(shipping) * 100)
        self.orders[order_id] = {
            "id": order_id, "number": f"BZ-{order_id}", "placed": placed.isoformat(), "changed": placed.isoformat(),
            "status": "paid", "currency": "EUR", "total": f"{cents / 100:.2f}", "shipping": shipping,
            "buyer": {"name": "Ada Byron", "email": f"{order_id.lower()}@example.com"},
            "address": {"name": "Ada Byron", "street": "Weg 1", "city": "Berlin", "postcode": "10115", "country": "DE"},
            "items": [
                {"id": str(place), "sku": sku, "title": sku, "quantity": units, "price": price, "vat": vat}
                for place, (sku, units, price, vat) in enumerate(items, 1)
            ],
        }  # fmt: skip

    def read(self, order_id: str) -> bytes:
        return msgspec.json.encode(self.orders[order_id])

    def handle(self, call: Call) -> Reply:
        if call.headers.get("authorization") != "Bearer k":
            return Reply(401, {})
        if call.path == "/shop":
            return Reply(body={"id": "S1", "name": "Ada's"})
        if call.path != "/orders":
            order = self.orders.get(call.path.rpartition("/")[2])
            return Reply(body=order) if order else Reply(404, {})
        start, end = (datetime.fromisoformat(call.parameter(key)) for key in ("from", "to"))
        by = call.parameter("by")
        hits = [order for order in self.orders.values() if start <= datetime.fromisoformat(order[by]) < end]
        page = int(call.parameter("page"))
        more = str(page + 1) if len(hits) > PAGE * page else None
        return Reply(body={"orders": hits[PAGE * (page - 1) : PAGE * page], "next": more})


def bring_in(settings: Settings, warehouse: Warehouse, name: str, day: date) -> tuple[dict[str, int], Any]:
    """What a run of the lane does with one day: (figures of the load, the proof)."""
    environ = {
        "COMMERCE_DATABASE_URL": warehouse.url, "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
    }  # fmt: skip
    connections = open_connections(settings, environ)
    start, end = day, day + timedelta(days=1)
    pull(connections, name, start, end)
    stage(connections, name, start, end)
    with connections.warehouse.transaction() as connection:
        orders = read_frame(connection, "orders", None, "channel = %s AND day >= %s AND day < %s", (name, start, end))
    ledger, loaded = load(connections, name, orders, span=(start, end), again=True)
    with connections.warehouse.transaction() as connection:
        replace_days(connection, "sale_orders", name, [start], ledger)
    return dict(loaded.actions), prove(connections, name, start, end).whole
