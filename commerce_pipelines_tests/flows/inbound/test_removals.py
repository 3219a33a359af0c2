"""What Amazon sends back comes back in Odoo: once, dated, to the right places; into the stand-in of Odoo, and into a
real Odoo 19 where ODOO_URL is set.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.core.errors import ProtocolError, RateLimited, RecordError
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.inbound.reconciliation import Group
from commerce_pipelines.flows.inbound.removals import Returned, bring_back, find_problem
from commerce_pipelines.flows.inbound.trace import trace
from commerce_pipelines.odoo.inbound import removals as transfers
from commerce_pipelines.odoo.inbound.stock_as_of import find_away, read_movements, read_stock_as_of
from commerce_pipelines.warehouse import audit
from commerce_pipelines_tests.doubles.homecoming import Home, build_removals
from commerce_pipelines_tests.doubles.sendings import MUG, NAME, PAPER
from commerce_sandbox.amazon.removal_rows import Removal


@pytest.fixture
def inbound() -> dict[str, Any]:
    return {"removals": build_removals()}


def test_units_leave_on_that_day_and_wait_to_be_received(home: Home) -> None:
    home.ship(3)
    home.ship(1)  # an equal row of the same parcel
    home.ship(2, PAPER, disposition="Unsellable")
    home.ship(9, PAPER, kind="Disposal")
    done = home.run()
    assert (done.parcels, done.units, done.transfers, done.waiting) == (1, 6, 1, {})
    assert (home.left(home.away), home.left(home.apart)) == ({MUG: 4, PAPER: 0}, {MUG: 0, PAPER: 2})
    out, back = home.pickings()
    assert (out["state"], back["state"], back["location_dest_id"]) == ("done", "assigned", home.own)
    assert str(out["date_done"]).replace("T", " ")[:10] == f"{home.noon:%Y-%m-%d}"
    assert out["origin"] == back["origin"] == f"removal R1{home.tag} DHL T{home.tag}"
    places = {row["product_id"]: row["location_dest_id"] for row in home.search(
        "stock.move", [["picking_id", "=", back["id"]]], "product_id", "location_dest_id"
    )}  # fmt: skip
    assert places == {home.products[MUG]: home.own, home.products[PAPER]: home.quarantine}
    again = home.run()
    assert (again.units, again.transfers, len(home.pickings())) == (0, 0, 2)
    with home.connections.warehouse.transaction() as connection:
        noted = [row.details["moved"] for row in audit.read(connection) if row.record == f"R1{home.tag}"]
    assert noted == [6]


def test_a_person_receives_what_arrives(home: Home) -> None:
    home.ship(3)
    home.run()
    stock = home.units_at(home.own)
    home.button_validate(home.pickings()[1]["id"])
    assert home.units_at(home.own)[MUG] == stock[MUG] + 3
    assert home.units_at(home.transit)[MUG] == home.before[home.transit][MUG]
    assert home.run().units == 0


def test_the_comparison_counts_them_once_as_removals(home: Home) -> None:
    home.ship(3)
    home.run()
    client, zone = home.connections.odoo_of(NAME), home.connections.settings.channel(NAME).zone
    away = find_away(client, "FBA")
    stocked = read_stock_as_of(client, away, {home.products[MUG]}, home.noon + timedelta(hours=12))
    moved = read_movements(
        client, away, {home.products[MUG]: stocked[home.products[MUG]]}, home.noon - timedelta(hours=9),
        home.noon + timedelta(hours=12), zone,
    )  # fmt: skip
    mine = [row for row in moved.done if row.day == home.noon.date() and row.group is Group.REMOVALS]
    assert sum(row.units for row in mine) <= -3
    assert {row.units for row in mine} >= {-3}


def test_late_rows_are_moved_later_and_fewer_are_shown(home: Home) -> None:
    home.ship(3)
    home.run()
    home.ship(2)
    assert home.run().units == 2
    assert (len(home.pickings()), home.left(home.away)[MUG]) == (4, 5)
    home.report.removals.rows.pop()
    assert home.run().waiting == {"fba_removal_differs": 1}
    assert "2 units less" in home.waiting()["fba_removal_differs"]
    assert home.left(home.away)[MUG] == 5
    home.ship(2)
    assert (home.run().waiting, home.waiting()) == ({}, {})


def test_a_sku_without_product_waits_and_the_others_go_on(home: Home) -> None:
    home.ship(3)
    home.ship(1, "NOBODY-KNOWS")
    assert (home.run().units, set(home.waiting())) == (3, {"unknown_sku"})


def test_units_with_serial_numbers_wait_for_a_person(home: Home) -> None:
    code = f"LOT-{home.tag}"
    home.make("product.product", name=code, default_code=code, type="consu", is_storable=True, tracking="lot")
    home.ship(3)
    home.ship(1, code)
    assert (home.run().units, set(home.waiting())) == (3, {"lot_needed"})


@pytest.mark.odoo
@pytest.mark.parametrize(
    ("tracking", "lots", "units", "moved"),
    [("lot", (5,), 3, 3), ("lot", (3, 2), 5, 5), ("lot", (3, 2), 3, 0), ("serial", (1, 1), 2, 2),
     ("serial", (1, 1), 1, 0), ("lot", (2,), 3, 0)],
)  # fmt: skip
def test_lots_come_home_where_nobody_can_doubt_which(
    home: Home, tracking: str, lots: tuple[int, ...], units: int, moved: int
) -> None:
    if not home.is_real:
        pytest.skip("the stand-in reserves no lots")
    code = f"LOT-{home.tag}"
    product = home.make(
        "product.product", name=code, default_code=code, type="consu", is_storable=True, tracking=tracking
    )  # fmt: skip
    for number, count in enumerate(lots):
        _add_lot(home, product, f"{code}-{number}", count)
    home.ship(units, code)
    done = home.run()
    assert (done.units, done.waiting) == (moved, {} if moved else {"lot_needed": 1})
    road = home.search("stock.quant", [["product_id", "=", product], ["location_id", "=", home.transit]], "lot_id",
                       "quantity")  # fmt: skip
    assert sum(row["quantity"] for row in road) == moved
    assert all(row["lot_id"] for row in road)
    if moved:
        home.button_validate(home.pickings()[1]["id"])
        kept = home.search("stock.quant", [["product_id", "=", product], ["location_id", "=", home.own]], "lot_id")
        assert len(kept) == len(road)


def _add_lot(home: Home, product: int, name: str, count: int) -> None:
    lot = home.make("stock.lot", name=name, product_id=product)
    quant = home.make("stock.quant", product_id=product, location_id=home.away, lot_id=lot, inventory_quantity=count)
    home.odoo.call("stock.quant", "action_apply_inventory", ids=[quant])


@pytest.mark.odoo
def test_a_transfer_that_an_earlier_run_left_takes_no_lot_of_several_that_lie_there_since(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not home.is_real:
        pytest.skip("the stand-in reserves no lots")
    code = f"LOT-{home.tag}"
    product = home.make("product.product", name=code, default_code=code, type="consu", is_storable=True, tracking="lot")
    _add_lot(home, product, f"{code}-0", 3)
    home.ship(3, code)
    with monkeypatch.context() as patch:
        patch.setattr(transfers, "bring_home", lambda *_: {})
        home.run()
    _add_lot(home, product, f"{code}-1", 3)
    for _ in range(2):
        done = home.run()
        assert (done.units, done.waiting, len(home.pickings())) == (0, {"lot_needed": 1}, 1)
    [out] = home.pickings()
    home.odoo.call("stock.picking", "action_confirm", ids=[out["id"]])
    home.odoo.call("stock.picking", "action_assign", ids=[out["id"]])
    home.button_validate(out["id"])  # a person has looked
    assert (home.run().waiting, home.waiting(), len(home.pickings())) == ({}, {}, 2)


@pytest.mark.parametrize("place", ["removal_loaded", "removal_receipt_loaded", "before_removal", "removal_sent"])
def test_a_run_that_dies_is_finished_by_the_next(home: Home, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(name: str) -> None:
        if name == place:
            raise KeyboardInterrupt

    home.ship(3)
    with monkeypatch.context() as patch:
        patch.setattr(transfers, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            home.run()
    home.run()
    out, back = home.pickings()
    assert (out["state"], back["state"], home.left(home.away)[MUG]) == ("done", "assigned", 3)
    assert str(out["date_done"])[:10] == f"{home.noon:%Y-%m-%d}"


def test_two_runs_at_once_move_once(home: Home) -> None:
    home.ship(3)
    home.report._reports.clear()

    def run_once_more(_: int) -> Returned:
        """Amazon makes one report in half an hour: the run that came second uses it, as Dagster tries it again."""
        try:
            return bring_back(home.connections, NAME)
        except RateLimited:
            return bring_back(home.connections, NAME)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run_once_more, range(2)))
    assert sorted(run.units for run in done) == [0, 3]
    assert (len(home.pickings()), home.left(home.away)[MUG]) == (2, 3)


def test_a_date_that_a_person_corrects_stays(home: Home) -> None:
    home.ship(3)
    home.run()
    out, _ = home.pickings()
    stamp = f"{home.noon - timedelta(days=1):%Y-%m-%d} 10:00:00"
    home.write("stock.picking", out["id"], date_done=stamp)
    home.run()
    assert str(home.pickings()[0]["date_done"]).replace("T", " ")[:19] == stamp


def test_a_transfer_that_a_person_cancels_is_not_made_again(home: Home) -> None:
    home.ship(3)
    home.run()
    home.odoo.call("stock.picking", "action_cancel", ids=[home.pickings()[1]["id"]])
    assert (home.run().units, len(home.pickings())) == (0, 2)


def test_more_than_odoo_has_leaves_all_the_same(home: Home) -> None:
    before = home.before[home.away][MUG]
    units = max(int(before), 0) + 100
    home.ship(units)
    assert home.run().units == units
    assert home.left(home.away)[MUG] == units
    assert home.units_at(home.away)[MUG] < 0


def test_a_place_that_odoo_lacks_is_named_before_anything_is_written(home: Home) -> None:
    assert find_problem(home.connections, NAME) == ""
    home.ship(3)
    home.write("stock.location", home.transit, name="Elsewhere")
    try:
        with pytest.raises(RecordError, match="no transit location Removals"):
            home.run()
        assert "no transit location Removals" in find_problem(home.connections, NAME)
    finally:
        home.write("stock.location", home.transit, name="Removals")
    assert home.pickings() == []


def test_a_report_that_cannot_be_read_moves_nothing(home: Home) -> None:
    home.ship(3)
    home.ship(-1, PAPER)
    with pytest.raises(ProtocolError, match="less than no units"):
        home.run()
    home.report.removals.columns = ("order-id", "shipment-date", "sku", "disposition")
    with pytest.raises(ProtocolError):
        home.run()
    assert home.pickings() == []


def test_the_story_of_a_removal_order(home: Home) -> None:
    home.ship(3)
    home.run()
    for way in (f"R1{home.tag}", f"T{home.tag}"):
        events = trace(home.connections, NAME, way)
        [parcel] = [event for event in events if event.what.startswith("parcel")]
        assert (parcel.details["units"], parcel.details["units of Odoo's that left"]) == ("3", "3")
        assert sorted(event.details["state"] for event in events if event.what == "in Odoo now") == ["done", "reserved"]
    assert trace(home.connections, NAME, "R9") == []


def test_the_story_tells_no_transfer_of_another_order(home: Home) -> None:
    home.ship(3)
    home.report.removals.rows.append(
        Removal(f"R1{home.tag}0", sku=MUG, units=2, tracking=f"U{home.tag}", at=home.noon.astimezone(UTC))
    )
    home.run()
    now = [event for event in trace(home.connections, NAME, f"R1{home.tag}") if event.what == "in Odoo now"]
    assert {event.details["source document"] for event in now} == {f"removal R1{home.tag} DHL T{home.tag}"}


def test_a_great_many_units_are_moved_to_the_unit(home: Home) -> None:
    home.ship(1_234_567)
    assert home.run().units == 1_234_567
    assert home.run().waiting == {}


def test_the_asset_shows_it(home: Home) -> None:
    home.ship(3)
    home.report._reports.clear()
    result = home.lanes.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=dg.DagsterInstance.ephemeral(), asset_selection=[dg.AssetKey([NAME, "fba_removals"])],
        tags=run_tags(NAME, Topic.INBOUND), raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )  # fmt: skip
    assert result.success
    [event] = result.get_asset_materialization_events()
    figures = event.step_materialization_data.materialization.metadata
    assert (figures["units that left"].value, figures["dagster/row_count"].value) == (3, 1)
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("sent_back", True)
