"""The report as of a time: what the proofs until then said, what had come and was in Odoo, and what is not kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from commerce_pipelines.cli.main import main
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.sales.completeness import Claim, Completeness, compare
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.past_report import Past, read_past
from commerce_pipelines.warehouse.returns import proof_rows
from commerce_pipelines.warehouse.shared import proof_history
from commerce_pipelines.warehouse.tables.database import Warehouse, clock
from commerce_pipelines_tests.doubles.lane import NAME, Lane, numbered


def now(lane: Lane) -> datetime:
    with lane.connections.warehouse.transaction() as connection:
        return clock(connection)


def read(lane: Lane, at: datetime) -> Past:
    return read_past(lane.connections, NAME, lane.day, lane.day, at).orders


def test_what_was_known_proved_and_in_odoo_at_each_time(lane: Lane, request: pytest.FixtureRequest) -> None:
    first, second = numbered(request, 2)
    begin = now(lane)
    lane.put(lane.order(first))
    lane.run()
    lane.prove()
    loaded = now(lane)
    lane.put(lane.order(second))
    pull(lane.connections, NAME, lane.day, lane.day + timedelta(days=1))
    lane.prove()
    landed = now(lane)
    lane.run()
    lane.prove()
    reports = [read(lane, at) for at in (begin, loaded, landed, now(lane))]
    assert [(past.heard, past.written, past.proved) for past in reports] == [(0, 0, 0), (1, 1, 1), (2, 1, 1), (2, 2, 1)]
    proofs = [(past.proof.orders_in_channel, past.proof.sale_orders_in_odoo, past.proof.missing) for past in reports]
    assert proofs == [(0, 0, ()), (1, 1, ()), (2, 1, (second,)), (2, 2, ())]
    assert [past.proof.money_difference for past in reports] == ["0.00", "0.00", "16.90", "0.00"]


def test_a_proof_that_finds_the_same_is_kept_once(lane: Lane, request: pytest.FixtureRequest) -> None:
    (number,) = numbered(request)
    lane.put(lane.order(number))
    lane.run()
    for _ in range(3):
        lane.prove()
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(until) FROM commerce.proof_history")
        assert cursor.fetchone() == (1, 0)


def test_it_is_shown_in_a_terminal_and_says_what_it_cannot_tell(
    lane: Lane, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    (number,) = numbered(request)
    lane.put(lane.order(number))
    pull(lane.connections, NAME, lane.day, lane.day + timedelta(days=1))
    lane.prove()
    monkeypatch.setattr("commerce_pipelines.cli.report.settings_file.load", lambda: lane.connections.settings)
    monkeypatch.setattr("commerce_pipelines.cli.report.open_connections", lambda settings: lane.connections)
    later = (datetime.now(UTC) + timedelta(minutes=2)).astimezone()

    def ask(at: datetime) -> tuple[str, dict[str, Any]]:
        days = ["--from", str(lane.day), "--to", str(lane.day)]
        arguments = ["report", *days, "--json", "--as-of", at.strftime("%Y-%m-%d %H:%M")]
        result = CliRunner().invoke(main, arguments, env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        return result.output, json.loads(result.output.splitlines()[-1])["channels"][NAME]

    shown, figures = ask(later)
    assert f"orders missing then: {number}" in shown
    assert "Deliveries, invoices and refunds out are proved anew by each report and are not kept" in shown
    assert (figures["orders_known"], figures["orders_written_to_odoo"], figures["missing"]) == (1, 0, [number])
    assert "refunds_known" not in figures
    shown, figures = ask(later - timedelta(days=1))
    quiet = "of 1 days no figures are on record from before that time: no order was placed then, or no proof was made"
    assert f"{quiet} yet; the first that is kept was made" in shown
    assert (figures["orders_known"], figures["days_proved"]) == (0, 0)
    result = CliRunner().invoke(main, ["report", "--by-day", "--as-of", "2026-01-01"])
    assert result.exit_code == 2


def proof_of(total: int) -> Completeness:
    return compare([Claim(order_id="R-1", currency="EUR", total=total)], {}, ())


def test_refunds_are_kept_apart_from_orders_and_old_figures_are_dropped(warehouse: Warehouse) -> None:
    day, moment = datetime.now(UTC).date(), datetime.now(UTC)
    span = (day, day + timedelta(days=1))
    with warehouse.transaction() as connection:
        for total, ago in ((500, 500), (700, 450), (900, 0)):
            at = moment - timedelta(days=ago)
            proof_rows.keep(connection, NAME, span, {(day, "EUR"): proof_of(total)}, at)
        times = [moment - timedelta(days=ago) for ago in (470, 100, 0)]
        kept = [proof_history.read(connection, Topic.REFUNDS, NAME, span, at) for at in times]
        assert [[proof.channel_total for proof in proofs.values()] for proofs in kept] == [
            [], [{"EUR": 700}], [{"EUR": 900}],
        ]  # fmt: skip
        assert proof_history.read(connection, Topic.ORDERS, NAME, span, moment) == {}
        assert proof_history.read_first(connection, NAME) == moment - timedelta(days=450)
