"""What monitors are told: exit codes, sentences, JSON, metrics over HTTP; from the database alone, without a person."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from prometheus_client.parser import text_string_to_metric_families

from commerce_pipelines.cli import metrics as metrics_module
from commerce_pipelines.cli.dev import EXTRAS, METRICS, parts
from commerce_pipelines.cli.main import main
from commerce_pipelines.cli.terminal import JsonLines
from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.domain.outbox.effects import Kind
from commerce_pipelines.flows.health import Level, read_health
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.pollers import list_pollers
from commerce_pipelines.resources.slots import count_slots, offer_slots
from commerce_pipelines.settings.file import Metrics, parse
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.outbox import holds
from commerce_pipelines.warehouse.shared import conditions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.channel import SETTINGS, FakeChannel, some_settings
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.doubles.ports import find_port

_ODOO = 'odoo: {{url: "http://127.0.0.1:8069", database: demo, username: admin, password: {{env: PW}}}}\n'
AMAZON = (
    _ODOO
    + """
channels:
  - {{name: account, kind: amazon, region: eu, marketplaces: [DE], start_date: 2025-01-01, secret_rotated_on: {made},
     credentials: {{client_id: {{env: A}}, client_secret: {{env: B}}, refresh_token: {{env: C}}}}}}
"""
)
EBAY = (
    _ODOO
    + """
channels:
  - {{name: account, kind: ebay, marketplace: EBAY_DE, start_date: 2025-01-01, refresh_token_issued_on: {made},
     credentials: {{client_id: {{env: A}}, client_secret: {{env: B}}, refresh_token: {{env: C}}}}}}
"""
)
CANARY = "anna.canary@example.com"


@pytest.fixture
def home(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, whose marketplace and Odoo cannot be reached."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "commerce.yaml").write_text(SETTINGS)
    for _, name in _list_secrets():
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("COMMERCE_MASTER_KEY", base64.urlsafe_b64encode(MASTER_KEY).decode())
    monkeypatch.setenv("COMMERCE_DATABASE_URL", warehouse.url)
    return tmp_path


def _list_secrets() -> list[tuple[str, str]]:
    from commerce_pipelines.settings.file import secrets

    return [(where, secret.env) for where, secret in secrets(parse(SETTINGS))]


def ask(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["health", *arguments])
    assert "Traceback" not in result.output
    return result


def look(warehouse: Warehouse, at: datetime) -> None:
    """All pollers look well."""
    with warehouse.transaction() as connection:
        for name in list_pollers(parse(SETTINGS)):
            conditions.beat(connection, name, at)


def wait(warehouse: Warehouse, since: datetime) -> None:
    failure = exceptions.Failure(
        record_id="1", day=since.date(), reason=Reason("unknown_sku", f"No product {CANARY}.", "Create it.", CANARY)
    )
    with warehouse.transaction() as connection:
        exceptions.record(connection, "shop_de", "orders", "load", [failure], "run", since)


def test_fine_late_and_stopped(home: Path, warehouse: Warehouse) -> None:
    """Each ends with a code of its own, and each line says what to do."""
    result = ask()
    assert (result.exit_code, "commerce-pipelines dev" in result.output) == (2, True)
    now = REAL.now()
    look(warehouse, now)
    result = ask()
    assert (result.exit_code, result.output) == (0, "Everything goes on; nothing waits too long.\n")
    wait(warehouse, now - timedelta(days=3))
    result = ask()
    assert result.exit_code == 1
    assert "late: 1 orders of shop_de wait: unknown_sku" in result.output
    look(warehouse, now - timedelta(hours=2))
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.heartbeats SET ticked_at = %s", (now - timedelta(hours=2),))
    assert ask().exit_code == 2


def test_where_runs_work_in_workers_there_has_to_be_one(
    home: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(warehouse, REAL.now())
    monkeypatch.setenv("COMMERCE_BROKER_URL", "redis://localhost:6379/0")
    result = ask()
    assert (result.exit_code, result.output.count("commerce-pipelines worker")) == (2, 1)
    with offer_slots(warehouse.url, 3), offer_slots(warehouse.url, 3):
        assert count_slots(warehouse.url) == 6
        assert ask().exit_code == 0
    assert ask().exit_code == 2


def test_as_json_with_figures_and_without_a_person(home: Path, warehouse: Warehouse) -> None:
    now = REAL.now()
    look(warehouse, now)
    wait(warehouse, now - timedelta(days=3))
    result = ask("--json")
    report = json.loads(result.output.splitlines()[-1])
    assert (result.exit_code, report["status"]) == (1, "late")
    [row] = report["figures"]["exceptions"]
    assert (row["channel"], row["topic"], row["code"], row["count"]) == ("shop_de", "orders", "unknown_sku", 1)
    assert report["figures"]["database_bytes"] > 1_000_000
    assert CANARY not in result.output


@pytest.fixture
def older(warehouse: Warehouse) -> Iterator[None]:
    """The schema of an earlier version."""
    newest = warehouse.version()
    for version in ("0001", newest):
        with warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE commerce.alembic_version SET version_num = %s", (version,))
        if version != newest:
            yield


def test_a_database_of_another_version_is_said_and_not_migrated(home: Path, older: None, warehouse: Warehouse) -> None:
    result = ask()
    assert (result.exit_code, "schema version 0001" in result.output, warehouse.version()) == (2, True, "0001")


@pytest.mark.parametrize("problem", ["database", "settings"])
def test_what_cannot_be_told_is_said_with_the_reason(home: Path, monkeypatch: pytest.MonkeyPatch, problem: str) -> None:
    if problem == "database":
        monkeypatch.setenv("COMMERCE_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    else:
        (home / "commerce.yaml").write_text("channels: 3\n")
    result = ask("--json")
    report = json.loads(result.output.splitlines()[-1])
    assert (result.exit_code, report["status"]) == (2, "stopped")
    assert report["findings"][0]["text"]


def test_an_embedded_database_is_not_started_by_a_monitor(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMMERCE_DATABASE_URL")
    result = ask()
    assert (result.exit_code, "does not run" in result.output) == (2, True)
    assert not (home / ".commerce" / "postgres").exists()


def test_answers_that_no_run_deals_with_are_late_after_an_hour(warehouse: Warehouse) -> None:
    """A landing without a run is what a full disk or a dead launcher looks like."""
    channel, now = FakeChannel(), REAL.now()
    connections = doors(some_settings(), warehouse, channels={"shop_de": channel})
    look(warehouse, now)
    channel.add("1", now - timedelta(hours=1))
    day = now.astimezone(connections.settings.channel("shop_de").zone).date()
    pull(connections, "shop_de", day - timedelta(days=1), day + timedelta(days=1))
    seen = read_health(connections)
    assert [(row.channel, row.topic, row.days) for row in seen.pending] == [("shop_de", "orders", 1)]
    assert seen.exit_code == 0  # a run may be about to deal with it
    later = replace(REAL, now=lambda: REAL.now() + timedelta(hours=2))
    connections = doors(some_settings(), warehouse, channels={"shop_de": channel}, instruments=later)
    look(warehouse, later.now())
    [finding] = read_health(connections).findings
    assert (finding.level, finding.what) == (Level.LATE, "orders of shop_de")
    assert "no run has dealt with them" in finding.text


def test_a_plan_that_waits_for_a_person_is_late(warehouse: Warehouse) -> None:
    connections = doors(some_settings(), warehouse, channels={"shop_de": FakeChannel()})
    look(warehouse, REAL.now())
    with warehouse.transaction() as connection:
        holds.hold(connection, "shop_de", Kind.QUANTITY, "run", "12 of 12 would go to 0", {})
    seen = read_health(connections)
    assert (seen.exit_code, seen.pending) == (1, ())
    assert any("shop_de" in finding.what for finding in seen.findings)


@pytest.mark.parametrize("key", ["secret_rotated_on", "refresh_token_issued_on"])
def test_a_credential_that_ends_soon_is_late_and_its_age_a_figure(warehouse: Warehouse, key: str) -> None:
    today = REAL.now().date()
    made = today - timedelta(days=530)
    settings = parse({"secret_rotated_on": AMAZON, "refresh_token_issued_on": EBAY}[key].format(made=made))
    connections = doors(settings, warehouse)
    with warehouse.transaction() as connection:
        for name in list_pollers(settings):
            conditions.beat(connection, name, REAL.now())
    seen = read_health(connections)
    assert seen.credentials == (("account", 530),)
    assert [finding.what for finding in seen.findings] == ["credentials of account"]


@pytest.fixture
def served(home: Path) -> str:
    """The address of a server of metrics."""
    address: list[str] = []
    ready = threading.Event()

    def tell(place: str) -> None:
        address.append(f"http://{place}")
        ready.set()

    def run() -> None:
        metrics_module.serve(Metrics(port=find_port()), metrics_module._Told(), tell)

    threading.Thread(target=run, daemon=True).start()
    assert ready.wait(240)
    return address[0]


def read(address: str) -> dict[str, dict[tuple[str, ...], float]]:
    """By the values of the labels, in the order of the labels' names."""
    answer = requests.get(f"{address}/metrics", timeout=240)
    assert answer.status_code == 200
    assert CANARY not in answer.text
    return {
        family.name: {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(answer.text)
    }


def test_figures_for_prometheus(served: str, warehouse: Warehouse) -> None:
    now = REAL.now()
    look(warehouse, now)
    wait(warehouse, now - timedelta(days=3))
    figures = read(served)
    assert figures["commerce_up"][()] == 1
    assert figures["commerce_exceptions"]["shop_de", "waits", "unknown_sku", "orders"] == 1
    assert figures["commerce_exceptions_oldest_seconds"]["shop_de", "waits", "unknown_sku", "orders"] > 86_400
    assert 0 <= figures["commerce_landing_lag_seconds"]["shop_de_new_orders",] < 600
    assert figures["commerce_database_bytes"][()] > 1_000_000
    assert (figures["commerce_findings"]["late",], figures["commerce_findings"]["stopped",]) == (1, 0)
    assert set(figures) >= {"commerce_pending_days", "commerce_effects", "commerce_budget_left"}


def test_a_database_that_is_away_is_told_and_found_again(
    served: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(warehouse, REAL.now())
    assert requests.get(f"{served}/health", timeout=240).json()["status"] == "fine"
    with monkeypatch.context() as away:
        away.setattr(Warehouse, "transaction", _refuse)
        assert read(served) == {"commerce_up": {(): 0.0}}
        answer = requests.get(f"{served}/health", timeout=240)
        assert (answer.status_code, answer.json()["status"]) == (503, "stopped")
    assert read(served)["commerce_up"][()] == 1


def _refuse(warehouse: Warehouse) -> Any:
    raise TransientError("PostgreSQL does not answer.")


def test_nothing_else_is_served(served: str) -> None:
    assert requests.get(f"{served}/", timeout=240).status_code == 404
    assert requests.post(f"{served}/metrics", timeout=240).status_code == 404


def test_the_server_is_a_part_of_dev_and_listens_to_this_machine_alone(tmp_path: Path) -> None:
    [part] = [
        part for part in parts(tmp_path, {"": tmp_path / "s"}, "127.0.0.1", 3000, [METRICS]) if part.name == METRICS
    ]
    assert part.command[-len(EXTRAS[METRICS]) :] == EXTRAS[METRICS]
    assert Metrics().host == "127.0.0.1"


def test_log_lines_as_json_hold_no_text_of_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        record = logging.LogRecord("commerce_pipelines.x", logging.ERROR, "f", 1, "It failed: %d", (3,),
                                   (ValueError, error, error.__traceback__))  # fmt: skip
    line = JsonLines().format(record)
    fields = json.loads(line)
    assert (fields["level"], fields["message"], fields["logger"]) == ("error", "It failed: 3", "commerce_pipelines.x")
    assert "test_health.py" in fields["where"]
    assert CANARY not in line
    assert "\n" not in line
    for wanted, count in (("", 0), ("json", 3)):
        monkeypatch.setenv("COMMERCE_LOG_FORMAT", wanted)
        commands = [part.command for part in parts(tmp_path, {"": tmp_path / "s"}, "127.0.0.1", 3000)]
        assert sum(command[-2:] == ("--log-format", "json") for command in commands) == count
