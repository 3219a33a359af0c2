"""Pollers take turns, rest after failures, and are missed when they do not look."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.errors import CredentialError, RateLimited, TransientError
from commerce_pipelines.core.instruments import Instruments
from commerce_pipelines.flows.pollers import (
    LONGEST_REST_SECONDS,
    SILENT_FOR,
    Poller,
    is_turn,
    judge,
    list_pollers,
    looking,
    rest_seconds,
    why_resting,
)
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse.shared import conditions
from commerce_pipelines.warehouse.shared.conditions import Heartbeat
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import FakeChannel, some_settings
from commerce_pipelines_tests.doubles.doors import doors

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connections(warehouse: Warehouse, clock: Clock) -> Connections:
    instruments = Instruments(now=clock.now, clock=lambda: 0.0, sleep=lambda seconds: None, jitter=lambda: 0.0)
    return doors(some_settings(), warehouse, channels={"shop_de": FakeChannel()}, instruments=instruments)


def look(connections: Connections, poller: Poller, error: Exception | None = None) -> None:
    if error is None:
        with looking(connections, poller):
            return
    with pytest.raises(type(error)), looking(connections, poller):
        raise error


@given(st.integers(10, 900), st.integers(2, 8), st.integers(0, 10**9), st.data())
def test_pollers_of_one_kind_look_once_a_turn_and_not_together(
    seconds: int, of: int, start: int, data: st.DataObject
) -> None:
    first, second = data.draw(st.lists(st.integers(0, of - 1), min_size=2, max_size=2, unique=True))
    looks: dict[int, list[int]] = {first: [], second: []}
    for place, times in looks.items():
        poller = Poller(name="p", subject="x", seconds=seconds, place=place, of=of)
        turn = None
        for instant in range(start, start + 4 * seconds):
            now = poller.turn(datetime.fromtimestamp(instant, UTC))
            if now != turn:
                times.append(instant)
            turn = now
    for times in looks.values():
        assert all(abs(late - early - seconds) <= 1 for early, late in itertools.pairwise(times[1:]))
    if seconds >= 2 * of:
        assert not set(looks[first][1:]) & set(looks[second][1:])


def test_a_process_looks_at_once_and_then_in_its_turns(connections: Connections, clock: Clock) -> None:
    poller = Poller(name="p", subject="x", seconds=60, place=1, of=3)  # turns begin at :20
    assert is_turn(connections, poller, clock.time)
    look(connections, poller)
    clock.time = NOON + timedelta(seconds=19)
    assert not is_turn(connections, poller, clock.time)
    clock.time = NOON + timedelta(seconds=20)
    assert is_turn(connections, poller, clock.time)


def test_permanent_failures_make_a_poller_rest_and_passing_ones_do_not(connections: Connections, clock: Clock) -> None:
    (poller, *_) = list_pollers(connections.settings).values()
    look(connections, poller, TransientError("busy"))
    assert why_resting(connections, poller, clock.time) == ""
    rests = []
    for _ in range(6):
        look(connections, poller, CredentialError("refused"))
        seconds = next(s for s in range(3600) if not why_resting(connections, poller, NOON + timedelta(seconds=s)))
        rests.append(seconds)
    assert rests == [120, 240, 480, 600, 600, 600]
    look(connections, poller)
    assert why_resting(connections, poller, clock.time) == ""


@given(st.integers(10, 86_400), st.integers(1, 10**6))
def test_a_rest_is_never_taken_for_a_death(seconds: int, failures: int) -> None:
    rest = rest_seconds(seconds, failures)
    assert seconds <= rest <= max(seconds, LONGEST_REST_SECONDS)
    poller = Poller(name="p", subject="x", seconds=seconds)
    beat = Heartbeat(name="p", ticked_at=NOON, succeeded_at=None, failures=1, problem="")
    assert judge(poller, beat, 10**9, NOON + timedelta(seconds=rest)) == ""


def test_a_poller_that_only_meets_its_rate_limit_is_told_in_the_end(
    connections: Connections, warehouse: Warehouse, clock: Clock
) -> None:
    (poller, *_) = list_pollers(connections.settings).values()
    with warehouse.transaction() as connection:
        conditions.expect(connection, [poller.name], NOON)
    clock.time = NOON + SILENT_FOR + timedelta(seconds=1)
    look(connections, poller, RateLimited("used up", wait=30))
    with warehouse.transaction() as connection:
        (beat,) = conditions.heartbeats(connection)
    assert "No look has succeeded since 2026-11-20 12:00" in judge(poller, beat, 5, clock.time)


def test_a_poller_that_never_looked_is_missed(connections: Connections, warehouse: Warehouse) -> None:
    (poller, *_) = list_pollers(connections.settings).values()
    for _ in range(2):  # what is expected already stays as it is
        with warehouse.transaction() as connection:
            conditions.expect(connection, [poller.name], NOON)
            (beat,) = conditions.heartbeats(connection)
    assert judge(poller, beat, 5, NOON + SILENT_FOR) == ""
    assert "switched off" in judge(poller, beat, 5, NOON + SILENT_FOR + timedelta(seconds=1))
    of_north = msgspec.structs.replace(poller, group="north")
    assert "location commerce_pipelines_north is" in judge(of_north, beat, 5, NOON + SILENT_FOR + timedelta(seconds=1))
