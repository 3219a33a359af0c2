"""A merchant with one channel for the tests of the stock flow: a channel that remembers, an Odoo that answers reads.

What belongs here: stand-ins in memory, behind the very protocols that real ones have. What does not: assertions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from commerce_pipelines.channels.capabilities import AccountId, Listings
from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.domain.inventory.availability import Ordered, units_by_product
from commerce_pipelines.domain.inventory.listings import Listing, Push, PushOutcome
from commerce_pipelines.domain.orders.order import FulfilledBy
from commerce_pipelines.flows.inventory import publish as flow
from commerce_pipelines.flows.inventory.inputs import Snapshot, read_pipes, stored_stock
from commerce_pipelines.flows.inventory.publish import Published, decided
from commerce_pipelines.odoo.rpc.client import Who
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.settings import file as settings
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.doors import doors

NAME = "shop_de"
YAML = """
odoo: {{url: 'http://127.0.0.1:8069', database: shop, username: bot, password: {{env: ODOO_PASSWORD}}}}
channels:
  - {{name: shop_de, kind: shopify, shop: a.myshopify.com, credentials: {{access_token: {{env: TOKEN}}}},
     skus: {{SIX: {{product: A, quantity: 6}}, {skus}}}, titles: {{{titles}}},
     inventory: {{enabled: true, {inventory}}}}}
"""


class Odoo:
    """Answers the reads of odoo/inventory/stock.py from a dict: (code, warehouse) -> [on hand, reserved]."""

    def __init__(self, stock: dict[tuple[str, str], list[float]]) -> None:
        self.stock = stock
        self.down = False
        self.stock_reads = 0
        self.kits: list[dict[str, Any]] = []
        self.units: list[dict[str, Any]] = []  # of uom.uom; every product is counted in the first of them
        self.who = Who(uid=2, lang="en_US", company_id=1)

    def call(self, model: str, method: str, ids: Any = None, context: Any = None, **named: Any) -> Any:
        if self.down:
            raise TransientError("Odoo did not answer.")
        codes = sorted({code for code, _ in self.stock})
        warehouses = sorted({place for _, place in self.stock})
        match model, method:
            case "ir.config_parameter", _:
                return ""
            case "ir.model.data", "search_count":
                return 0
            case "ir.model.data", _:
                return []
            case "stock.warehouse", _:
                return [{"id": i, "name": w, "code": w, "lot_stock_id": 100 + i} for i, w in enumerate(warehouses)]
            case "stock.location", _:
                return [
                    {"id": 100 + i, "usage": "internal", "parent_path": f"1/{100 + i}/"} for i in range(len(warehouses))
                ]
            case "product.product", "formatted_read_group" if "__count" in named["aggregates"]:
                return [{"__count": len(codes), "write_date:max": "2026-01-01 00:00:00"}]
            case "product.product", "formatted_read_group":
                return [{"id:array_agg": list(range(1, len(codes) + 1)), "default_code:array_agg": codes}]
            case "stock.quant", _:
                self.stock_reads += 1
                return [
                    {
                        "product_id:array_agg": [codes.index(code) + 1 for code, _ in self.stock],
                        "location_id:array_agg": [100 + warehouses.index(place) for _, place in self.stock],
                        "quantity:array_agg": [on_hand for on_hand, _ in self.stock.values()],
                        "reserved_quantity:array_agg": [reserved for _, reserved in self.stock.values()],
                    }
                ]
            case _, "formatted_read_group":
                return [{name: [] for name in named["aggregates"]}]
            case "product.product", "fields_get":
                return {}
            case "uom.uom", _:
                return self.units
            case "product.product", "search_read" if named["fields"] == ["uom_id"]:
                return [{"id": i, "uom_id": self.units[0]["id"]} for i in named["domain"][0][2]]
            case _:
                return []


class Shop(Listings):
    """A channel that keeps what it is told. `fail` decides what becomes of a push before it is carried out."""

    name, kind = NAME, "shopify"

    def __init__(self, quantities: dict[str, int | None], compares: bool = False) -> None:
        self.account = self.listings = self.quantities = self
        self.shown = dict(quantities)
        self.fulfilled: set[str] = set()
        self.compares = compares
        self.fail: Callable[[Push], PushOutcome | Exception | None] = lambda push: None
        self.pushed: list[Push] = []
        self.readings = 0

    def probe(self) -> AccountId:
        return AccountId(account_id=self.name, description=self.name)

    def read(self) -> Iterator[tuple[Listing, ...]]:
        self.readings += 1
        rows = [
            Listing(
                key=sku, sku=sku, title=f"Title of {sku}", quantity=quantity, reference={"item": sku},
                fulfilled_by=FulfilledBy.CHANNEL if sku in self.fulfilled else FulfilledBy.MERCHANT,
            )
            for sku, quantity in self.shown.items()
        ]  # fmt: skip
        for start in range(0, len(rows), 100):
            yield tuple(rows[start : start + 100])

    def push(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        for push in pushes:
            self.pushed.append(push)
            key = push.listing.key
            verdict = self.fail(push)
            if isinstance(verdict, Exception):
                raise verdict
            if verdict is not None:
                yield verdict
            elif self.compares and push.listing.quantity not in (None, self.shown[key]):
                yield PushOutcome(key=key, status="stale")
            else:
                self.shown[key] = push.quantity
                yield PushOutcome(key=key, status="accepted")


def connections(
    warehouse: Warehouse, odoo: Odoo, shop: Shop, inventory: str = "share: 100", *, skus: str = "", titles: str = ""
) -> Connections:
    """skus, titles: more of them, as they stand in commerce.yaml."""
    loose = "breaker: {zeroed_percent: 100, changed_percent: 100}"
    text = inventory if "breaker" in inventory else f"{inventory}, {loose}"
    yaml = YAML.format(inventory=text, skus=skus, titles=titles)
    return doors(settings.parse(yaml), warehouse, odoo=odoo, channels={NAME: shop})


def sold(warehouse: Warehouse, order_id: str, sku: str, units: int, title: str = "", **more: Any) -> None:
    """One staged order, placed now."""
    now = datetime.now(UTC)
    order = {
        "channel": NAME, "order_id": order_id, "day": now.date(), "digest": order_id, "number": order_id,
        "placed_at": now, "updated_at": now, "status": "paid", "fulfilled_by": "merchant", "shipped": "no",
        "currency": "EUR", "total": 100, "tax": 0, "collected": 0, "collected_as": "", "refunded": 0,
        "prices_include_tax": True, "line_count": 1, "marketplace": "", "service": "", "departure_country": "",
        "destination_country": "DE", "destination_territory": "", "is_business": False, "is_other_channel": False,
        "is_test": False, "subject_id": "00", **more,
    }  # fmt: skip
    line = {
        "channel": order["channel"], "order_id": order_id, "day": order["day"], "position": 1, "line_id": "1",
        "kind": "product",
        "sku": sku, "title": title, "quantity": units, "amount": 100, "tax": 0, "of_line": "",
    }  # fmt: skip
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table, row in (("orders", order), ("order_lines", line)):
            columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
            cursor.execute(f"INSERT INTO commerce.{table} ({columns}) VALUES ({marks})", list(row.values()))


def booked(warehouse: Warehouse, order_id: str, state: str = "sale") -> None:
    """The ledger learns that an order is in Odoo."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.sale_orders (channel, order_id, day, digest, action, name, state, currency, total,"
            " amount_total, amount_tax, rounding, regime, tax_country, warehouse, evidence, code, message, loaded_at)"
            " VALUES (%s, %s, current_date, '', 'created', '', %s, 'EUR', 0, 0, 0, 0, '', '', '', '', '', '', now())",
            (NAME, order_id, state),
        )


def refresh_targets(connections: Connections, name: str) -> pd.DataFrame:
    """Decide a channel's targets by the stored stock, as materialising `inventory_targets` alone does."""
    with decided(connections, name, stored_stock(connections, name)) as ready:
        return ready.targets


def publish(connections: Connections, name: str, stock: Snapshot, *, run_id: str = "", **options: bool) -> Published:
    """Decide and push, as materialising `published_inventory` does. options: as `push` takes them."""
    with decided(connections, name, stock, run_id=run_id) as ready:
        return flow.push(connections, ready, **options)


def in_pipe(connections: Connections, snapshot: Snapshot) -> Ordered:
    """Units that were sold and that the snapshot cannot contain yet."""
    return units_by_product(read_pipes(connections, snapshot), snapshot.levels, snapshot.sizes)


def history(warehouse: Warehouse) -> list[tuple[str, int, str]]:
    """Every push on record: key, quantity, status."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT key, quantity, status FROM commerce.published_inventory ORDER BY sequence")
        return cursor.fetchall()


__all__ = [
    "NAME", "Odoo", "Shop", "booked", "connections", "history", "in_pipe", "publish", "refresh_targets", "sold",
]  # fmt: skip
