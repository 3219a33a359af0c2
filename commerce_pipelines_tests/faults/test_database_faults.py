"""PostgreSQL at its worst: full, read-only, deadlocked, gone. Nothing half is kept, and the next run completes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from commerce_pipelines.core.errors import CommerceError, SettingsError, TransientError
from commerce_pipelines.flows.intake.changes import Cursor, poll
from commerce_pipelines.flows.orders import stage
from commerce_pipelines.warehouse.server.server import libpq_url
from commerce_pipelines_tests.doubles.lane import NAME, Lane, line
from commerce_pipelines_tests.faults.checker import check
from commerce_sandbox.odoo import OdooStandIn
from commerce_sandbox.server import Fault

TABLES = ("subject_keys", "snapshots", "orders", "order_lines", "exceptions", "sale_orders", "completeness")
STATES: dict[str, tuple[str, type[CommerceError]]] = {
    "disk full": ("53100", TransientError),
    "deadlock": ("40P01", TransientError),
    "serialization": ("40001", TransientError),
    "statement cancelled": ("57014", TransientError),
    "read-only after a failover": ("25006", TransientError),
    "right taken away": ("42501", SettingsError),
}


def administer(lane: Lane, *statements: str) -> None:
    with closing(psycopg2.connect(libpq_url(lane.connections.warehouse.url))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@contextmanager
def failing(lane: Lane, table: str, state: str) -> Iterator[None]:
    """Every insert into the table fails, after its row was made."""
    administer(
        lane,
        "CREATE FUNCTION pg_temp_fault() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$BEGIN RAISE EXCEPTION 'told with %', NEW USING ERRCODE = '{state}'; END$$",
        f"CREATE TRIGGER fault AFTER INSERT ON commerce.{table} FOR EACH ROW EXECUTE FUNCTION pg_temp_fault()",
    )
    try:
        yield
    finally:
        administer(lane, "DROP FUNCTION pg_temp_fault CASCADE")


def everybody_out(lane: Lane) -> None:
    """All connections are cut, as by a restart."""
    administer(
        lane,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def put(lane: Lane) -> None:
    lane.put(*(lane.order(f"order-{i}") for i in range(4)), lane.order("order-9", line(sku="X-404")))


@pytest.mark.parametrize(("state", "error"), STATES.values(), ids=STATES)
def test_an_insert_that_fails_anywhere(lane: Lane, odoo: OdooStandIn, state: str, error: type[CommerceError]) -> None:
    put(lane)
    for table in TABLES:
        with failing(lane, table, state), pytest.raises(error) as caught:
            lane.run()
            lane.prove()
        assert "told with" not in str(caught.value)  # the server quotes the row
    lane.run()
    check(lane, odoo)


@pytest.mark.parametrize("table", ["subject_keys", "snapshots"])
def test_the_cursor_never_moves_past_what_is_not_landed(lane: Lane, odoo: OdooStandIn, table: str) -> None:
    put(lane)
    before = Cursor(watermark=lane.noon - timedelta(hours=1))
    with failing(lane, table, "53100"), pytest.raises(TransientError):
        poll(lane.connections, NAME, before)
    assert lane.connections.landing(NAME, "orders").records_per_day(lane.day, lane.day + timedelta(days=1)) == {}
    after, landed = poll(lane.connections, NAME, before, now=datetime.now(UTC))
    assert (landed.new, after.watermark > lane.noon) == (5, True)
    lane.run(pulled=False)
    check(lane, odoo)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a cursor that dies with its server
@pytest.mark.parametrize("moment", ["between pages", "while staging", "while Odoo confirms"])
def test_all_connections_are_cut(lane: Lane, odoo: OdooStandIn, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lane)
    cut: list[str] = []

    def once(*_: Any) -> bool:
        if not cut:
            cut.append(moment)
            everybody_out(lane)
        return False

    placed = lane.channel.orders.created
    if moment == "between pages":
        monkeypatch.setattr(lane.channel, "created", lambda window: (once() or page for page in placed(window)))
    elif moment == "while staging":
        monkeypatch.setattr(stage, "measure", once)
    else:
        odoo.faults.append(Fault(match=lambda call: b'"action_confirm"' in call.body and once()))
    try:
        lane.run()
    except TransientError:
        monkeypatch.undo()
        monkeypatch.setenv("ODOO_PASSWORD", "admin")
        lane.run()
    assert cut == [moment]
    check(lane, odoo)
