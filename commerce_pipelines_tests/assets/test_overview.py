"""The overview in Dagster: what the stand-ins sold and Odoo has, side by side; made anew after runs, and only then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from commerce_pipelines.assets.desk import KEY as DESK_KEY
from commerce_pipelines.assets.overview import KEY
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.flows.desk import ignore
from commerce_pipelines.sensors.overview import overview_sensor
from commerce_pipelines.warehouse.exceptions import Failure, record
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import some_settings
from commerce_pipelines_tests.doubles.doors import doors

from .test_orders_lane import SHOP, Lanes, lanes, metadata_of

__all__ = ["lanes"]  # a fixture


def _show(lanes: Lanes) -> tuple[dict[str, object], dict[str, dict[str, str]]]:
    """Metadata, and the table by channel."""
    result = lanes.job.execute_in_process(instance=lanes.instance, asset_selection=[KEY])
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    table = metadata["channels"]
    assert isinstance(table, dg.TableMetadataValue)
    rows = [{key: str(value) for key, value in record.data.items()} for record in table.records]
    return {key: value.value for key, value in metadata.items()}, {row["channel"]: row for row in rows}


def test_it_shows_the_channel_beside_odoo_and_what_waits(lanes: Lanes) -> None:
    _, before = _show(lanes)
    assert set(before) == {channel.name for channel in lanes.connections.settings.channels}
    assert before[SHOP]["orders in 7 days"] == "0"
    assert (before[SHOP]["money on the channel"], before[SHOP]["last heard"]) == ("0", "never")

    figures = metadata_of(lanes.run(SHOP), "orders")
    metadata, after = _show(lanes)
    row = after[SHOP]
    orders, loaded, waiting = int(row["orders in 7 days"]), int(row["in Odoo in 7 days"]), int(row["waiting"])
    assert 0 < loaded <= orders <= figures["orders"]
    assert orders - loaded <= waiting
    assert int(row["orders today"]) <= orders
    assert row["money on the channel"].endswith(" EUR")
    if orders == loaded:
        assert row["money in Odoo"] == row["money on the channel"]
    assert (row["oldest since"] == "–") == (waiting == 0)
    assert metadata["orders in 7 days"] == orders
    assert metadata["of them in Odoo"] == loaded
    assert "data:image/svg+xml;base64," in str(metadata["chart"])


class Clock:
    def __init__(self, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
        self.time = datetime.now(UTC)
        self.connections = doors(some_settings(), warehouse, instruments=replace(REAL, now=lambda: self.time))
        self.instance = instance
        self.cursor: str | None = None
        self.defs = build_defs(self.connections.settings, self.connections)

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"connections": self.connections}
        )
        answer = overview_sensor()(context)
        if isinstance(answer, dg.SkipReason):
            return []
        assert isinstance(answer, dg.SensorResult)
        self.cursor = answer.cursor
        return list(answer.run_requests or ())

    def end_run(self, **tags: str) -> None:
        @dg.job(tags=tags)
        def work() -> None: ...

        assert work.execute_in_process(instance=self.instance).success


def test_it_is_made_anew_after_other_runs_and_at_most_every_five_minutes(warehouse: Warehouse) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        clock = Clock(warehouse, instance)
        assert clock.tick() == []  # nothing ever ran
        clock.end_run()
        [request] = clock.tick()
        assert request.tags["commerce/flow"] == "overview"
        clock.end_run()
        clock.time += timedelta(minutes=4)
        assert clock.tick() == []  # too soon
        clock.time += timedelta(minutes=2)
        clock.cursor = '"2020-01-01T00:00:00Z"'
        assert len(clock.tick()) == 1
        clock.cursor = "nonsense"
        assert len(clock.tick()) == 1  # a cursor that is lost costs one run


def test_the_desk_is_made_anew_when_its_list_changed_or_a_day_has_come(warehouse: Warehouse) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        clock = Clock(warehouse, instance)
        clock.end_run(**{"commerce/flow": "overview"})
        assert clock.tick() == []

        def tick() -> list[dg.RunRequest]:
            clock.time += timedelta(minutes=6)
            return clock.tick()

        failure = Failure(record_id="1", day=None, reason=Reason("unknown_sku", "Why.", "Do."))
        with warehouse.transaction() as connection:
            record(connection, "shop_de", "orders", "load", [failure], "", clock.time)
        [request] = tick()
        assert request.asset_selection == [DESK_KEY]
        assert tick() == []
        day = (clock.time + timedelta(days=2)).date()
        ignore(clock.connections, "shop_de", "1", day)
        assert len(tick()) == 1
        assert tick() == []
        clock.time += timedelta(days=3)
        assert len(tick()) == 1


def test_its_own_run_is_no_reason(warehouse: Warehouse) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        clock = Clock(warehouse, instance)
        clock.end_run(**{"commerce/flow": "overview"})
        assert clock.tick() == []
