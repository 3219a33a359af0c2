"""Goods of the own warehouse that go to Amazon's, in the stand-in or a real Odoo: what a person clicks there.

What belongs here: opening lanes with these goods, a transfer of packed goods with its plan, one that is on the road
without a plan. What does not: any expectation.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.inbound.plan_steps import Plan
from commerce_pipelines.domain.outbox.effects import Kind
from commerce_pipelines.flows.inbound.due import replay
from commerce_pipelines.flows.inbound.receive import Received, receive
from commerce_pipelines.flows.inbound.send_in import Advanced, advance
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.inbound import plan_rows as rows
from commerce_pipelines.warehouse.outbox import holds
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.everywhere import SECRETS, Lanes, open_lanes
from commerce_pipelines_tests.doubles.lean import administrator, administrator_or_skip, login_of
from commerce_pipelines_tests.flows.conftest import stock_articles
from commerce_sandbox.amazon.inbound_plans import InboundPlans
from commerce_sandbox.amazon.inbound_plans import Plan as ShownPlan
from commerce_sandbox.amazon.inbound_shipments import Shipment

NAME, GERMANY = "amazon_eu", "A1PA6795UKMFR9"
MUG, PAPER = "MUG-STN-350-BL", "FLT-PAP-02-100"
SIZE = {"packaging_length": 400, "width": 300, "height": 205, "base_weight": 0.2}  # millimetres
PLANS = {"enabled": True, "marketplace": "DE"}
DOORS = ["stand-in", *(pytest.param(way, marks=pytest.mark.odoo) for way in ("jsonrpc", "json2"))]


@contextmanager
def open_away(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, door: str = "stand-in", **inbound: Any
) -> Iterator[Lanes]:
    """The demo's world in which what goes to Amazon's warehouse is received. door: one of DOORS, to Odoo. inbound: more
    of the channel's section."""
    since = (datetime.now(UTC).date() - timedelta(days=6)).isoformat()
    real: dict[str, Any] = {}
    if door != "stand-in":
        administrator_or_skip()
        login, password = login_of(door)
        places = {name: os.environ[f"ODOO_{name.upper()}"] for name in ("url", "database")}
        real = {
            "odoo": {**places, "username": login, "transport": door},
            "secrets": {**SECRETS, "DEMO_ODOO_PASSWORD": password},
        }
    of_amazon = {"inbound": {"enabled": True, "since": since, "receive": True, **inbound}}
    with open_lanes(warehouse, monkeypatch, tmp_path, amazon_eu=of_amazon, **real) as opened:
        yield opened


class Hands:
    """A person in Odoo, with the warehouses, a road between them and the articles there."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes, self.connections = lanes, lanes.connections
        self.is_real = "ODOO_URL" in os.environ and self.connections.settings.odoo.url.startswith(
            os.environ["ODOO_URL"]
        )
        self.odoo = administrator() if self.is_real else lanes.connections.odoo
        if self.is_real:
            self.prepare()
        houses = self.search("stock.warehouse", [], "code", "lot_stock_id")
        self.stock = {row["code"]: row["lot_stock_id"] for row in houses}
        self.road = self.make("stock.location", name="Road to FBA", usage="transit")
        codes = self.search("product.product", [["default_code", "in", [MUG, PAPER]]], "default_code")
        self.products = {row["default_code"]: row["id"] for row in codes}

    def prepare(self) -> None:
        """The warehouse and the articles, and nothing on the road, open or of late, of the tests before."""
        if not self.odoo.call("stock.warehouse", "search", domain=[["code", "=", "FBA"]]):
            self.make("stock.warehouse", name="FBA", code="FBA")
        for side in ("location_id", "location_dest_id"):
            old = self.odoo.call("stock.picking", "search", domain=[
                [f"{side}.usage", "=", "transit"], ["state", "not in", ["done", "cancel"]],
            ])  # fmt: skip
            self.odoo.call("stock.picking", "action_cancel", ids=old)
        done = self.odoo.call("stock.move", "search", domain=[["location_id.usage", "=", "transit"],
                                                              ["state", "=", "done"]])  # fmt: skip
        self.odoo.call("stock.move", "write", ids=done, vals={"date": "2020-01-01 12:00:00"})
        stock_articles(self.odoo)

    def search(self, model: str, domain: list[Any], *fields: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.odoo.call(
            model, "search_read", domain=domain, fields=list(fields), load=None, order="id"
        )
        return rows

    def make(self, model: str, **vals: Any) -> int:
        [record] = self.odoo.call(model, "create", vals_list=[vals])
        return int(record)

    def write(self, model: str, record: int, **vals: Any) -> None:
        self.odoo.call(model, "write", ids=[record], vals=vals)

    def make_transfer(
        self, source: int, target: int, units: Mapping[str, float], after: Mapping[str, int] | None = None,
        origin: str = "",
    ) -> tuple[int, dict[str, int]]:  # fmt: skip
        """A transfer, not confirmed yet, and its movements by code. after: movements that go before."""
        [kind] = self.odoo.call("stock.picking.type", "search", domain=[["code", "=", "internal"]], limit=1)
        places = {"location_id": source, "location_dest_id": target}
        picking = self.make("stock.picking", picking_type_id=kind, origin=origin, **places)
        moves = {
            code: self.make(
                "stock.move", picking_id=picking, product_id=self.products[code], product_uom_qty=count, **places,
                **({"move_orig_ids": [[6, 0, [after[code]]]]} if after else {}),
            )
            for code, count in units.items()
        }  # fmt: skip
        return picking, moves

    def units_at(self, place: int) -> dict[str, float]:
        rows = self.search("stock.quant", [["location_id", "=", place]], "product_id", "quantity")
        return {
            code: sum(row["quantity"] for row in rows if row["product_id"] == product)
            for code, product in self.products.items()
        }

    def button_validate(self, picking: int) -> None:
        answer = self.odoo.call("stock.picking", "button_validate", ids=[picking], context={"skip_backorder": True})
        assert answer is True, answer

    def waiting(self) -> dict[str, str]:
        with self.connections.warehouse.transaction() as connection:
            kept = exceptions.open_exceptions(connection, NAME, Topic.INBOUND)
        return {row.code: row.message for row in kept}


class Sending(Hands):
    """Goods in the own warehouse, and Amazon's plans."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self.amazon: InboundPlans = lanes.world.channels[NAME].plans
        [own] = self.search("stock.warehouse", [["code", "=", "WH"]], "partner_id")
        address = {"street": "Speicherstr. 4", "city": "Hamburg", "zip": "20457", "phone": "+49 40 1234567"}
        [germany] = self.odoo.call("res.country", "search", domain=[["code", "=", "DE"]])
        self.write("res.partner", own["partner_id"], **address, country_id=germany)
        self.odoo.call("product.product", "write", ids=list(self.products.values()), vals={"weight": 0.5})
        self.kind = self.make("stock.package.type", name=f"Box {secrets.token_hex(2)}", **SIZE)

    def transfer(self, units: Mapping[str, int]) -> int:
        """Two chained transfers, both confirmed, the first reserved; the first one's id."""
        first, moves = self.make_transfer(self.stock["WH"], self.road, units)
        second, _ = self.make_transfer(self.road, self.stock["FBA"], units, moves)
        for picking in (first, second):
            self.odoo.call("stock.picking", "action_confirm", ids=[picking])
        self.odoo.call("stock.picking", "action_assign", ids=[first])
        return first

    def pack(self, picking: int, kind: int | None = None) -> None:
        """Everything into one package, and ticked as picked."""
        kind = self.kind if kind is None else kind
        self.odoo.call("stock.picking", "action_put_in_pack", ids=[picking], package_type_id=kind or False)
        self.pick(picking)

    def pick(self, picking: int) -> None:
        self.odoo.call("stock.move", "write", ids=self.moves(picking), vals={"picked": True})

    def moves(self, picking: int) -> list[int]:
        return [row["id"] for row in self.search("stock.move", [["picking_id", "=", picking]])]

    def arrival(self, picking: int) -> int:
        """The transfer that follows."""
        rows = self.search("stock.move", [["move_orig_ids", "in", self.moves(picking)]], "picking_id")
        return int(rows[0]["picking_id"])

    def origin(self, picking: int) -> str:
        [row] = self.search("stock.picking", [["id", "=", picking]], "origin")
        return row["origin"] or ""

    def files(self, picking: int) -> list[str]:
        domain = [["res_model", "=", "stock.picking"], ["res_id", "=", picking]]
        return [row["name"] for row in self.search("ir.attachment", domain, "name")]

    def advance(self) -> Advanced:
        return advance(self.connections, NAME)

    def release(self) -> None:
        with self.connections.warehouse.transaction() as connection:
            assert holds.release(connection, NAME, Kind.INBOUND, "a person")

    def retry(self) -> None:
        """As `exceptions replay` does."""
        assert replay(self.connections, NAME) == 1

    def plan(self) -> Plan:
        with self.connections.warehouse.transaction() as connection:
            [plan] = rows.read_plans(connection, NAME, over=True)
        return plan

    def shown(self) -> ShownPlan:
        [plan] = self.amazon.living
        return plan


class Road(Hands):
    """A transfer of ten mugs and four packs of paper that left the own warehouse, and its shipment at Amazon."""

    def __init__(self, lanes: Lanes, origin: str = "") -> None:
        super().__init__(lanes)
        self.settings: tuple[int, dict[str, Any]] = 0, {}  # of the operation type before the test changed it
        self.number = f"FBA15{secrets.token_hex(3).upper()}"
        self.away = self.stock["FBA"]
        self.before = self.units_at(self.away)
        out = self.transfer(self.stock["WH"], self.road, "")
        self.validate(out, {MUG: 10, PAPER: 4})
        self.picking = self.transfer(self.road, self.away, origin or self.number)
        self.odoo.call("stock.picking", "action_assign", ids=[self.picking])
        self.shipment: Shipment = lanes.world.channels[NAME].inbound.add(self.number, GERMANY, **{MUG: 10, PAPER: 4})

    def validate(self, picking: int, units: dict[str, float]) -> None:
        """As a person does, of so much."""
        for move in self.open_moves(picking):
            self.write("stock.move", move["id"], quantity=units.get(move["product_id"], 0), picked=True)
        self.button_validate(picking)

    def open_moves(self, picking: int) -> list[dict[str, Any]]:
        codes = {product: code for code, product in self.products.items()}
        rows = self.search("stock.move", [["picking_id", "=", picking]], "product_id", "state", "quantity")
        return [
            {**row, "product_id": codes[row["product_id"]]} for row in rows if row["state"] not in ("done", "cancel")
        ]

    def transfer(self, source: int, target: int, origin: str) -> int:
        picking, _ = self.make_transfer(source, target, {MUG: 10, PAPER: 4}, origin=origin)
        self.odoo.call("stock.picking", "action_confirm", ids=[picking])
        return picking

    def set_type(self, **vals: str) -> None:
        """Of the operation type of the transfer, as a person sets it."""
        [row] = self.search("stock.picking", [["id", "=", self.picking]], "picking_type_id")
        [kind] = self.search("stock.picking.type", [["id", "=", row["picking_type_id"]]], *vals)
        self.settings = kind["id"], {name: kind[name] for name in vals}
        self.write("stock.picking.type", kind["id"], **vals)

    def arrived(self) -> dict[str, float]:
        now = self.units_at(self.away)
        return {code: now[code] - self.before[code] for code in now}

    def count(self, status: str = "RECEIVING", **items: int) -> None:
        self.shipment.status = status
        for sku, units in {MUG: items.get("mugs", 0), PAPER: items.get("papers", 0)}.items():
            self.shipment.items[sku][1] = units

    def receive(self) -> Received:
        return receive(self.connections, NAME)
