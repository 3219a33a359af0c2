"""Staging: what stays is neither read nor written again by a run of the sensor, and the rest is as if all were."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_pipelines.channels.capabilities import Head
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Order
from commerce_pipelines.flows.intake import reading
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders.stage import Staged, stage
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import FakeChannel, some_settings
from commerce_pipelines_tests.doubles.doors import IMPATIENT, doors

NAME = "shop_de"
NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
DAY = NOON.date()
SPAN = (DAY, DAY + timedelta(days=2))


class Reading(FakeChannel):
    """Counts what it translates. An order may move to another day, which marketplaces do not do on purpose."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self.translated: Counter[str] = Counter()

    def translate(self, raw: bytes) -> Order:
        order = super().translate(raw)
        self.translated[order.order_id] += 1
        return order


class Stager:
    """A channel whose answers are landed and staged, without Odoo."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse, self.channel, self.seen = warehouse, Reading(), NOON + timedelta(days=3)
        self.connections = self.open()

    def open(self, **changes: Any) -> Connections:
        text = some_settings()
        if changes:
            text = msgspec.structs.replace(text, channels=(msgspec.structs.replace(text.channels[0], **changes),))
        return doors(text, self.warehouse, channels={NAME: self.channel}, instruments=IMPATIENT)

    def land(self, order_id: str, placed: datetime = NOON, **fields: Any) -> None:
        self.seen += timedelta(minutes=1)
        self.channel.add(order_id, placed, updated=self.seen, **fields)
        raw = self.channel.fetch(order_id)
        assert raw is not None
        head: Head = self.channel.head(raw)
        self.connections.landing(NAME, Topic.ORDERS).land([(head, raw)], "poll", self.seen)

    def stage(self, whole: bool = False, connections: Connections | None = None) -> Staged:
        self.channel.translated.clear()
        return stage(connections or self.connections, NAME, *SPAN, whole=whole)

    def rows(self, *columns: str) -> list[Any]:
        lists: list[Any] = []
        with self.warehouse.transaction() as connection, connection.cursor() as cursor:
            for table in ("orders", "order_lines"):
                cursor.execute(f"SELECT {', '.join(columns) or '*'} FROM commerce.{table} ORDER BY order_id")
                lists.append(cursor.fetchall())
        return lists

    def waiting(self) -> set[tuple[str, str]]:
        with self.warehouse.transaction() as connection:
            return {(row.record_id, row.digest) for row in exceptions.open_exceptions(connection, NAME, Topic.ORDERS)}

    def clear(self) -> None:
        """As if nothing had been staged yet."""
        with self.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM commerce.orders; DELETE FROM commerce.order_lines")
            cursor.execute("DELETE FROM commerce.staged_days; DELETE FROM commerce.exceptions")

    def execute(self, statement: str, *values: Any) -> None:
        with self.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)


@pytest.fixture
def stager(warehouse: Warehouse) -> Stager:
    return Stager(warehouse)


def test_a_run_of_the_sensor_reads_and_writes_the_new_answer_alone(stager: Stager) -> None:
    for number in range(4):
        stager.land(f"A{number}")
    stager.land("B", broken=True)
    first = stager.stage()
    assert (first.orders, first.refused, len(stager.channel.translated)) == (4, 1, 4)
    before = stager.rows("order_id", "xmin::text", "ctid::text")
    stager.land("A4")
    second = stager.stage()
    assert stager.channel.translated == {"A4": 1}
    assert (second.orders, second.refused, second.lines) == (5, 1, 5)  # the whole day's figures
    assert (second.by_status, second.by_currency) == ({"paid": 5}, {"EUR": 5 * 1190})
    after = stager.rows("order_id", "xmin::text", "ctid::text")
    assert [[row for row in rows if row[0] != "A4"] for rows in after] == before
    assert {record_id for record_id, _ in stager.waiting()} == {"B"}

    whole = stager.stage(whole=True)
    assert len(stager.channel.translated) == 5
    assert whole == second
    assert stager.rows("order_id", "xmin::text", "ctid::text") == after  # read again, and nothing written


def test_a_refused_answer_is_read_again_and_its_old_row_goes(stager: Stager) -> None:
    stager.land("A")
    stager.land("B")
    stager.stage()
    stager.land("A", broken=True)
    assert stager.stage().refused == 1
    assert [len(rows) for rows in stager.rows()] == [1, 1]
    stager.channel.answers["A"]["broken"] = False
    assert stager.stage().refused == 1  # tried again
    with stager.warehouse.transaction() as connection:
        (waits,) = exceptions.open_exceptions(connection, NAME, Topic.ORDERS)
    assert waits.tries == 2


def test_what_was_staged_and_cannot_be_read_any_more_goes(stager: Stager, monkeypatch: pytest.MonkeyPatch) -> None:
    stager.land("A")
    stager.stage()
    stager.execute("UPDATE commerce.snapshots SET payload = 'damaged'")
    assert stager.stage(whole=True).refused == 1
    assert stager.rows() == [[], []]


def test_an_erased_order_goes_in_the_next_run(stager: Stager) -> None:
    for order_id in ("A", "B"):
        stager.land(order_id)
    stager.stage()
    stager.execute(
        "UPDATE commerce.subject_keys SET wrapped_key = NULL, destroyed_at = now() WHERE subject_id ="
        " (SELECT subject_id FROM commerce.snapshots WHERE record_id = 'A')"
    )
    staged = stager.stage()
    assert (staged.forgotten, staged.orders) == (1, 1)
    assert [[row[0] for row in rows] for rows in stager.rows("order_id")] == [["B"], ["B"]]


def test_an_order_past_its_age_limit_keeps_its_row(stager: Stager) -> None:
    stager.land("A")
    stager.stage()
    before = stager.rows("*", "xmin::text")
    stager.execute("UPDATE commerce.snapshots SET payload = ''")
    for whole in (False, True):
        staged = stager.stage(whole=whole)
        assert (staged.expired, staged.orders) == (1, 1)
        assert stager.rows("*", "xmin::text") == before


def test_other_settings_and_other_code_read_the_day_again_once(
    stager: Stager, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    stager.land("A")
    stager.stage()
    stager.stage()
    assert stager.channel.translated == {}
    others = stager.open(currency_basis="presentment")
    stager.stage(connections=others)
    assert stager.channel.translated == {"A": 1}
    stager.stage(connections=others)
    assert stager.channel.translated == {}
    monkeypatch.setattr(reading, "_OF_CODE", "of another release")
    stager.stage(connections=others)
    assert stager.channel.translated == {"A": 1}
    stager.stage(connections=others)
    assert stager.channel.translated == {}


def test_the_code_that_reads_is_all_in_its_digest() -> None:
    assert len(reading._compute_digest()) == 16
    assert {pattern.partition("/")[0] for pattern in reading._CODE} == {"channels", "domain", "flows", "warehouse"}


CHANGES = st.lists(
    st.tuples(
        st.sampled_from("ABC"), st.integers(-1, 2), st.sampled_from([1190, 2380]), st.booleans(),
        st.sampled_from(["paid", "waiting"]), st.booleans(),
    ),
    max_size=8,
)  # fmt: skip


@given(changes=CHANGES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_runs_of_the_sensor_leave_is_what_one_reading_of_all_leaves(warehouse: Warehouse, changes: Any) -> None:
    stager = Stager(warehouse)
    stager.execute("DELETE FROM commerce.snapshots; DELETE FROM commerce.subject_keys")
    stager.clear()
    staged = Staged()
    for order_id, days, total, broken, status, now in changes:
        stager.land(order_id, NOON + timedelta(days=days), total=total, broken=broken, status=status)
        if now:
            stager.stage()
    staged = stager.stage()
    left = (stager.rows(), stager.waiting(), staged)
    stager.clear()
    again = stager.stage(whole=True)
    on_days = [[row for row in rows if DAY <= row[2] < SPAN[1]] for rows in left[0]]
    assert (on_days, left[1], left[2]) == (stager.rows(), stager.waiting(), again)


def test_pulled_and_polled_answers_are_staged_alike(stager: Stager) -> None:
    stager.land("A")
    stager.stage()
    before = stager.rows("*", "xmin::text")
    assert pull(stager.connections, NAME, *SPAN).new == 0
    stager.stage(whole=True)
    assert stager.rows("*", "xmin::text") == before
