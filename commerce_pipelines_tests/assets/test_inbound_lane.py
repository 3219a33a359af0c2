"""The lane of the marketplace's warehouses in Dagster: Amazon's ledger against Odoo, and what differs named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from commerce_pipelines.assets.common import ASKED_AGAIN
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.lineage import replay
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.inbound import differences
from commerce_pipelines.warehouse.inbound.ledger import newest_day
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.everywhere import Lanes, open_lanes
from commerce_sandbox.amazon.ledger_rows import Event
from commerce_sandbox.catalogue import CATALOGUE

NAME = "amazon_eu"
MUG, KETTLE = "MUG-STN-350-BL", CATALOGUE[0].sku
TABLES = ("fba_inventory", "fba_reconciliation")


class Away:
    """Amazon's warehouses with what Odoo's seeded stock of them has, received some days ago."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes, self.odoo = lanes, lanes.connections.odoo
        self.ledger = lanes.world.channels[NAME].ledger
        self.ledger.source = lambda: ()  # the tests tell of every event themselves
        zone = lanes.connections.settings.channel(NAME).zone
        self.today = datetime.now(zone).date()
        self.received = self.today - timedelta(days=10)
        self.instance = dg.DagsterInstance.ephemeral()
        place = self.odoo.call("stock.warehouse", "search_read", domain=[["code", "=", "FBA"]], load=None,
                               fields=["lot_stock_id"])[0]["lot_stock_id"]  # fmt: skip
        rows = self.odoo.call("stock.quant", "search_read", domain=[["location_id", "=", place]], load=None,
                              fields=["product_id", "quantity"])  # fmt: skip
        codes = self.odoo.call("product.product", "read", ids=[row["product_id"] for row in rows], load=None,
                               fields=["default_code"])  # fmt: skip
        code_of = {row["id"]: row["default_code"] for row in codes}
        self.units = {code_of[row["product_id"]]: int(row["quantity"]) for row in rows}
        self.place = place
        self.ledger.add(*(
            Event(self.received, sku, "Receipts", units, "FBA15DEMO") for sku, units in self.units.items()
        ))  # fmt: skip

    def run(self) -> dict[str, Any]:
        """Both assets; their metadata and the verdicts of their checks."""
        job = self.lanes.definitions.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            instance=self.instance, asset_selection=[dg.AssetKey([NAME, table]) for table in TABLES],
            tags=run_tags(NAME, Topic.INBOUND), raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )  # fmt: skip
        assert result.success
        figures = {
            name: value.value
            for event in result.get_asset_materialization_events()
            for name, value in event.step_materialization_data.materialization.metadata.items()
        }
        return figures | {check.check_name: check.passed for check in result.get_asset_check_evaluations()}

    def waiting(self) -> dict[str, str]:
        with self.lanes.connections.warehouse.transaction() as connection:
            rows = exceptions.open_exceptions(connection, NAME, Topic.INBOUND)
        return {row.code: row.message for row in rows}

    def tick(self) -> Any:
        schedule = self.lanes.definitions.resolve_schedule_def(f"{NAME}_inbound")
        with dg.instance_for_test() as instance:
            with dg.build_schedule_context(instance, resources={"connections": self.lanes.connections}) as context:
                return schedule(context)


@pytest.fixture
def away(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Away]:
    since = datetime.now(UTC).date() - timedelta(days=6)
    inbound = {"inbound": {"enabled": True, "since": since.isoformat()}}
    with open_lanes(warehouse, monkeypatch, tmp_path, amazon_eu=inbound) as lanes:
        yield Away(lanes)


def test_what_agrees_is_proved(away: Away) -> None:
    assert away.tick().tags == run_tags(NAME, "inbound") | ASKED_AGAIN
    figures = away.run()
    assert (figures["ledger_is_sound"], figures["stock_agrees"]) == (True, True)
    assert figures["units in Odoo"] == figures["units in the marketplace's ledger"] == sum(away.units.values())
    assert figures["day"] == str(away.today - timedelta(days=1))
    assert away.waiting() == {}
    assert isinstance(away.tick(), dg.SkipReason)


def test_stores_that_show_one_pool_are_never_added_up(away: Away) -> None:
    figures = away.run()
    shown = {name: units for name, units in figures.items() if name.startswith("fulfillable units shown in/")}
    assert len(shown) == 5
    assert set(shown.values()) == {sum(away.units.values())}
    assert sum(away.units.values()) == figures["units in the marketplace's ledger"]


def test_units_that_differ_are_named_by_sku_and_event(away: Away) -> None:
    away.ledger.add(Event(away.today - timedelta(days=2), MUG, "Adjustments", -2, reason="M"))
    figures = away.run()
    assert (figures["stock_agrees"], figures["products that differ"]) == (False, 1)
    text = away.waiting()["fba_stock_differs"]
    assert f"Odoo had {away.units[MUG]} of {MUG}" in text
    assert "adjustments +0 in Odoo and -2 there (lost -2)" in text
    with away.lanes.connections.warehouse.transaction() as connection:
        [line] = differences.read_lines(connection, NAME, away.today - timedelta(days=1))
    assert (line.difference, line.before, line.mskus) == (2, 0, (MUG,))


def test_late_rows_replace_their_day_and_settle_the_difference(away: Away) -> None:
    lost = Event(away.today - timedelta(days=2), MUG, "Adjustments", -2, reason="M")
    away.ledger.add(lost)
    away.run()
    away.ledger.add(Event(away.today - timedelta(days=2), MUG, "Adjustments", 2, reason="F"))
    away.lanes.world.channels[NAME].reports._reports.clear()  # an hour later
    figures = away.run()
    assert figures["stock_agrees"]
    assert away.waiting() == {}


def test_an_event_that_nobody_knows_is_an_exception_and_counts(away: Away) -> None:
    away.ledger.add(Event(away.today - timedelta(days=2), MUG, "Teleportation", -1))
    figures = away.run()
    assert not figures["ledger_is_sound"]
    assert not figures["stock_agrees"]
    waiting = away.waiting()
    assert "event Teleportation" in waiting["unknown_ledger_event"]
    assert "(unknown -1)" in waiting["fba_stock_differs"]


def test_a_sku_without_product_waits_as_long_as_it_has_units(away: Away) -> None:
    away.ledger.add(Event(away.received, "amzn.gr.MUG-1", "Receipts", 1))
    figures = away.run()
    assert (figures["stock_agrees"], figures["not compared/unknown_sku"]) == (False, 1)
    assert set(away.waiting()) == {"unknown_sku"}


def test_a_delivery_that_odoo_has_not_done_yet_is_open_and_no_alarm(away: Away) -> None:
    away.ledger.add(Event(away.today - timedelta(days=1), MUG, "Shipments", -1))
    [customer] = away.odoo.call("stock.location", "search", domain=[["usage", "=", "customer"]], limit=1)
    [product] = away.odoo.call("product.product", "search", domain=[["default_code", "=", MUG]])
    [kind] = away.odoo.call("stock.picking.type", "search", domain=[["code", "=", "internal"]], limit=1)
    places = {"location_id": away.place, "location_dest_id": customer}
    [picking] = away.odoo.call("stock.picking", "create", vals_list=[{"picking_type_id": kind, **places}])
    row = {"picking_id": picking, "product_id": product, "product_uom_qty": 1, **places}
    away.odoo.call("stock.move", "create", vals_list=[row])
    away.odoo.call("stock.picking", "action_confirm", ids=[picking])
    figures = away.run()
    assert (figures["stock_agrees"], figures["products with open movements"]) == (True, 1)
    assert away.waiting() == {}


def test_an_account_without_rows_keeps_no_day(away: Away) -> None:
    away.ledger.events.clear()
    figures = away.run()
    assert not figures["stock_agrees"]  # nothing is proved
    with away.lanes.connections.warehouse.transaction() as connection:
        assert newest_day(connection, NAME) is None


def test_a_person_asks_for_another_look_at_what_waits(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `exceptions replay`, though no newer day of the ledger is due."""
    away.ledger.add(Event(away.today - timedelta(days=1), MUG, "Adjustments", -1, reason="M"))
    away.run()
    assert isinstance(away.tick(), dg.SkipReason)
    assert replay(away.lanes.connections, NAME, code="no_sku").in_warehouses == 0
    monkeypatch.setattr("commerce_pipelines.cli.orders._open_connections", lambda: away.lanes.connections)
    answer = CliRunner().invoke(main, ["exceptions", "replay", NAME, "--reason", "fba_stock_differs"])
    assert f"1 records of the marketplace's warehouses are due; the schedules {NAME}_inbound" in answer.output
    assert isinstance(away.tick(), dg.RunRequest)
