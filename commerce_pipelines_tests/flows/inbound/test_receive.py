"""Goods on the road to Amazon, received as Amazon counts them: steps, what is missing or too much, crashes, persons and
runs beside each other; into the stand-in of Odoo, and into a real Odoo 19 where ODOO_URL is set.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.cli.order_page import write_page
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.explain import explain
from commerce_pipelines.flows.inbound.receive import has_work
from commerce_pipelines.odoo.inbound import receipts
from commerce_pipelines.warehouse import audit
from commerce_pipelines_tests.doubles.everywhere import Lanes
from commerce_pipelines_tests.doubles.sendings import GERMANY, MUG, NAME, PAPER, Road


@pytest.fixture
def road(lanes: Lanes) -> Iterator[Road]:
    road = Road(lanes)
    yield road
    kind, vals = road.settings
    if kind:
        road.odoo.call("stock.picking.type", "write", ids=[kind], vals=vals)


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
    assert noted[-1:] == [(road.number, {"received": 6})]
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
    assert (row.shipment_id, row.code, row.count.missing) == (road.number, MUG, 2)
    assert row.last_day == today + timedelta(days=60)
    assert road.waiting()["fba_count_differs"] == (
        f"Of the shipment {road.number} (CLOSED): 2 missing of {MUG}. A claim is taken until {row.last_day}."
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


def test_a_person_who_validates_by_hand_meanwhile(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    def validate(name: str) -> None:
        if name == "before_fba_receipt":
            road.validate(road.picking, {MUG: 7, PAPER: 4})

    road.count(mugs=6)
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "failpoint", validate)
        road.receive()
    assert road.arrived() == {MUG: 7, PAPER: 4}
    road.count(mugs=9, papers=4)
    assert road.receive().units == 2
    assert road.arrived() == {MUG: 9, PAPER: 4}
    assert road.units_at(road.road) == {MUG: 1, PAPER: 0}


def test_two_runs_at_once_receive_once(road: Road) -> None:
    road.count(mugs=6, papers=4)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: road.receive(), range(2)))
    assert sorted(run.units for run in done) == [0, 10]
    assert road.arrived() == {MUG: 6, PAPER: 4}


def test_units_that_nobody_has_reserved_on_the_road_are_received(road: Road) -> None:
    """An operation type that reserves by hand leaves what stays on the road unreserved."""
    road.set_type(reservation_method="manual")
    road.count(mugs=6)
    assert road.receive().units == 6
    road.count(mugs=9, papers=4)
    assert road.receive().units == 7
    assert road.waiting() == {}
    assert road.units_at(road.road) == {MUG: 1, PAPER: 0}


def test_a_quantity_that_a_person_types_is_not_on_the_road(road: Road) -> None:
    """Before the goods have left: Odoo lets anybody type it."""
    late = road.transfer(road.road, road.away, road.number)
    for move in road.open_moves(late):
        road.odoo.call("stock.move", "write", ids=[move["id"]], vals={"quantity": 3})
    road.count(mugs=13, papers=4)
    assert road.receive().units == 14
    assert road.units_at(road.road) == {MUG: 0, PAPER: 0}
    assert "3 more than were on the road" in road.waiting()["fba_count_differs"]


def test_a_rest_that_odoo_would_cancel_is_not_left_behind(road: Road) -> None:
    road.set_type(create_backorder="never")
    road.count(mugs=6, papers=4)
    assert road.receive().units == 0
    assert "backorder" in road.waiting()["refused_by_odoo"]
    assert road.units_at(road.road) == {MUG: 10, PAPER: 4}
    road.count(mugs=10, papers=4)  # all of it: no rest
    assert road.receive().units == 14
    assert road.waiting() == {}


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
    link = f"](/orders/{NAME}/{road.number})"
    assert link in figures[f"pages/{NAME}"]
    assert link in figures["shipments to clear"]
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == ("counted_in_full", False, dg.AssetCheckSeverity.WARN)
    assert link in str(check.metadata["differing"].value)
    page = explain(road.lanes.connections, NAME, road.number)
    assert f"<h1>{NAME} {road.number}</h1>" in write_page(page)


@pytest.mark.odoo
@pytest.mark.parametrize(("tracking", "lots"), [("lot", (6,)), ("lot", (3, 3)), ("serial", (1, 1, 1))])
def test_lots_and_serial_numbers_arrive_as_they_left(road: Road, tracking: str, lots: tuple[int, ...]) -> None:
    """A part of several waits, because nobody says which arrived."""
    if not road.is_real:
        pytest.skip("the stand-in reserves no lots")
    code, total = f"LOT-{secrets.token_hex(3)}", sum(lots)
    product = road.make(
        "product.product", name=code, default_code=code, type="consu", is_storable=True, tracking=tracking
    )  # fmt: skip
    road.products[code] = product
    for at, count in enumerate(lots):
        lot = road.make("stock.lot", name=f"{code}-{at}", product_id=product)
        quant = road.make("stock.quant", product_id=product, location_id=road.stock["WH"], lot_id=lot,
                          inventory_quantity=count)  # fmt: skip
        road.odoo.call("stock.quant", "action_apply_inventory", ids=[quant])
    number = f"FBA15{secrets.token_hex(3).upper()}"
    first, moves = road.make_transfer(road.stock["WH"], road.road, {code: total})
    second, _ = road.make_transfer(road.road, road.away, {code: total}, moves, origin=number)
    for picking in (first, second):
        road.odoo.call("stock.picking", "action_confirm", ids=[picking])
    road.odoo.call("stock.picking", "action_assign", ids=[first])
    road.write("stock.move", moves[code], picked=True)
    road.button_validate(first)
    shipment = road.lanes.world.channels[NAME].inbound.add(number, GERMANY, **{code: total})
    shipment.status = "RECEIVING"
    shipment.items[code][1] = 2
    done = road.receive()
    if len(lots) == 1:
        assert (done.units, done.waiting) == (2, {})
    else:
        assert (done.units, done.waiting, done.discrepancies) == (0, {"lot_needed": 1}, [])
    shipment.items[code][1] = total
    road.receive()
    there = road.search("stock.quant", [["product_id", "=", product], ["location_id", "=", road.away]], "quantity")
    assert (sorted(row["quantity"] for row in there), road.waiting()) == (sorted(lots), {})
