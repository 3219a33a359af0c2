"""The stock lane in Dagster: a run end to end, its checks, its release from the UI, and the sensor's ticks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

import dagster as dg
import msgspec
import pytest

from commerce_pipelines.assets.common import odoo_key
from commerce_pipelines.assets.inventory import SINCE_TAG, STOCK, checks
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.domain.inventory.push_plan import Standing
from commerce_pipelines.flows.inventory.inputs import read_listings
from commerce_pipelines.sensors.inventory import lane, read_cursor
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.inventory import NAME, Odoo, Shop, connections, sold

CAREFUL = "share: 95, breaker: {from_listings: 2, changed_percent: 100}"
PUBLISHED = dg.AssetKey([NAME, "published_inventory"])


class World:
    def __init__(self, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
        self.odoo = Odoo({("A", "WH"): [50, 12], ("B", "WH"): [7, 0], ("LONELY", "WH"): [3, 0]})
        self.shop = Shop({"A": 0, "B": 7, "GONE": 3})
        self.connections = connections(warehouse, self.odoo, self.shop, CAREFUL)
        self.instance = instance
        self.defs = build_defs(self.connections.settings, self.connections)

    def run(
        self,
        selection: list[dg.AssetKey],
        config: dict[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        ops = {"ops": {f"{NAME}__published_inventory": {"config": config}}} if config else None
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=selection, run_config=ops, tags=tags, raise_on_error=False
        )

    def tick(self, cursor: str | None = None) -> dg.SensorResult:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=cursor, resources={"connections": self.connections},
            repository_def=self.defs.get_repository_def(),
        )  # fmt: skip
        sensor = self.defs.resolve_sensor_def("odoo_stock_changes")
        return sensor.evaluate_tick(context)  # type: ignore[return-value]


@pytest.fixture
def world(warehouse: Warehouse) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(warehouse, instance)


def later(cursor: str | None) -> str:
    """The sensor's memory when its pause is over."""
    return msgspec.json.encode(msgspec.structs.replace(read_cursor(cursor), seconds=0.0)).decode()


def metadata(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, object]:
    (event,) = result.asset_materializations_for_node("__".join(key.path))
    return {name: value.value for name, value in event.metadata.items()}


def test_a_run_brings_the_listings_in_step_and_says_what_it_did(world: World) -> None:
    result = world.run(lane(NAME, listings=True))
    assert result.success
    assert world.shop.shown == {"A": 36, "B": 6, "GONE": 3}
    targets = metadata(result, dg.AssetKey([NAME, "inventory_targets"]))
    assert targets["listings without a product"] == "1: GONE"
    assert targets["products without a listing"] == "1: LONELY"
    published = metadata(result, PUBLISHED)
    assert published["pushes/accepted"] == 2
    assert published["buffer cost (free units not shown)"] == 3
    assert published["oldest unpublished change"] == "none"
    assert published["histories"] == f"[A](/articles/{NAME}/A), [B](/articles/{NAME}/B)"
    rows = [record.data for record in cast("dg.TableMetadataValue", published["difference"]).records]
    assert [(row["sku"], row["title"]) for row in rows] == [("A", "Title of A"), ("B", "Title of B")]
    assert {event.check_name: event.passed for event in result.get_asset_check_evaluations()} == {
        "looked_at": True,
        "not_above_free": True,
        "up_to_date": True,
    }
    assert metadata(result, odoo_key(STOCK, ""))["products with stock"] == 3


def test_the_breaker_fails_the_run_with_its_figures_and_run_config_releases_it(world: World) -> None:
    world.run(lane(NAME, listings=True))
    world.odoo.stock = {("A", "WH"): [0, 0], ("B", "WH"): [0, 0], ("LONELY", "WH"): [3, 0]}
    failed = world.run(lane(NAME))
    assert not failed.success
    (event,) = [event for event in failed.all_events if event.is_step_failure]
    assert "2 of 2 would go to 0" in str(event.step_failure_data.user_failure_data)
    assert not world.tick().run_requests  # it waits for a person, not for the sensor
    assert world.run(lane(NAME), {"release": True}).success
    assert world.shop.shown == {"A": 0, "B": 0, "GONE": 3}


def test_a_dry_run_writes_nothing(world: World) -> None:
    read_listings(world.connections, NAME)
    result = world.run(lane(NAME), {"dry_run": True})
    assert result.success
    assert not world.shop.pushed
    assert metadata(result, PUBLISHED)["dry run"] is True


def test_the_sensor_asks_for_a_run_when_the_offer_changes_and_only_then(world: World, warehouse: Warehouse) -> None:
    first = world.tick()
    (request,) = first.run_requests or ()
    assert set(request.asset_selection or ()) == set(lane(NAME))
    same = world.tick(later(first.cursor))
    assert not same.run_requests
    sold(warehouse, "1", "A", 2)
    second = world.tick(later(same.cursor))
    assert len(second.run_requests or ()) == 1
    world.odoo.stock["A", "WH"][1] += 2  # that sale is confirmed …
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.orders")  # … and no longer in the pipe
    assert not world.tick(later(second.cursor)).run_requests
    world.odoo.stock["B", "WH"][0] += 1
    assert len(world.tick(later(second.cursor)).run_requests or ()) == 1


def test_runs_that_were_requested_together_share_one_reading_of_odoo(world: World, warehouse: Warehouse) -> None:
    """Each run used to read all stock anew, for the change that another one had just read."""
    (request,) = world.tick().run_requests or ()
    world.odoo.stock["A", "WH"][0] = 80
    assert world.run(lane(NAME), tags=request.tags).success  # reads Odoo, because the stored stock is older
    assert world.shop.shown["A"] == 64  # 95 % of 68 free
    world.odoo.stock["A", "WH"][0] = 40
    reads = world.odoo.stock_reads
    assert world.run(lane(NAME), tags=request.tags).success
    assert world.odoo.stock_reads == reads

    (request,) = world.tick().run_requests or ()  # a change after that reading is another request
    assert world.run(lane(NAME), tags=request.tags).success
    assert world.shop.shown["A"] == 26

    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.stock_warehouses SET taken_at = taken_at - interval '40 s'")
    world.odoo.stock["A", "WH"][0] = 32
    old = {**request.tags, SINCE_TAG: "2025-01-01T00:00:00+00:00"}
    assert world.run(lane(NAME), tags=old).success  # of a request that waited long: too old to be shared
    assert world.shop.shown["A"] == 19


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01T00:00:00"])
def test_a_tag_that_is_no_moment_shares_nothing(world: World, text: str) -> None:
    for on_hand in (50, 60):
        world.odoo.stock["A", "WH"][0] = on_hand
        assert world.run(lane(NAME), tags={SINCE_TAG: text}).success
    assert world.shop.shown["A"] == 45


def test_a_slow_odoo_is_looked_at_less_often(world: World) -> None:
    cursor = read_cursor(world.tick().cursor)
    assert cursor.seconds >= 0
    slow = f'{{"seconds": 6, "at": "{(datetime.now(UTC) - timedelta(seconds=30)).isoformat()}"}}'
    assert not world.tick(slow).run_requests
    assert world.tick(slow.replace("6", "2")).run_requests
    assert read_cursor("nonsense").pulses == {}


def test_what_is_being_corrected_is_a_warning_and_what_is_not_an_error() -> None:
    def verdicts(**state: tuple[str, ...]) -> list[tuple[bool, dg.AssetCheckSeverity]]:
        plain = {"above": (), "coming": (), "behind": ()} | state
        results = checks(Standing(linked=9, oldest=None, buffer=0, **plain), PUBLISHED)
        return [(check.passed, check.severity) for check in results]

    warn, error = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
    assert verdicts() == [(True, warn), (True, error)]
    assert verdicts(coming=("A",)) == [(False, warn), (True, error)]
    assert verdicts(above=("A",), behind=("B",)) == [(False, error), (False, error)]
