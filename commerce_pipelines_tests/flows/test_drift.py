"""The shape of answers through the front door: landed, profiled in Dagster, told by check, alert and command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from commerce_pipelines.assets.drift import profile_key
from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.flows import alerts, drift
from commerce_pipelines.sensors.drift import schedules
from commerce_pipelines.warehouse.shared.conditions import Condition
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import SETTINGS, FakeChannel, some_settings
from commerce_pipelines_tests.doubles.doors import doors

NAME, WORDS = "shop_de", ("paid", "cancelled")
START = datetime(2026, 10, 1, 12, tzinfo=UTC)


class Shop:
    """A shop whose answers are landed day by day, and a clock."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.time = START
        self.channel = FakeChannel()
        self.connections = doors(
            some_settings(), warehouse, channels={NAME: self.channel}, instruments=replace(REAL, now=lambda: self.time)
        )
        self.defs = build_defs(self.connections.settings, self.connections)
        self.job = self.defs.resolve_implicit_global_asset_job_def()
        self.number = 0

    def sell(self, orders: int = 8, change: Callable[[dict[str, Any]], None] = lambda order: None) -> None:
        """Orders of this moment, landed."""
        first = self.number
        for _ in range(orders):
            self.number += 1
            order = {"status": WORDS[self.number % 2], "name": f"Ada {self.number}", "email": f"a{self.number}@x.de",
                     "sku": f"MUG-{self.number % 3}", "total": 1190 + self.number}  # fmt: skip
            change(order)
            self.channel.add(f"O{self.number}", self.time + timedelta(microseconds=self.number), **order)
        window = Window(self.time, self.time + timedelta(seconds=1))
        raws = [raw for page in self.channel.created(window) for raw in page.records][-orders:]
        items = [(self.channel.head(raw), raw) for raw in raws]
        landing = self.connections.landing(NAME, Topic.ORDERS)
        assert landing.land(items, "poll", self.time + timedelta(seconds=2)).new == self.number - first

    def look(self) -> tuple[dict[str, Any], Any]:
        """Metadata of the asset, and its check, of a run now."""
        with dg.DagsterInstance.ephemeral() as instance:
            result = self.job.execute_in_process(instance=instance, asset_selection=[profile_key(NAME)])
            [event] = result.get_asset_materialization_events()
            [check] = result.get_asset_check_evaluations()
        return {key: value.value for key, value in event.materialization.metadata.items()}, check

    def live(self, days: int) -> None:
        for _ in range(days):
            self.sell()
            drift.profile(self.connections, NAME)
            self.time += timedelta(days=1)

    def conditions(self) -> list[Condition]:
        return [row for row in alerts.find(self.connections, self.time) if row.key.startswith(alerts.DRIFTED)]


def silence(shop: Shop) -> list[str]:
    conditions = alerts.find(shop.connections, shop.time)
    return [row.message for row in conditions if row.key == f"{alerts.UNPROFILED}{NAME}"]


@pytest.fixture
def shop(warehouse: Warehouse) -> Shop:
    return Shop(warehouse)


def withhold(order: dict[str, Any]) -> None:
    order["name"] = order["email"] = ""


def test_a_schedule_that_stands_still_is_told_by_what_does_not_stop_with_it(shop: Shop) -> None:
    shop.sell()
    shop.time += timedelta(hours=2)
    assert silence(shop) == []  # it may come yet
    shop.time += timedelta(hours=2)
    [message] = silence(shop)
    assert "schema_profiles" in message
    drift.profile(shop.connections, NAME)
    assert silence(shop) == []
    shop.time += timedelta(hours=5)
    assert silence(shop) == []  # nothing came
    shop.sell()
    shop.time += timedelta(hours=4)
    assert len(silence(shop)) == 1
    shop.time += timedelta(hours=1)
    drift.profile(shop.connections, NAME)
    assert silence(shop) == []


def test_withheld_names_are_told_on_their_day_and_for_two_days_more(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.live(10)
    metadata, check = shop.look()
    assert (check.passed, metadata["dagster/row_count"], shop.conditions()) == (True, 0, [])
    shop.sell(change=withhold)
    metadata, check = shop.look()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "orders: name, empty or withheld (empty): 0.0 % of 80 before, 100.0 % of 8 now" in str(check.description)
    assert "changes" in metadata
    assert check.metadata["first records"].value.startswith("[O8")
    assert f"](/orders/{NAME}/O8" in check.metadata["first records"].value
    [alert] = shop.conditions()
    assert alert.key == "drifted:shop_de:orders"
    assert "name, empty or withheld" in alert.message
    assert "commerce-pipelines drift shop_de" in alert.message
    monkeypatch.chdir(tmp_path)
    (tmp_path / "commerce.yaml").write_text(SETTINGS)
    monkeypatch.setenv("ODOO_PASSWORD", "p")
    monkeypatch.setenv("TOKEN", "t")
    monkeypatch.setattr("commerce_pipelines.cli.drift.open_connections", lambda settings: shop.connections)
    shown = CliRunner().invoke(main, ["drift"], env={"COLUMNS": "200"}).output
    assert "name" in shown
    assert "empty or withheld" in shown
    assert "O8" in shown
    for passed in (False, False, True):  # its day and the two after it
        shop.time += timedelta(days=1)
        shop.sell()
        assert shop.look()[1].passed is passed
    assert shop.conditions() == []


def test_a_field_of_another_name_is_told_with_the_first_order(shop: Shop) -> None:
    shop.live(8)

    def rename(order: dict[str, Any]) -> None:
        order["grandTotal"] = order["total"]
        order["sku"] = {"code": order["sku"]}

    shop.sell(3, rename)
    _, check = shop.look()
    assert not check.passed
    rows = drift.judge(shop.connections, NAME)
    assert {(row.finding.field, row.finding.change.value) for row in rows} >= {("sku", "other kind of value")}
    assert {row.finding.example for row in rows} <= {f"O{number}" for number in range(65, 68)}


def test_old_answers_that_come_late_say_nothing_of_today(shop: Shop) -> None:
    """A backfill brings answers of last year, whose names are gone."""
    shop.live(10)
    now = shop.time
    shop.time = now - timedelta(days=200)
    old = []
    for number in range(20):
        shop.channel.add(f"OLD{number}", shop.time, total=500 + number, name="", email="")
        raw = shop.channel.fetch(f"OLD{number}") or b""
        old.append((shop.channel.head(raw), raw))
    shop.time = now
    shop.sell()
    shop.connections.landing(NAME, Topic.ORDERS).land(old, "pull", now)
    metadata, check = shop.look()
    assert (check.passed, metadata["answers today/orders"]) == (True, 8)


def test_an_order_that_changes_often_in_a_day_counts_once(shop: Shop) -> None:
    shop.sell(2)
    for minute in range(1, 6):
        shop.time = START + timedelta(minutes=minute)
        shop.channel.add("O1", shop.time, total=2000 + minute, name="Ada 1", email="a1@x.de")
        raw = shop.channel.fetch("O1") or b""
        shop.connections.landing(NAME, Topic.ORDERS).land([(shop.channel.head(raw), raw)], "poll", shop.time)
    metadata, _ = shop.look()
    assert metadata["answers today/orders"] == 2


def test_a_run_is_asked_for_where_answers_came_only(shop: Shop) -> None:
    [hourly] = schedules(shop.connections.settings, shop.connections.settings.channels)

    def tick() -> dg.ScheduleExecutionData:
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_schedule_context(
                instance, resources={"connections": shop.connections}, scheduled_execution_time=shop.time
            )
            return hourly.evaluate_tick(context)

    assert not tick().run_requests
    shop.sell(2)
    requests = tick().run_requests or []
    assert len(requests) == 1
    request = requests[0]
    assert request.asset_selection == [profile_key(NAME)]
    assert request.tags["commerce/flow"] == "drift"
    shop.look()
    assert not tick().run_requests


def test_no_value_of_an_answer_is_kept(shop: Shop) -> None:
    shop.live(3)
    shop.sell(change=lambda order: order.update(nickname="Countess"))
    shop.look()
    with shop.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT convert_from(profile, 'UTF8') FROM commerce.schema_profiles")
        kept = " ".join(row[0] for row in cursor)
        cursor.execute("SELECT c::text FROM commerce.schema_changes c")
        changed = " ".join(row[0] for row in cursor)
    assert "nickname" in kept
    assert "nickname" in changed
    for value in ("Countess", "cancelled", "MUG-1", "Ada", "@x.de"):
        assert value not in kept + changed
