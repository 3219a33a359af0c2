"""What Amazon sends back comes back in Odoo: once, dated, to the right places; into the stand-in of Odoo, and into a
real Odoo 19 where ODOO_URL is set.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.core.errors import ProtocolError, RateLimited, RecordError
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.inbound.reconciliation import Group
from commerce_pipelines.flows.inbound import removals as removal_flow
from commerce_pipelines.flows.inbound.ledger_days import is_due, read
from commerce_pipelines.flows.inbound.reconcile import reconcile
from commerce_pipelines.flows.inbound.removals import Returned, bring_back, find_problem
from commerce_pipelines.flows.inbound.trace import trace
from commerce_pipelines.odoo.inbound import removals as transfers
from commerce_pipelines.odoo.inbound.stock_as_of import find_away, read_movements, read_stock_as_of
from commerce_pipelines.warehouse import audit
from commerce_pipelines_tests.doubles.everywhere import Lanes
from commerce_pipelines_tests.doubles.sendings import MUG, NAME, PAPER, Hands
from commerce_sandbox.amazon.removal_rows import COLUMNS, Removal


class Home(Hands):
    """Goods in Amazon's warehouse that come home."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self.tag = secrets.token_hex(3)
        self.report = lanes.world.channels[NAME].reports
        self.transit = self._make_place("Removals", "transit")
        self.quarantine = self._make_place("Not to be sold", "internal")
        [house] = self.search("stock.warehouse", [["code", "=", "FBA"]], "view_location_id")
        self.apart = self._make_place("Unsellable", "internal", location_id=house["view_location_id"])
        self.away, self.own = self.stock["FBA"], self.stock["WH"]
        self.before = {place: self.units_at(place) for place in (self.away, self.apart, self.transit)}
        zone = self.connections.settings.channel(NAME).zone
        self.noon = datetime.now(zone).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=3)

    def _make_place(self, name: str, usage: str, **more: Any) -> int:
        there = self.search("stock.location", [["name", "=", name], ["usage", "=", usage]])
        return int(there[0]["id"]) if there else self.make("stock.location", name=name, usage=usage, **more)

    def ship(self, units: int, sku: str = MUG, order: str = "R1", **more: Any) -> None:
        values = {"tracking": f"T{self.tag}", "at": self.noon.astimezone(UTC), **more}
        self.report.removals.rows.append(Removal(f"{order}{self.tag}", sku=sku, units=units, **values))

    def run(self) -> Returned:
        self.report._reports.clear()  # an hour later
        return bring_back(self.connections, NAME)

    def left(self, place: int) -> dict[str, float]:
        now = self.units_at(place)
        return {code: self.before[place][code] - units for code, units in now.items()}

    def pickings(self, order: str = "R1") -> list[dict[str, Any]]:
        domain = [["origin", "ilike", f"removal {order}{self.tag}"]]
        return self.search("stock.picking", domain, "state", "date_done", "location_dest_id", "origin")


@pytest.fixture
def inbound() -> dict[str, Any]:
    since = (datetime.now(UTC).date() - timedelta(days=20)).isoformat()
    return {
        "removals": {
            "enabled": True, "since": since, "transit": "Removals", "warehouse": "WH", "unsellable": "Not to be sold",
            "unsellable_from": "Unsellable",
        }
    }  # fmt: skip


@pytest.fixture
def home(lanes: Lanes) -> Iterator[Home]:
    home = Home(lanes)
    yield home
    home.report.removals.rows.clear()
    old = [row["id"] for row in home.pickings() if row["state"] not in ("done", "cancel")]
    home.odoo.call("stock.picking", "action_cancel", ids=old)


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
    before = int(home.before[home.away][MUG])
    units = max(before, 0) + 100
    home.ship(units)
    assert home.run().units == units
    assert home.units_at(home.away)[MUG] == before - units < 0


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
        assert sorted(event.details["state"] for event in events if event.what == "in Odoo now") == ["assigned", "done"]
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


@pytest.mark.parametrize("days", [0, 1])
def test_a_tracking_number_that_comes_later_moves_nothing_twice(home: Home, days: int) -> None:
    """Nor does another day of shipping; and the receipt that waits names it."""
    home.ship(3, tracking="")
    home.run()
    home.report.removals.rows.clear()
    home.ship(3, at=(home.noon - timedelta(days=days)).astimezone(UTC))
    again = home.run()
    assert (again.units, again.transfers, again.waiting, home.left(home.away)[MUG]) == (0, 0, {}, 3)
    assert {row["origin"] for row in home.pickings()} == {f"removal R1{home.tag} DHL T{home.tag}"}
    home.ship(2, tracking="")  # a parcel that is named as the other was
    assert (home.run().units, home.left(home.away)[MUG], len(home.pickings())) == (2, 5, 4)
    assert (home.run().units, home.waiting()) == (0, {})


def test_a_run_that_dies_before_a_number_comes_is_finished_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str) -> None:
        raise KeyboardInterrupt

    home.ship(3, tracking="")
    with monkeypatch.context() as patch:
        patch.setattr(transfers, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            home.run()
    home.report.removals.rows.clear()
    home.ship(3)
    home.run()
    assert ([row["state"] for row in home.pickings()], home.left(home.away)[MUG]) == (["done", "assigned"], 3)


def test_a_parcel_that_the_report_no_longer_has_is_told(home: Home) -> None:
    home.ship(3)
    home.run()
    home.report.removals.rows.clear()
    home.ship(1, order="R2")
    assert home.run().waiting == {"fba_removal_differs": 1}
    assert "has lost the removal R1" in home.waiting()["fba_removal_differs"]
    home.report.removals.rows.clear()  # nothing at all: Amazon cancels the report
    assert home.run().waiting == {"fba_removal_differs": 2}
    home.ship(3)
    home.ship(1, order="R2")
    assert (home.run().waiting, home.left(home.away)[MUG]) == ({}, 4)


def test_what_a_person_returns_by_hand_is_settled(home: Home) -> None:
    home.ship(3)
    home.run()
    home.report.removals.rows.clear()
    home.run()
    [move] = home.search("stock.move", [["picking_id", "=", home.pickings()[0]["id"]]], "product_id")
    home.odoo.call("stock.picking", "action_cancel", ids=[home.pickings()[1]["id"]])
    back, moves = home.make_transfer(home.transit, home.away, {MUG: 3})
    home.write("stock.move", moves[MUG], origin_returned_move_id=move["id"], quantity=3, picked=True)
    home.button_validate(back)
    assert (home.run().waiting, home.left(home.away)[MUG]) == ({}, 0)


def test_what_waits_is_not_forgotten_when_its_day_is_old(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"LATER-{home.tag}"
    home.ship(3)
    home.ship(1, code)
    home.run()
    monkeypatch.setattr(removal_flow, "SPAN_DAYS", -30)  # the report begins long after that day
    home.report.removals.rows.clear()
    assert (home.run().waiting, set(home.waiting())) == ({"unknown_sku": 1}, {"unknown_sku"})
    home.make("product.product", name=code, default_code=code, type="consu", is_storable=True)
    assert (home.run().units, home.waiting(), len(home.pickings())) == (1, {}, 4)
    assert (home.run().kept, home.left(home.away)[MUG]) == ([], 3)


def test_a_date_that_a_person_corrects_stays_when_a_row_comes_late(home: Home) -> None:
    home.ship(3)
    home.run()
    stamp = f"{home.noon - timedelta(days=1):%Y-%m-%d} 10:00:00"
    first = home.pickings()[0]["id"]
    home.write("stock.picking", first, date_done=stamp)
    home.ship(2)
    home.run()
    dates = [str(row["date_done"]).replace("T", " ")[:19] for row in home.pickings() if row["state"] == "done"]
    assert (dates[0], dates[1][:10]) == (stamp, f"{home.noon:%Y-%m-%d}")


def test_a_part_of_a_unit_is_moved_once_and_told(home: Home) -> None:
    code = f"KIT-{home.tag}"
    kit = home.make("product.product", name=code, default_code=code, type="consu", is_storable=True)
    part = home.make("product.product", name=f"Part of {code}", type="consu", is_storable=True)
    [row] = home.search("product.product", [["id", "=", kit]], "product_tmpl_id")
    home.make("mrp.bom", product_tmpl_id=row["product_tmpl_id"], product_qty=3, type="phantom",
              bom_line_ids=[[0, 0, {"product_id": part, "product_qty": 1}]])  # fmt: skip
    home.ship(1, code)
    for _ in range(3):
        done = home.run()
        assert (len(home.pickings()), done.waiting) == (2, {"fba_removal_differs": 1})
    [quant] = home.search("stock.quant", [["product_id", "=", part], ["location_id", "=", home.away]], "quantity")
    assert quant["quantity"] == pytest.approx(-0.33)
    assert "a part of 0.003333 of a unit" in home.waiting()["fba_removal_differs"]


def test_a_kind_that_nobody_knows_waits_and_is_never_guessed(home: Home) -> None:
    home.ship(3)
    home.ship(4, PAPER, order="R2", kind="Rückgabe")
    done = home.run()
    assert (done.units, done.waiting) == (3, {"fba_removal_kind": 1})
    assert "1 rows of the kind Rückgabe" in home.waiting()["fba_removal_kind"]
    home.report.removals.columns = COLUMNS[:-1]
    again = home.run()
    assert (again.units, again.waiting) == (0, {"fba_removal_kind": 1})  # and no parcel is said to be lost
    assert "2 rows that name no kind" in home.waiting()["fba_removal_kind"]


def test_the_settings_say_what_a_kind_means(home: Home) -> None:
    rules = home.connections.settings.channel(NAME).inbound.removals
    home.ship(3, kind="Rückgabe")
    home.ship(1, order="R2", kind="Entsorgung")
    rules.kinds.update({"rückgabe": "return", "entsorgung": "other"})
    done = home.run()
    assert (done.units, done.waiting) == (3, {})


def test_a_sku_that_means_more_since_moves_nothing_again(home: Home) -> None:
    code = f"PACK-{home.tag}"
    product = home.make("product.product", name=code, default_code=code, type="consu", is_storable=True)
    home.ship(3)
    home.ship(2, code)
    home.run()
    home.write("product.product", product, default_code=f"OLD-{home.tag}")
    home.make("product.product", name=code, default_code=code, type="consu", is_storable=True)
    again = home.run()
    assert (again.units, again.waiting, len(home.pickings())) == (0, {}, 2)
    home.ship(1, code)
    assert home.run().units == 1


def test_a_run_whose_removals_failed_is_requested_again(home: Home) -> None:
    read(home.connections, NAME)
    assert is_due(home.connections, NAME)  # nothing else was done yet
    home.ship(-1)
    with pytest.raises(ProtocolError):
        home.run()
    reconcile(home.connections, NAME)
    assert is_due(home.connections, NAME)
    home.report.removals.rows.clear()
    home.run()
    assert not is_due(home.connections, NAME)


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
