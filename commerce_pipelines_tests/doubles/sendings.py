"""A transfer of packed goods from the own warehouse onto the road to Amazon's, in the stand-in or a real Odoo.

What belongs here: what a person clicks in Odoo before and beside a plan. What does not: any expectation.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from typing import Any

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.inbound.plan_steps import Plan
from commerce_pipelines.domain.outbox.effects import Kind
from commerce_pipelines.flows.inbound.due import replay
from commerce_pipelines.flows.inbound.send_in import Advanced, advance
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.inbound import plan_rows as rows
from commerce_pipelines.warehouse.outbox import holds
from commerce_pipelines_tests.doubles.everywhere import Lanes
from commerce_pipelines_tests.doubles.lean import administrator
from commerce_pipelines_tests.flows.conftest import stock_articles
from commerce_sandbox.amazon.inbound_plans import InboundPlans
from commerce_sandbox.amazon.inbound_plans import Plan as ShownPlan

NAME, GERMANY = "amazon_eu", "A1PA6795UKMFR9"
MUG, PAPER = "MUG-STN-350-BL", "FLT-PAP-02-100"
SIZE = {"packaging_length": 400, "width": 300, "height": 205, "base_weight": 0.2}  # millimetres


class Sending:
    """Goods in the own warehouse, and Amazon's plans."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes, self.connections = lanes, lanes.connections
        self.is_real = "ODOO_URL" in os.environ and self.connections.settings.odoo.url.startswith(
            os.environ["ODOO_URL"]
        )
        self.odoo = administrator() if self.is_real else lanes.connections.odoo
        self.amazon: InboundPlans = lanes.world.channels[NAME].plans
        if self.is_real:
            self.prepare()
        houses = self.search("stock.warehouse", [], "code", "lot_stock_id", "partner_id")
        self.stock = {row["code"]: row["lot_stock_id"] for row in houses}
        [own] = [row for row in houses if row["code"] == "WH"]
        address = {"street": "Speicherstr. 4", "city": "Hamburg", "zip": "20457", "phone": "+49 40 1234567"}
        [germany] = self.odoo.call("res.country", "search", domain=[["code", "=", "DE"]])
        vals = {**address, "country_id": germany}
        self.odoo.call("res.partner", "write", ids=[own["partner_id"]], vals=vals)
        self.road = self.make("stock.location", name="Road to FBA", usage="transit")
        codes = self.search("product.product", [["default_code", "in", [MUG, PAPER]]], "default_code")
        self.products = {row["default_code"]: row["id"] for row in codes}
        self.odoo.call("product.product", "write", ids=list(self.products.values()), vals={"weight": 0.5})
        self.kind = self.make("stock.package.type", name=f"Box {secrets.token_hex(2)}", **SIZE)

    def prepare(self) -> None:
        """The warehouse and the articles, and no transfer of the tests before."""
        if not self.odoo.call("stock.warehouse", "search", domain=[["code", "=", "FBA"]]):
            self.make("stock.warehouse", name="FBA", code="FBA")
        for side in ("location_id", "location_dest_id"):
            old = self.odoo.call("stock.picking", "search", domain=[
                [f"{side}.usage", "=", "transit"], ["state", "not in", ["done", "cancel"]],
            ])  # fmt: skip
            self.odoo.call("stock.picking", "action_cancel", ids=old)
        stock_articles(self.odoo)

    def search(self, model: str, domain: list[Any], *fields: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.odoo.call(
            model, "search_read", domain=domain, fields=list(fields), load=None, order="id"
        )
        return rows

    def make(self, model: str, **vals: Any) -> int:
        [record] = self.odoo.call(model, "create", vals_list=[vals])
        return int(record)

    def transfer(self, units: Mapping[str, int]) -> int:
        """Two chained transfers, both confirmed, the first reserved; the first one's id."""
        [kind] = self.odoo.call("stock.picking.type", "search", domain=[["code", "=", "internal"]], limit=1)
        legs, moves = [], dict[str, int]()
        for source, target in ((self.stock["WH"], self.road), (self.road, self.stock["FBA"])):
            places = {"location_id": source, "location_dest_id": target}
            picking = self.make("stock.picking", picking_type_id=kind, **places)
            for code, count in units.items():
                chain = {"move_orig_ids": [[6, 0, [moves[code]]]]} if code in moves else {}
                moves[code] = self.make("stock.move", picking_id=picking, product_id=self.products[code],
                                        product_uom_qty=count, **places, **chain)  # fmt: skip
            legs.append(picking)
        for picking in legs:
            self.odoo.call("stock.picking", "action_confirm", ids=[picking])
        self.odoo.call("stock.picking", "action_assign", ids=[legs[0]])
        return legs[0]

    def pack(self, picking: int, kind: int | None = None) -> None:
        """Everything into one package, and ticked as picked."""
        kind = self.kind if kind is None else kind
        self.odoo.call("stock.picking", "action_put_in_pack", ids=[picking], package_type_id=kind or False)
        self.pick(picking)

    def pick(self, picking: int) -> None:
        self.odoo.call("stock.move", "write", ids=self.moves(picking), vals={"picked": True})

    def moves(self, picking: int) -> list[int]:
        return [row["id"] for row in self.search("stock.move", [["picking_id", "=", picking]])]

    def validate(self, picking: int) -> None:
        answer = self.odoo.call("stock.picking", "button_validate", ids=[picking], context={"skip_backorder": True})
        assert answer is True, answer

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

    def waiting(self) -> dict[str, str]:
        with self.connections.warehouse.transaction() as connection:
            kept = exceptions.open_exceptions(connection, NAME, Topic.INBOUND)
        return {row.code: row.message for row in kept}
