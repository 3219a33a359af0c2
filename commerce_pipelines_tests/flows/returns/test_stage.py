"""Returns and refunds that stay are neither read nor written again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.returns import stage as stage_module
from commerce_pipelines.flows.returns.load import load
from commerce_pipelines.flows.returns.stage import Staged, stage
from commerce_pipelines_tests.doubles.lane import NAME
from commerce_pipelines_tests.doubles.returns import make_refund, make_return
from commerce_pipelines_tests.flows.returns.conftest import TOPICS, ReturnsLane

TABLES = ("returns", "return_lines", "refunds", "refund_lines", "credit_notes", "return_pickings", "refund_proofs",
          "unread_refunds")  # fmt: skip


class Runs:
    """Runs as Dagster's lane makes them, by the sensor or by hand; `read` holds the ids that the last one read."""

    def __init__(self, returns: ReturnsLane, monkeypatch: pytest.MonkeyPatch) -> None:
        self.returns, self.read = returns, list[str]()
        read_record = stage_module.read_record

        def note(source: Any, topic: Topic, raw: bytes, record_id: str) -> Any:
            self.read.append(record_id)
            return read_record(source, topic, raw, record_id)

        monkeypatch.setattr(stage_module, "read_record", note)

    def run(self, *, by_hand: bool = False) -> dict[Topic, Staged]:
        connections, span, staged = self.returns.connections, self.returns.span, {}
        for topic in TOPICS:
            pull(connections, NAME, *span, topic=topic)
        self.read.clear()
        for topic in TOPICS:
            staged[topic] = stage(connections, NAME, topic, *span, whole=by_hand)
        ids = list(self.read)
        load(connections, NAME, span, again=by_hand)
        self.returns.prove()
        self.read = ids
        return staged

    def versions(self, table: str) -> dict[tuple[Any, ...], tuple[str, str]]:
        """By the first three columns, which tell the rows apart but for lines, and those have one a record here."""
        with self.returns.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT ctid::text, xmin::text, * FROM commerce.{table}")
            return {tuple(row[:3]): (place, writer) for place, writer, *row in cursor}


@pytest.fixture
def runs(returns: ReturnsLane, monkeypatch: pytest.MonkeyPatch) -> Runs:
    for order_id in ("A1", "A2", "A3"):
        returns.orders.put(returns.orders.order(order_id))
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon), make_return("T1", "A2", returns.noon))
    returns.put(make_refund("BAD", "A3", returns.noon))
    returns.channel.refunds.broken.add("BAD")
    return Runs(returns, monkeypatch)


def test_one_new_refund_is_read_and_written_alone(runs: Runs) -> None:
    first = runs.run()
    assert (first[Topic.REFUNDS].records, first[Topic.REFUNDS].refused, first[Topic.RETURNS].records) == (1, 1, 1)
    before = {table: runs.versions(table) for table in TABLES}
    assert all(before.values())
    runs.returns.put(make_refund("R2", "A2", runs.returns.noon))
    second = runs.run()
    assert sorted(runs.read) == ["BAD", "R2"]  # a refused answer is read again
    after = {table: runs.versions(table) for table in TABLES}
    for table in ("returns", "return_lines", "refunds", "refund_lines", "credit_notes", "unread_refunds"):
        assert {key: after[table][key] for key in before[table]} == before[table], table
    assert after["refunds"].keys() - before["refunds"].keys() == {(NAME, "R2", "A2")}
    refunds = second[Topic.REFUNDS]
    assert (refunds.records, refunds.lines, refunds.by_state, refunds.by_currency) == (
        2, 2, {"done": 2}, {"EUR": 2 * 1690}
    )  # fmt: skip

    settled = runs.run(by_hand=True)
    assert sorted(runs.read) == ["BAD", "R1", "R2", "T1"]
    assert settled == second
    # What was created is unchanged from now on. The double of the documents opens a return in each run.
    last = {table: runs.versions(table) for table in TABLES if table != "return_pickings"}
    assert runs.run(by_hand=True) == second
    assert {table: runs.versions(table) for table in last} == last


def test_a_changed_refund_takes_the_place_of_its_row(runs: Runs) -> None:
    runs.run()
    source = runs.returns.channel.refunds
    old = source.known["R1"]
    line = msgspec.structs.replace(old.lines[0], amount=500, tax=0)
    source.put(msgspec.structs.replace(
        old, updated_at=old.updated_at.replace(minute=59), lines=(line,), total=500, reason="broken",
    ))  # fmt: skip
    staged = runs.run()[Topic.REFUNDS]
    assert (staged.records, staged.by_currency) == (1, {"EUR": 500})
    source.broken.add("R1")
    source.put(msgspec.structs.replace(source.known["R1"], reason="lost"))
    source.known["R1"] = msgspec.structs.replace(
        source.known["R1"], updated_at=old.updated_at.replace(minute=59, second=9)
    )
    staged = runs.run()[Topic.REFUNDS]
    assert (staged.records, staged.refused) == (0, 2)
    assert runs.versions("refunds") == runs.versions("refund_lines") == {}
