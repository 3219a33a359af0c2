"""The stock lane in Dagster: a run end to end, its checks, its release from the UI, and the sensor's ticks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

import dagster as dg
import msgspec
import pytest

from commerce_pipelines.assets.common import odoo_key
from commerce_pipelines.assets.inventory import INVENTORY_TAG, SINCE_TAG, STOCK, checks
from commerce_pipelines.core.errors import CommerceError
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.domain.inventory.listings import PushOutcome
from commerce_pipelines.domain.inventory.push_plan import Standing
from commerce_pipelines.flows.inventory import inputs
from commerce_pipelines.flows.inventory.inputs import read_listings
from commerce_pipelines.flows.inventory.pulse import Look
from commerce_pipelines.sensors import inventory
from commerce_pipelines.sensors.inventory import lane, read_cursor
from commerce_pipelines.warehouse.inventory.rows import lock_name
from commerce_pipelines.warehouse.shared.conditions import heartbeats
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.inventory import NAME, Odoo, Shop, connections, sold

CAREFUL = "share: 95, breaker: {from_listings: 2, changed_percent: 100}"
CAPPED = f"{CAREFUL}, cap: 5"
TARGETS, PUBLISHED = (dg.AssetKey([NAME, table]) for table in ("inventory_targets", "published_inventory"))


class World:
    def __init__(self, warehouse: Warehouse, instance: dg.DagsterInstance, inventory: str = CAREFUL) -> None:
        self.odoo = Odoo({("A", "WH"): [50, 12], ("B", "WH"): [7, 0], ("LONELY", "WH"): [3, 0]})
        self.shop = Shop({"A": 0, "B": 7, "GONE": 3})
        self.connections = connections(warehouse, self.odoo, self.shop, inventory)
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

    def run_requested(self, cursor: str | None = None) -> None:
        """A tick, and the run that it requests."""
        (request,) = self.tick(cursor).run_requests or ()
        assert self.run(list(request.asset_selection or ()), tags=request.tags).success

    def is_requested(self, minute: int) -> bool:
        """Whether the frequent schedule requests a run at that minute."""
        schedule = self.defs.resolve_schedule_def(f"{NAME}_inventory")
        at, resources = datetime(2026, 7, 1, 8, minute, tzinfo=UTC), {"connections": self.connections}
        with (
            dg.instance_for_test() as instance,  # a schedule needs one that it can reopen
            dg.build_schedule_context(instance, scheduled_execution_time=at, resources=resources) as context,
        ):
            return bool(schedule.evaluate_tick(context).run_requests)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def world(warehouse: Warehouse, instance: dg.DagsterInstance) -> World:
    return World(warehouse, instance)


def later(cursor: str | None) -> str:
    """The sensor's memory when its pause is over."""
    return msgspec.json.encode(msgspec.structs.replace(read_cursor(cursor), seconds=0.0)).decode()


def metadata(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, object]:
    (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == key]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_run_brings_the_listings_in_step_and_says_what_it_did(world: World) -> None:
    result = world.run(lane(NAME, listings=True))
    assert result.success
    assert world.shop.shown == {"A": 36, "B": 6, "GONE": 3}
    targets = metadata(result, TARGETS)
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
    assert metadata(failed, TARGETS)["listings without a product"] == "1: GONE"
    assert not world.tick().run_requests  # it waits for a person, not for the sensor
    assert world.run(lane(NAME), {"release": True}).success
    assert world.shop.shown == {"A": 0, "B": 0, "GONE": 3}


def test_no_lock_is_held_while_dagster_stores_what_a_run_did(
    world: World, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's error left the step's generator open, and the lock with it: a later step of the same run that wants the
    channel's listings waited for its own process."""
    world.run(lane(NAME, listings=True))
    storage, free = type(world.instance.event_log_storage), list[bool]()
    store = storage.store_event

    def fail(self: object, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event and event.is_step_materialization and event.asset_key == TARGETS:
            with warehouse.lock(lock_name(NAME), wait=False) as held:
                free.append(held)
            raise OSError
        store(self, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(storage, "store_event", fail)
    assert not world.run(lane(NAME)).success
    assert free == [True]


def test_a_check_alone_is_judged_and_sends_nothing(world: World) -> None:
    """Dagster offers it where a step may be executed in part; it ended well and judged nothing."""
    assert world.run(lane(NAME, listings=True)).success
    world.shop.pushed.clear()
    check = dg.AssetCheckKey(PUBLISHED, "not_above_free")
    job = world.defs.resolve_implicit_global_asset_job_def().get_subset(asset_check_selection={check})
    result = job.execute_in_process(instance=world.instance)
    assert [event.check_name for event in result.get_asset_check_evaluations()] == ["not_above_free"]
    assert not result.get_asset_materialization_events()
    assert not world.shop.pushed


def test_a_dry_run_writes_nothing(world: World) -> None:
    read_listings(world.connections, NAME)
    result = world.run(lane(NAME), {"dry_run": True})
    assert result.success
    assert not world.shop.pushed
    assert metadata(result, PUBLISHED)["dry run"] is True


def test_the_sensor_asks_for_a_run_when_the_offer_changes_and_only_then(world: World, warehouse: Warehouse) -> None:
    first = world.tick()
    (request,) = first.run_requests or ()
    assert set(request.asset_selection or ()) == set(lane(NAME, stock=False))
    (event,) = first.asset_events
    assert event.asset_key == odoo_key(STOCK, "")
    assert event.metadata["products with stock"].value == 3
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


def test_runs_use_what_the_sensor_read_that_requested_them(world: World, warehouse: Warehouse) -> None:
    """Each run used to read all stock anew, for the change that the sensor had just read."""
    world.run_requested()
    reads = world.odoo.stock_reads
    world.odoo.stock["A", "WH"][0] = 80
    world.run_requested()
    assert world.odoo.stock_reads == 2 * reads  # two ticks
    assert world.shop.shown["A"] == 64  # 95 % of 68 free
    world.odoo.stock["A", "WH"][0] = 40
    (request,) = world.tick().run_requests or ()
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.stock_warehouses SET taken_at = taken_at - interval '6 min'")
    world.odoo.stock["A", "WH"][0] = 32
    assert world.run(list(request.asset_selection or ()), tags=request.tags).success  # of a request that waited long
    assert world.shop.shown["A"] == 19


def test_runs_of_one_turn_share_one_reading_of_odoo(
    world: World, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(seconds=30) == inputs.SHARED_FOR
    monkeypatch.setattr(inputs, "SHARED_FOR", timedelta(hours=1))  # two runs of a slow machine may take longer
    turn = {INVENTORY_TAG: NAME, SINCE_TAG: (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}
    assert world.run(lane(NAME), tags=turn).success
    reads = world.odoo.stock_reads
    world.odoo.stock["A", "WH"][0] = 80
    assert world.run(lane(NAME), tags=turn).success
    assert (world.odoo.stock_reads, world.shop.shown["A"]) == (reads, 36)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.stock_warehouses SET taken_at = taken_at - interval '61 min'")
    old = {**turn, SINCE_TAG: "2025-01-01T00:00:00+00:00"}
    assert world.run(lane(NAME), tags=old).success  # of a request that waited long: too old to be shared
    assert world.shop.shown["A"] == 64


def test_no_run_for_a_change_that_no_listing_shows(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    """What lies beyond the cap, or is offered elsewhere only, changes no listing here. Units that the channel sold
    itself are told again: its own count of them is gone."""
    world = World(warehouse, instance, CAPPED)
    assert world.run(lane(NAME, listings=True)).success
    cursor = world.tick().cursor
    for code in ("A", "LONELY"):
        world.odoo.stock[code, "WH"][0] += 7
        tick = world.tick(later(cursor))
        assert not tick.run_requests
        assert tick.cursor != cursor  # looked at, and not looked at again
        cursor = tick.cursor
    assert world.shop.shown["A"] == 5
    sold(warehouse, "1", "A", 2)
    world.shop.shown["A"] = 3
    world.run_requested(later(cursor))
    assert world.shop.shown["A"] == 5


def test_a_tick_that_has_computed_for_long_leaves_it_to_the_run(
    warehouse: Warehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with hundreds of channels: Dagster would end the tick, and each one after it."""
    world = World(warehouse, instance, CAPPED)
    assert world.run(lane(NAME, listings=True)).success
    cursor = world.tick().cursor
    monkeypatch.setattr(inventory, "FORESEEN_SECONDS", -1.0)
    world.odoo.stock["A", "WH"][0] += 7
    assert world.tick(later(cursor)).run_requests


def test_the_schedule_asks_for_a_run_where_a_listing_is_not_in_step_and_every_hour(world: World) -> None:
    assert world.is_requested(minute=10), "before the first run nothing is known"
    assert world.run(lane(NAME, listings=True)).success
    assert not world.is_requested(minute=10)
    assert world.is_requested(minute=0)
    world.odoo.stock["A", "WH"][0] = 90
    world.shop.fail = lambda push: PushOutcome(key=push.listing.key, status="refused")
    world.run(lane(NAME))
    assert world.is_requested(minute=10), "a listing that was refused is looked at again"
    world.shop.fail = lambda push: None


def test_the_schedule_leaves_it_to_the_run_where_the_sensor_does_not_look(world: World, warehouse: Warehouse) -> None:
    """Odoo is not asked by the schedule."""
    assert world.run(lane(NAME, listings=True)).success
    assert not world.tick().run_requests
    world.odoo.down = True
    assert not world.is_requested(minute=10)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.heartbeats SET ticked_at = ticked_at - interval '1 day'")
    assert world.is_requested(minute=10)


def test_a_fault_in_computing_counts_as_a_look_that_failed(
    world: World, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is told to somebody, as every poller that fails."""

    def fail(*_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(Look, "may_push", fail)
    with pytest.raises(CommerceError):
        world.tick()
    with warehouse.transaction() as connection:
        (beat,) = heartbeats(connection)
    assert (beat.name, beat.failures) == ("odoo_stock_changes", 1)


def test_a_company_whose_stock_cannot_be_read_counts_as_a_look_that_failed(
    world: World, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs of other companies' channels are requested all the same, and it used to be told by the run of each hour
    only."""
    monkeypatch.setattr(Look, "problem", "The stock for another cannot be read: Odoo is away.")
    assert world.tick().run_requests
    with warehouse.transaction() as connection:
        (beat,) = heartbeats(connection)
    assert (beat.failures, beat.problem) == (1, Look.problem)
    monkeypatch.setattr(Look, "problem", "")
    world.tick()
    with warehouse.transaction() as connection:
        assert heartbeats(connection)[0].failures == 0


def test_what_cannot_be_read_for_one_reason_is_one_sentence() -> None:
    seen = Look(unread={"shop_two": "Odoo is away.", "shop_three": "Odoo is away.", "shop_four": "It is empty."})
    away, empty = "shop_two, shop_three cannot be read: Odoo is away.", "shop_four cannot be read: It is empty."
    assert seen.problem == f"The stock for {away} The stock for {empty}"


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01T00:00:00"])
def test_a_tag_that_is_no_moment_shares_nothing(world: World, text: str) -> None:
    for on_hand in (50, 60):
        world.odoo.stock["A", "WH"][0] = on_hand
        assert world.run(lane(NAME), tags={SINCE_TAG: text}).success
    assert world.shop.shown["A"] == 45


def test_a_slow_odoo_is_looked_at_less_often(world: World) -> None:
    cursor = read_cursor(world.tick().cursor)
    assert cursor.seconds >= 0
    slow = f'{{"seconds": 600, "at": "{(datetime.now(UTC) - timedelta(seconds=3000)).isoformat()}"}}'
    assert not world.tick(slow).run_requests
    assert world.tick(slow.replace("600", "200")).run_requests
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
