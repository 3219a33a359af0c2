"""When a sensor may rest: only while its own first questions would find nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.rhythm import UNFINISHED, Rhythm, Wakes, may_rest

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
TURNS = Rhythm(seconds=30, place=1, of=3, messages=("shop_de/orders",), marks={"read_at": "orders read of shop_de"})
STOCK = Rhythm(seconds=60, at="at", marks={"hint": "stock"})


def _check_after(rhythm: Rhythm, seconds: float, cursor: dict | None = None, wakes: Wakes | None = None) -> bool:
    """Whether a sensor rests so many seconds after noon, at which it ticked."""
    text = msgspec.json.encode(cursor or {}).decode()
    return may_rest(rhythm, text, NOON, NOON + timedelta(seconds=seconds), wakes or Wakes())


def test_it_looks_once_in_a_turn_of_its_own() -> None:
    assert [_check_after(TURNS, seconds) for seconds in (1, 9, 10, 25)] == [True, True, False, False]
    assert not _check_after(TURNS, -1)  # the clock was set back


@pytest.mark.parametrize("field", UNFINISHED)
def test_what_is_unfinished_lets_it_tick(field: str) -> None:
    assert not _check_after(TURNS, 1, {field: {"2026-11-30": {}}})
    assert not _check_after(TURNS, 1, {"refunds": {field: True}})  # a cursor for each topic
    assert _check_after(TURNS, 1, {field: None, "watermark": "2026-11-30T12:00:00Z"})


def test_a_message_lets_it_tick_until_somebody_has_dealt_with_it() -> None:
    assert not _check_after(TURNS, 1, wakes=Wakes(messages={"shop_de/orders"}))
    assert _check_after(TURNS, 1, wakes=Wakes(messages={"shop_de/returns", "shop_fr/orders"}))


def test_a_mark_lets_it_tick_until_its_cursor_knows_it() -> None:
    wakes = Wakes({"stock": NOON})
    assert not _check_after(STOCK, 1, {"at": NOON}, wakes)
    assert not _check_after(STOCK, 1, {"at": NOON, "hint": NOON - timedelta(microseconds=1)}, wakes)
    assert _check_after(STOCK, 1, {"at": NOON, "hint": NOON}, wakes)
    assert _check_after(STOCK, 1, {"at": NOON, "hint": "2026-11-30T13:00:00+01:00"}, wakes)


def test_where_it_remembers_its_last_look_that_counts_and_not_its_last_tick() -> None:
    early = {"at": NOON - timedelta(seconds=50), "hint": None}
    assert [_check_after(STOCK, seconds, early) for seconds in (9, 10)] == [True, False]
    assert not _check_after(STOCK, 1)  # it has not looked yet


def test_a_process_that_has_just_begun_looks_at_once() -> None:
    began = msgspec.structs.replace(TURNS, since=NOON + timedelta(seconds=1))
    assert not _check_after(began, 2)
    assert _check_after(msgspec.structs.replace(TURNS, since=NOON - timedelta(hours=1)), 2)


@given(st.text() | st.binary().map(repr))
def test_a_memory_that_nobody_can_read_is_as_good_as_none(text: str) -> None:
    assert may_rest(TURNS, text, NOON, NOON + timedelta(seconds=1), Wakes())
    assert not may_rest(STOCK, text, NOON, NOON + timedelta(seconds=1), Wakes())


def test_a_moment_without_a_zone_is_none() -> None:
    """As a person may write one in Dagster's UI."""
    assert not _check_after(STOCK, 1, {"at": "2026-11-30T12:00:00", "hint": None})
    assert not _check_after(STOCK, 1, {"at": NOON, "hint": "2026-11-30T12:00:00"}, Wakes({"stock": NOON}))


@given(st.integers(1, 600), st.integers(1, 5), st.data())
def test_no_turn_is_left_out(seconds: int, of: int, data: st.DataObject) -> None:
    rhythm = Rhythm(seconds=seconds, place=data.draw(st.integers(0, of - 1)), of=of)
    assert not _check_after(rhythm, seconds)
    gone = data.draw(st.floats(0, seconds))
    assert _check_after(rhythm, gone) == (rhythm.turn(NOON) == rhythm.turn(NOON + timedelta(seconds=gone)))
