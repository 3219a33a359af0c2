"""The daemon lets a sensor tick only where something woke it, and asks the database once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from dagster._core.remote_representation.external_data import SensorSnap
from dagster._core.scheduler.instigation import SensorInstigatorData

from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.rhythm import UNFINISHED
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.flows.intake import changes
from commerce_pipelines.flows.pollers import list_pollers
from commerce_pipelines.resources import tick_gate
from commerce_pipelines.sensors.inventory import Cursor
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.shared import hints, notifications
from commerce_pipelines.warehouse.shared.notifications import Row
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.flows.notices.test_inbox import SETTINGS as INBOX

STOCK, ORDERS, RETURNS, OUTCOMES = "odoo_stock_changes", "shop_de_new_orders", "shop_de_new_returns", "outcomes"
YAML = """
odoo: {url: "http://127.0.0.1:8069", database: demo, username: admin, password: {env: ODOO_PASSWORD}}
listen: {secret: {env: X}, public_url: "https://hooks.example.com"}
channels:
  - {name: shop_de, kind: shopify, shop: de.myshopify.com, credentials: {access_token: {env: TOKEN}}, poll_seconds: 600,
     start_date: 2025-01-01, inventory: {enabled: true, poll_seconds: 600}, returns: {enabled: true, poll_seconds: 600},
     notifications: {enabled: true, secret: {env: SECRET}}}
"""


class Gate:
    """The daemon's question about the sensors of one merchant, whose clock stands until a test moves it."""

    def __init__(self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        self.clock, self.asked, self.warehouse = 0.0, 0, warehouse
        settings = parse(YAML)
        defs = build_defs(settings, doors(settings, warehouse))
        repository = defs.get_repository_def()
        self.sensors = {sensor.name: SensorSnap.from_def(sensor, repository) for sensor in repository.sensor_defs}
        real = tick_gate._ask

        def ask() -> Any:
            self.asked += 1
            return real()

        monkeypatch.setattr(tick_gate, "_ask", ask)
        instruments = replace(REAL, now=lambda: self.time, clock=lambda: self.clock)
        self.is_too_early: Callable[..., bool] = tick_gate.wrap(lambda *_: False, instruments)

    def rests(self, name: str, cursor: str = "{}", *, seconds: float = 1, failed: bool = False) -> bool:
        """Whether a sensor may not tick that began its last tick so many seconds ago."""
        began = self.time.timestamp() - seconds
        data = SensorInstigatorData(
            cursor=cursor, last_tick_start_timestamp=began, last_tick_success_timestamp=None if failed else began
        )
        self.clock += tick_gate.KEPT_SECONDS
        return self.is_too_early(SimpleNamespace(instigator_data=data), self.sensors[name])

    def remember(self) -> str:
        """What the stock sensor remembers that has just looked at Odoo."""
        with self.warehouse.transaction() as connection:
            hint = hints.hinted_at(connection, hints.STOCK)
        cursor = Cursor(at=self.time - timedelta(seconds=1), hint=hint)
        return msgspec.json.encode(cursor).decode()

    def hear(self, topic: Topic, identity: str) -> None:
        row = Row(
            channel="shop_de",
            delivery_id=identity,
            digest=identity.encode(),
            event="e",
            topic=topic,
            record_id=identity,
        )
        with self.warehouse.transaction() as connection:
            notifications.store(connection, [row])


@pytest.fixture
def gate(warehouse: Warehouse, database: str, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setenv("COMMERCE_DATABASE_URL", database)
    return Gate(warehouse, monkeypatch)


def test_while_nothing_happens_no_sensor_that_may_be_woken_ticks(gate: Gate) -> None:
    assert gate.rests(STOCK, gate.remember())
    assert [gate.rests(name) for name in (ORDERS, RETURNS)] == [True, True]
    assert not gate.rests(OUTCOMES)  # it has an interval and no more


def test_a_hint_wakes_the_sensor_of_stock_until_it_has_looked(gate: Gate) -> None:
    with gate.warehouse.transaction() as connection:
        hints.hint(connection, hints.STOCK)
    before = gate.remember()
    assert gate.rests(STOCK, before)
    with gate.warehouse.transaction() as connection:
        hints.hint(connection, hints.STOCK)
    assert not gate.rests(STOCK, before)
    assert not gate.rests(STOCK, before)
    assert gate.rests(STOCK, gate.remember())
    assert gate.rests(ORDERS)


def test_a_message_wakes_the_sensor_of_its_records(gate: Gate) -> None:
    gate.hear(Topic.ORDERS, "O-1")
    assert [gate.rests(ORDERS), gate.rests(RETURNS)] == [False, True]
    gate.hear(Topic.REFUNDS, "R-1")
    assert [gate.rests(ORDERS), gate.rests(RETURNS)] == [False, False]


def test_its_turn_lets_a_sensor_tick(gate: Gate) -> None:
    assert [gate.rests(name, seconds=600) for name in (ORDERS, RETURNS)] == [False, False]
    assert not gate.rests(STOCK, gate.remember().replace(str(gate.time.year), "2020"))


def test_a_new_process_and_one_that_failed_look_at_once(gate: Gate) -> None:
    gate.time = datetime.now(UTC)
    assert not gate.rests(ORDERS, seconds=3600)
    gate.time += timedelta(hours=1)
    assert not gate.rests(ORDERS, failed=True)


def test_one_question_serves_all_sensors_of_a_round(gate: Gate) -> None:
    for _ in range(3):
        gate.rests(ORDERS)
        gate.clock -= tick_gate.KEPT_SECONDS
    assert gate.asked == 1


def test_without_a_database_every_sensor_ticks_and_tells_that(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMERCE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert not gate.rests(ORDERS)


@pytest.mark.parametrize("cursor", ["[" * 100_000, '{"at": "2026-11-30T12:00:00"}', '{"at": 1e300}'])
def test_a_cursor_that_a_person_broke_stops_no_other_sensor(gate: Gate, cursor: str) -> None:
    """An error here would end the round of all sensors, again and again; the tick itself tells what is wrong."""
    assert not gate.rests(STOCK, cursor)


def test_another_dagster_is_not_in_its_way() -> None:
    is_too_early = tick_gate.wrap(lambda *_: False, REAL)
    assert not is_too_early(SimpleNamespace(instigator_data=SimpleNamespace()), SimpleNamespace(metadata=object()))


def test_rhythms_name_what_the_cursors_of_their_sensors_hold() -> None:
    """A field that is renamed in one place only would let a sensor sleep."""
    of_orders, of_stock = set(changes.Cursor.__struct_fields__), set(Cursor.__struct_fields__)
    assert of_orders | of_stock >= set(UNFINISHED)
    pollers = list_pollers(parse(YAML))
    assert of_stock >= {pollers[STOCK].at, *pollers[STOCK].marks}
    (fetched,) = (poller for poller in list_pollers(parse(INBOX)).values() if poller.marks)
    assert of_orders >= {*fetched.marks}


def test_what_dagster_finds_too_early_stays_too_early() -> None:
    assert tick_gate.wrap(lambda *_: True, REAL)(None, None)
