"""A channel that PostgreSQL's statistics do not know yet is read by looks into the index, not row against row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from commerce_pipelines.channels.capabilities import Head
from commerce_pipelines.flows.intake import pull
from commerce_pipelines.warehouse.landing import landing
from commerce_pipelines.warehouse.landing.landing import Landing
from commerce_pipelines.warehouse.landing.vault import Vault
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines.warehouse.tables.statistics import refresh_statistics
from commerce_pipelines_tests.doubles.channel import FakeChannel, some_settings
from commerce_pipelines_tests.doubles.doors import doors

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MANY = 60


def _add_answers(warehouse: Warehouse, channel: str) -> None:
    heads = [Head(record_id=f"{n}", created_at=NOON, updated_at=NOON, subject="email:a@b.c") for n in range(MANY)]
    answers = [(head, f'{{"number": {head.record_id}}}'.encode()) for head in heads]
    Landing(warehouse, Vault(warehouse), channel, "orders", ZoneInfo("UTC")).land(answers, "pull", NOON)


def test_the_newest_answers_of_a_channel_that_is_new_beside_others_are_found_by_the_key(warehouse: Warehouse) -> None:
    """Joined, 4,000 orders cost PostgreSQL 3 CPU-seconds and 8,000 cost 15."""
    _add_answers(warehouse, "old")
    with warehouse.transaction() as connection:
        refresh_statistics(connection, "snapshots")
    _add_answers(warehouse, "new")
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # sixty rows are on two pages
        cursor.execute(
            f"EXPLAIN {landing.SEALED} AND s.day >= %s AND s.day < %s AND {landing._NEWEST}",
            ("new", "orders", NOON.date(), NOON.date() + timedelta(days=1)),
        )
        plan = "\n".join(line for (line,) in cursor)
    assert "SubPlan" in plan
    assert "(record_id = s.record_id)" in plan
    assert "n.record_id = s.record_id" not in plan  # as a join's filter


@pytest.mark.parametrize("pulled", [3, 0])
def test_a_pull_of_many_records_leaves_fresh_statistics(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, pulled: int
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(pull, "MANY_ROWS", 3)
    monkeypatch.setattr(pull, "refresh_statistics", lambda _, table: asked.append(table))
    channel = FakeChannel()
    for number in range(pulled):
        channel.add(f"{number}", NOON)
    connections = doors(some_settings(), warehouse, channels={channel.name: channel})
    day = NOON.date()
    assert pull.pull(connections, channel.name, day, day + timedelta(days=1)).new == pulled
    assert asked == ["snapshots", "subject_keys"] * bool(pulled)


def test_statistics_say_how_many_rows_a_table_has(warehouse: Warehouse) -> None:
    _add_answers(warehouse, "new")
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        refresh_statistics(connection, "snapshots")
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'commerce.snapshots'::regclass")
        assert cursor.fetchone() == (MANY,)
