"""Topics never silence or wake each other: whatever is done to one leaves what the other's readers see as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_pipelines.channels.capabilities import Head
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines.warehouse.landing.landing import Landing
from commerce_pipelines.warehouse.landing.vault import Vault
from commerce_pipelines.warehouse.tables.database import Warehouse

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY, END = date(2026, 11, 20), date(2026, 11, 21)
TOPICS = ("orders", "returns")
CHANNEL = "shop_de"
REFUSAL, NOTE = Reason("unknown_sku", "No such product.", "Add it."), Reason("oversold", "One is missing.", "Buy it.")

STEPS = ("land", "refuse", "refuse due", "note", "resolve", "resolve notes", "resolve others", "ask again")

steps = st.tuples(
    st.sampled_from(TOPICS),
    st.sampled_from(
        ("land", "refuse", "refuse due", "note", "resolve", "resolve notes", "resolve others", "ask again")
    ),
    st.sampled_from("123"),  # both topics use the same ids
    st.sampled_from(("transform", "load", "returns")),
    st.booleans(),  # whether a refusal names the newest answer or none
)


class World:
    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.landings = {topic: Landing(warehouse, Vault(warehouse), CHANNEL, topic, BERLIN) for topic in TOPICS}
        self.now = NOON

    def seen_by(self, topic: str) -> dict[str, Any]:
        """All that sensor, proof, healing and runs of one topic read."""
        landing = self.landings[topic]
        with self.warehouse.transaction() as connection:
            waiting = quarantine.open_exceptions(connection, CHANNEL, topic)
        return {
            "pending": landing.pending(DAY, END),
            "landed": landing.records_per_day(DAY, END),
            "newest": landing.newest_of("123"),
            "history": {record: landing.history(record) for record in "123"},
            "waiting": waiting,
        }

    def do(self, topic: str, step: str, record: str, stage: str, named: bool) -> None:
        self.now += timedelta(seconds=1)
        if step == "land":
            head = Head(record_id=record, created_at=NOON, updated_at=self.now, subject=f"order:{record}")
            self.landings[topic].land([(head, f"{topic} {self.now}".encode())], "poll", self.now)
            return
        where = (CHANNEL, topic)
        newest = self.landings[topic].newest_of([record]).get(record)
        failure = quarantine.Failure(
            record_id=record,
            day=DAY,
            reason=NOTE if step == "note" else REFUSAL,
            digest=newest.digest if named and newest else "",
            retry_at=self.now if step == "refuse due" else None,
        )
        with self.warehouse.transaction() as connection:
            if step in ("refuse", "refuse due", "note"):
                quarantine.record(connection, *where, stage, [failure], "", self.now)
            elif step == "resolve":
                quarantine.resolve(connection, *where, stage, [record], self.now)
            elif step == "resolve notes":
                quarantine.resolve_notes(connection, *where, [record], self.now)
            elif step == "resolve others":
                quarantine.resolve_others(connection, *where, stage, (DAY, END), [record], self.now)
            else:
                quarantine.ask_again(connection, *where, [record], self.now)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(steps, min_size=3, max_size=10))
def test_no_topic_sees_what_is_done_to_another(
    warehouse: Warehouse, sequence: list[tuple[str, str, str, str, bool]]
) -> None:
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE commerce.snapshots, commerce.exceptions")
    world = World(warehouse)
    for step in sequence:
        (other,) = set(TOPICS) - {step[0]}
        before = world.seen_by(other)
        world.do(*step)
        assert world.seen_by(other) == before


def test_a_failing_return_does_not_silence_the_order_of_the_same_id(warehouse: Warehouse) -> None:
    world = World(warehouse)
    world.do("orders", "land", "1", "", False)
    world.do("returns", "refuse", "1", "returns", False)
    assert list(world.seen_by("orders")["pending"]) == [DAY]
    world.do("orders", "refuse", "1", "load", True)
    assert world.seen_by("orders")["pending"] == {}
    world.do("returns", "refuse due", "1", "load", True)
    assert world.seen_by("orders")["pending"] == {}
    assert list(world.seen_by("returns")["pending"]) == [DAY]


def test_a_note_neither_silences_nor_wakes_its_own_record(warehouse: Warehouse) -> None:
    world = World(warehouse)
    world.do("orders", "land", "1", "", False)
    world.do("orders", "note", "1", "load", True)
    assert list(world.seen_by("orders")["pending"]) == [DAY]
    world.do("orders", "refuse", "1", "load", True)
    world.do("orders", "ask again", "1", "", True)
    assert {record.note: record.retry_at is None for record in world.seen_by("orders")["waiting"]} == {
        "": False,
        "oversold": True,
    }


def test_a_payload_of_one_topic_does_not_open_as_another_s(warehouse: Warehouse) -> None:
    world = World(warehouse)
    world.do("orders", "land", "1", "", False)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.snapshots SET topic = 'returns'")
    assert world.landings["returns"].newest_of(["1"])["1"].raw == b""
