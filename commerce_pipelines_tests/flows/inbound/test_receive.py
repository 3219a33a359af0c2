"""Goods on the road to Amazon, received as Amazon counts them: steps, what is missing or too much, and crashes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.inbound.receive import Received, has_work, receive
from commerce_pipelines.odoo.inbound import receipts
from commerce_pipelines.warehouse import audit, exceptions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.everywhere import Lanes, open_lanes
from commerce_sandbox.amazon.inbound_shipments import Shipment

NAME, SHIPMENT, GERMANY = "amazon_eu", "FBA15ABCDEF", "A1PA6795UKMFR9"
MUG, PAPER = "MUG-STN-350-BL", "FLT-PAP-02-100"


class Road:
    """A transfer of ten mugs and four packs of paper that left the own warehouse, and its shipment at Amazon."""

    def __init__(self, lanes: Lanes, origin: str = SHIPMENT) -> None:
        self.lanes, self.connections, self.odoo = lanes, lanes.connections, lanes.connections.odoo
        rows = self.odoo.call("stock.warehouse", "search_read", domain=[], fields=["code", "lot_stock_id"], load=None)
        stock = {row["code"]: row["lot_stock_id"] for row in rows}
        self.away = stock["FBA"]
        vals = {"name": "Road to FBA", "usage": "transit"}
        [self.road] = self.odoo.call("stock.location", "create", vals_list=[vals])
        codes = self.odoo.call("product.product", "search_read", domain=[["default_code", "in", [MUG, PAPER]]],
                               fields=["default_code"], load=None)  # fmt: skip
        self.products = {row["default_code"]: row["id"] for row in codes}
        self.before = self.units_at(self.away)
        out = self.transfer(stock["WH"], self.road, "")
        self.odoo.call("stock.picking", "button_validate", ids=[out])
        self.picking = self.transfer(self.road, self.away, origin)
        self.odoo.call("stock.picking", "action_assign", ids=[self.picking])
        self.shipment: Shipment = lanes.world.channels[NAME].inbound.add(SHIPMENT, GERMANY, **{MUG: 10, PAPER: 4})

    def transfer(self, source: int, target: int, origin: str) -> int:
        [kind] = self.odoo.call("stock.picking.type", "search", domain=[["code", "=", "internal"]], limit=1)
        places = {"location_id": source, "location_dest_id": target}
        vals = {"picking_type_id": kind, "origin": origin, **places}
        [picking] = self.odoo.call("stock.picking", "create", vals_list=[vals])
        self.odoo.call("stock.move", "create", vals_list=[
            {"picking_id": picking, "product_id": self.products[code], "product_uom_qty": units, **places}
            for code, units in ((MUG, 10), (PAPER, 4))
        ])  # fmt: skip
        self.odoo.call("stock.picking", "action_confirm", ids=[picking])
        return int(picking)

    def units_at(self, place: int) -> dict[str, float]:
        rows = self.odoo.call("stock.quant", "search_read", domain=[["location_id", "=", place]], load=None,
                              fields=["product_id", "quantity"])  # fmt: skip
        there = {row["product_id"]: row["quantity"] for row in rows}
        return {code: there.get(product, 0.0) for code, product in self.products.items()}

    def arrived(self) -> dict[str, float]:
        now = self.units_at(self.away)
        return {code: now[code] - self.before[code] for code in now}

    def count(self, status: str = "RECEIVING", **items: int) -> None:
        self.shipment.status = status
        for sku, units in {MUG: items.get("mugs", 0), PAPER: items.get("papers", 0)}.items():
            self.shipment.items[sku][1] = units

    def receive(self) -> Received:
        return receive(self.connections, NAME)

    def waiting(self) -> dict[str, str]:
        with self.connections.warehouse.transaction() as connection:
            rows = exceptions.open_exceptions(connection, NAME, Topic.INBOUND)
        return {row.code: row.message for row in rows}


@pytest.fixture
def lanes(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lanes]:
    since = (datetime.now(UTC).date() - timedelta(days=6)).isoformat()
    inbound = {"inbound": {"enabled": True, "since": since, "receive": True}}
    with open_lanes(warehouse, monkeypatch, tmp_path, amazon_eu=inbound) as opened:
        yield opened


@pytest.fixture
def road(lanes: Lanes) -> Road:
    return Road(lanes)


def test_goods_on_the_road_are_neither_here_nor_there(road: Road) -> None:
    assert has_work(road.connections, NAME)
    assert road.receive().units == 0
    assert road.arrived() == {MUG: 0, PAPER: 0}
    assert road.units_at(road.road) == {MUG: 10, PAPER: 4}


def test_what_is_counted_is_received_in_steps_and_once(road: Road) -> None:
    road.count(mugs=6)
    assert (road.receive().units, road.receive().units) == (6, 0)
    assert road.arrived() == {MUG: 6, PAPER: 0}
    assert road.units_at(road.road) == {MUG: 4, PAPER: 4}
    with road.connections.warehouse.transaction() as connection:
        noted = [(row.record, row.details) for row in audit.read(connection) if row.action == "goods received"]
    assert noted[-1:] == [(SHIPMENT, {"received": 6})]
    road.count(mugs=9, papers=4)
    assert road.receive().units == 7
    road.count("CLOSED", mugs=10, papers=4)
    assert road.receive().units == 1
    assert road.arrived() == {MUG: 10, PAPER: 4}
    assert road.waiting() == {}
    assert not has_work(road.connections, NAME)


def test_two_units_missing_are_a_visible_discrepancy_with_the_last_day_of_a_claim(road: Road) -> None:
    road.count(mugs=8, papers=4)
    assert road.receive().discrepancies == []  # more may come
    road.count("CLOSED", mugs=8, papers=4)
    [row] = road.receive().discrepancies
    today = datetime.now(road.connections.settings.channel(NAME).zone).date()
    assert (row.shipment_id, row.code, row.count.missing) == (SHIPMENT, MUG, 2)
    assert row.last_day == today + timedelta(days=60)
    assert road.waiting()["fba_count_differs"] == (
        f"Of the shipment {SHIPMENT} (CLOSED): 2 missing of {MUG}. A claim is taken until {row.last_day}."
    )
    assert road.units_at(road.road) == {MUG: 2, PAPER: 0}  # nothing is adjusted
    road.count("CLOSED", mugs=10, papers=4)  # Amazon finds them
    assert road.receive().discrepancies == []
    assert road.waiting() == {}
    assert road.arrived() == {MUG: 10, PAPER: 4}


def test_more_than_was_sent_is_shown_and_not_received(road: Road) -> None:
    road.count("CLOSED", mugs=11, papers=4)
    [row] = road.receive().discrepancies
    assert (row.code, row.count.surplus) == (MUG, 1)
    assert road.arrived() == {MUG: 10, PAPER: 4}
    assert road.units_at(road.road) == {MUG: 0, PAPER: 0}
    assert "1 more than were on the road" in road.waiting()["fba_count_differs"]


def test_a_count_that_goes_down_is_shown_and_takes_nothing_back(road: Road) -> None:
    road.count("CLOSED", mugs=10, papers=4)
    road.receive()
    road.count("CLOSED", mugs=9, papers=4)
    [row] = road.receive().discrepancies
    assert row.count.counted_down == 1
    assert road.arrived() == {MUG: 10, PAPER: 4}


def test_a_transfer_without_a_number_is_named_and_left_alone(lanes: Lanes) -> None:
    road = Road(lanes, origin="for Amazon")
    road.count("CLOSED", mugs=10, papers=4)
    assert not has_work(road.connections, NAME)
    done = road.receive()
    assert (done.units, len(done.unnumbered), done.shipments) == (0, 1, 0)
    assert road.arrived() == {MUG: 0, PAPER: 0}


def test_a_number_that_amazon_does_not_know_waits(lanes: Lanes) -> None:
    road = Road(lanes, origin="FBA15WRONG1")
    road.receive()
    assert "FBA15WRONG1" in road.waiting()["unknown_shipment"]


@pytest.mark.parametrize("place", ["before_fba_receipt", "fba_received"])
def test_a_run_that_dies_while_it_receives_is_finished_by_the_next(
    road: Road, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str) -> None:
        if name == place:
            raise KeyboardInterrupt

    road.count(mugs=6, papers=4)
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            road.receive()
    road.receive()
    assert road.arrived() == {MUG: 6, PAPER: 4}
    assert road.units_at(road.road) == {MUG: 4, PAPER: 0}


def test_the_assets_show_it(road: Road) -> None:
    road.count("CLOSED", mugs=8, papers=4)
    keys = [dg.AssetKey(["odoo", "inbound_transfers"]), dg.AssetKey([NAME, "inbound_shipments"])]
    result = road.lanes.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=dg.DagsterInstance.ephemeral(), asset_selection=keys, tags=run_tags(NAME, Topic.INBOUND),
        raise_on_error=False, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )  # fmt: skip
    assert result.success
    figures: dict[str, Any] = {
        name: value.value
        for event in result.get_asset_materialization_events()
        for name, value in event.step_materialization_data.materialization.metadata.items()
    }
    assert (figures["on the road"], figures["units received"], figures["shipments/CLOSED"]) == (1, 12, 1)
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == ("counted_in_full", False, dg.AssetCheckSeverity.WARN)
