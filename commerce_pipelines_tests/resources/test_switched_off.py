"""A sensor that tells people and is itself switched off: `dev` and `check` tell it, without Dagster."""

from __future__ import annotations

from datetime import datetime

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType

from commerce_pipelines.cli.verifiers import automation
from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.flows.alerts import WATCHERS, note_watchers_off, watch
from commerce_pipelines.resources import run_life
from commerce_pipelines.resources.switched_off import list_switched_off
from commerce_pipelines.sensors.outcomes import alert_sensors
from commerce_pipelines.settings.alerts import Alerts
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import some_settings
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.resources.test_run_history import instance  # noqa: F401 - a fixture

YAML = "alerts: {targets: [{env: CHAT}], digest_hour: null}\n"


def switch(instance: dg.DagsterInstance, name: str, status: InstigatorStatus) -> None:  # noqa: F811
    server = GrpcServerCodeLocationOrigin(host="localhost", socket="socket")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(server, "repository"), name)
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status))


def test_dagsters_storage_names_what_is_switched_off(instance: dg.DagsterInstance, database: str) -> None:  # noqa: F811
    switch(instance, "outcomes", InstigatorStatus.STOPPED)
    switch(instance, "run_failures", InstigatorStatus.RUNNING)
    assert {name for _, name in list_switched_off(database)} == {"outcomes"}


def test_what_a_test_switched_off_is_on_again_for_the_next(
    instance: dg.DagsterInstance,  # noqa: F811
    request: pytest.FixtureRequest,
    database: str,
) -> None:
    switch(instance, "outcomes", InstigatorStatus.STOPPED)
    request.getfixturevalue("warehouse")
    assert list_switched_off(database) == set()


def test_a_database_that_dagster_never_used_has_none(server_url: str) -> None:
    assert list_switched_off(server_url) == set()


def test_the_sensors_that_tell_people_are_these() -> None:
    assert {sensor.name for sensor in alert_sensors(Alerts())} == set(WATCHERS)


def test_people_hear_once_that_the_sensor_which_tells_them_is_off(warehouse: Warehouse) -> None:
    connections = doors(some_settings(YAML), warehouse)
    heard: list[str] = []

    def look(off: set[str], now: datetime) -> None:
        note_watchers_off(connections, off, now)
        watch(connections, lambda subject, text: heard.append(f"{subject} {text}") or [], now)  # type: ignore[func-returns-value]

    now = REAL.now()
    look({"outcomes", "shop_de_new_orders"}, now)
    look({"outcomes"}, now)
    assert len(heard) == 1
    assert "outcomes is switched off" in heard[0]
    look(set(), now)
    assert len(heard) == 1


def test_check_names_it(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = doors(some_settings(), warehouse)
    off = {("elsewhere", "outcomes"), ("elsewhere", "a_sensor_of_a_channel_that_is_gone")}
    monkeypatch.setattr("commerce_pipelines.resources.switched_off.list_switched_off", lambda url: off)
    [(_, problem)] = automation(connections)
    assert problem == "outcomes is switched off: switch it on again under Automation in Dagster's UI."
    off.clear()
    assert [problem for _, problem in automation(connections)] == [""]


def test_a_database_that_is_away_is_told_without_the_drivers_words() -> None:
    url = "postgresql://somebody:s3cret@127.0.0.1:1/commerce"
    for ask in (list_switched_off, run_life.held_locks, run_life.dead_runs):
        with pytest.raises(TransientError) as caught:
            ask(url)
        text = str(caught.value)
        assert "PostgreSQL does not answer" in text
        assert [word for word in ("s3cret", "somebody", "refused", "127.0.0.1") if word in text] == []
        assert caught.value.__suppress_context__
