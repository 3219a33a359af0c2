"""What the stock sensor makes of a hint: one look that begins after it, and no look without one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import msgspec
import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.resources.dagster_internals import serialize_value
from commerce_pipelines.sensors.inventory import read_cursor
from commerce_pipelines.settings import file as settings
from commerce_pipelines.warehouse.shared import hints
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import FakeChannel, ago
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.doubles.inventory import NAME, YAML, Odoo, Shop


class Ticks:
    """The stock sensor of a merchant who lets Odoo hint and looks only every ten minutes otherwise."""

    def __init__(
        self, warehouse: Warehouse, instance: dg.DagsterInstance, more: str = "listen: {secret: {env: X}}"
    ) -> None:
        self.odoo, self.warehouse, self.instance = Odoo({("A", "WH"): [50, 0]}), warehouse, instance
        self.channels: dict[str, Any] = {NAME: Shop({"A": 0})}
        configured = settings.parse(YAML.format(inventory="poll_seconds: 600", skus="", titles="") + more)
        self.connections = doors(configured, warehouse, odoo=self.odoo, channels=self.channels)
        self.repository = build_defs(self.connections.settings, self.connections).get_repository_def()
        self.sensor = self.repository.get_sensor_def("odoo_stock_changes")
        self.cursor: str | None = None
        self.reads = 0
        real = self.odoo.call

        def call(model: str, method: str, *arguments: Any, **named: Any) -> Any:
            self.reads += (model, method) == ("stock.warehouse", "search_read")
            return real(model, method, *arguments, **named)

        self.odoo.call = call  # type: ignore[method-assign]

    def __call__(self) -> tuple[int, int]:
        """(looks at Odoo, runs requested) of one tick."""
        before = self.reads
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.repository,
            resources={"connections": self.connections},
        )  # fmt: skip
        data = self.sensor.evaluate_tick(context)
        serialize_value(data)
        self.cursor = data.cursor or self.cursor
        return self.reads - before, len(data.run_requests or ())

    def remember(self, **changed: Any) -> None:
        cursor = msgspec.structs.replace(read_cursor(self.cursor), **changed)
        self.cursor = msgspec.json.encode(cursor).decode()

    def hint(self) -> None:
        with self.warehouse.transaction() as connection:
            hints.hint(connection, hints.STOCK)
        self.remember(seconds=0.0)  # Odoo answers fast


@pytest.fixture
def ticks(warehouse: Warehouse) -> Iterator[Ticks]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(warehouse, instance)


def test_a_hint_is_looked_after_once_and_no_hint_never(ticks: Ticks) -> None:
    assert ticks() == (1, 1)  # the first tick of all
    ticks.remember(seconds=0.0)
    assert [ticks(), ticks()] == [(0, 0), (0, 0)]
    ticks.odoo.stock["A", "WH"][0] = 40
    assert ticks() == (0, 0)
    for _ in range(3):
        ticks.hint()
    assert ticks() == (1, 1)
    ticks.remember(seconds=0.0)
    assert ticks() == (0, 0)


def test_a_hint_that_changes_nothing_requests_nothing(ticks: Ticks) -> None:
    ticks()
    ticks.hint()
    assert [ticks(), ticks()] == [(1, 0), (0, 0)]


def test_without_hints_it_looks_in_its_time(ticks: Ticks) -> None:
    ticks()
    ticks.odoo.stock["A", "WH"][0] = 40
    ticks.remember(seconds=0.0, at=datetime.now(UTC) - timedelta(seconds=601))
    assert ticks() == (1, 1)


def test_a_hint_during_a_look_causes_another(ticks: Ticks) -> None:
    ticks()
    ticks.hint()
    real = ticks.odoo.call

    def call(model: str, method: str, *arguments: Any, **named: Any) -> Any:
        answer = real(model, method, *arguments, **named)
        if model == "stock.quant" and method != "fields_get":  # it was read, and now it changes
            ticks.odoo.stock["A", "WH"][0] = 33
            with ticks.warehouse.transaction() as connection:
                hints.hint(connection, hints.STOCK)
            ticks.odoo.call = real  # type: ignore[method-assign]
        return answer

    ticks.odoo.call = call  # type: ignore[method-assign]
    assert ticks() == (1, 0)
    ticks.remember(seconds=0.0)
    assert ticks() == (1, 1)
    ticks.remember(seconds=0.0)
    assert ticks() == (0, 0)


def test_a_change_that_a_working_run_is_too_old_for_is_looked_at_again(ticks: Ticks) -> None:
    ticks()
    job = ticks.repository.get_implicit_global_asset_job_def()
    run = ticks.instance.create_run_for_job(job, tags=run_tags(NAME, "inventory"))
    ticks.odoo.stock["A", "WH"][0] = 40
    ticks.hint()
    assert ticks() == (1, 0)
    ticks.remember(seconds=0.0)
    assert ticks() == (1, 0)
    ticks.instance.report_run_failed(run)
    ticks.remember(seconds=0.0)
    assert ticks() == (1, 1)
    ticks.remember(seconds=0.0)
    assert ticks() == (0, 0)


def test_a_slow_odoo_is_spared_and_the_hint_waits(ticks: Ticks) -> None:
    ticks()
    ticks.odoo.stock["A", "WH"][0] = 40
    ticks.hint()
    ticks.remember(seconds=5.0)
    assert ticks() == (0, 0)
    ticks.remember(seconds=5.0, at=datetime.now(UTC) - timedelta(seconds=51))
    assert ticks() == (1, 1)


def test_a_look_that_failed_keeps_the_hint(ticks: Ticks) -> None:
    ticks()
    ticks.odoo.stock["A", "WH"][0] = 40
    ticks.hint()
    ticks.odoo.down = True
    with pytest.raises(TransientError):
        ticks()
    ticks.odoo.down = False
    assert ticks() == (1, 1)


def test_new_orders_are_a_hint_as_well(ticks: Ticks) -> None:
    ticks()
    ticks.remember(seconds=0.0)
    channel = ticks.channels[NAME] = FakeChannel()
    channel.add("1", ago(minutes=1), sku="A")
    context = dg.build_sensor_context(
        instance=ticks.instance, repository_def=ticks.repository, resources={"connections": ticks.connections}
    )
    ticks.repository.get_sensor_def(f"{NAME}_new_orders").evaluate_tick(context)
    assert ticks() == (1, 1)


def test_without_settings_a_tick_looks_as_it_always_did(warehouse: Warehouse) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        plain = Ticks(warehouse, instance, more="")
        assert plain.sensor.minimum_interval_seconds == 600
        assert plain() == (1, 1)
        plain.remember(seconds=0.0)
        assert plain() == (1, 0)
        hinted = Ticks(warehouse, instance)
        assert hinted.sensor.minimum_interval_seconds == 4
