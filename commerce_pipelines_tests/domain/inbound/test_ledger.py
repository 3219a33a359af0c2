"""The ledger within itself: what is sound, what is not, and rows without ids."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.inbound.ledger import (
    GAP,
    TOLD_TWICE,
    UNBALANCED,
    Balance,
    Event,
    Ledger,
    LedgerEvent,
    add_up,
    find_flaws,
    number_rows,
)

DAY = date(2026, 11, 20)
NEXT = DAY + timedelta(days=1)


def balance(day: date, start: int, end: int, **more: object) -> Balance:
    events = more.pop("events", {Event.RECEIPTS: end - start} if end != start else {})
    return Balance(day=day, msku="KET", start=start, end=end, events=events, **more)  # type: ignore[arg-type]


def event(units: int, day: date = DAY, **more: object) -> LedgerEvent:
    return LedgerEvent(day=day, msku="KET", name="Receipts", quantity=units, **more)  # type: ignore[arg-type]


def test_a_sound_ledger_has_no_flaw() -> None:
    balances = (balance(DAY, 0, 5), balance(NEXT, 5, 5))
    assert find_flaws(Ledger(days=(DAY, NEXT), balances=balances, events=(event(5),))) == []


def test_start_and_events_make_the_end() -> None:
    [flaw] = find_flaws(Ledger(days=(DAY,), balances=(balance(DAY, 3, 5, events={}),)))
    assert (flaw.what, flaw.units) == (UNBALANCED, 2)


def test_a_day_begins_as_the_day_before_ended() -> None:
    balances = (balance(DAY, 5, 5), balance(NEXT, 3, 3))
    [flaw] = find_flaws(Ledger(days=(DAY, NEXT), balances=balances))
    assert (flaw.day, flaw.what, flaw.units) == (NEXT, GAP, -2)


def test_a_sku_that_vanishes_overnight_is_a_gap() -> None:
    [flaw] = find_flaws(Ledger(days=(DAY, NEXT), balances=(balance(DAY, 5, 5),)))
    assert (flaw.day, flaw.what, flaw.units) == (NEXT, GAP, -5)


def test_details_and_summary_tell_of_the_same_units() -> None:
    [flaw] = find_flaws(Ledger(days=(DAY,), balances=(balance(DAY, 0, 5),), events=(event(4),)))
    assert (flaw.what, flaw.units) == (TOLD_TWICE, -1)


@given(st.lists(st.sampled_from([1, 2, -1]), max_size=12))
def test_equal_rows_are_as_many_rows(units: list[int]) -> None:
    numbered = number_rows(map(event, units))
    assert len(set(numbered)) == len(units)
    assert sum(row.quantity for row in numbered) == sum(units)


@given(st.lists(st.tuples(st.sampled_from(["SELLABLE", "DEFECTIVE", "LOST"]), st.integers(0, 50)), max_size=6),
       st.integers(1, 20))  # fmt: skip
def test_a_move_between_dispositions_sums_to_zero(lots: list[tuple[str, int]], moved: int) -> None:
    rows = [
        balance(DAY, units, units, disposition=f"{disposition}{at}") for at, (disposition, units) in enumerate(lots)
    ]
    pair = [
        balance(DAY, moved, 0, disposition="SELLABLE", events={Event.DAMAGED: -moved}),
        balance(DAY, 0, moved, disposition="DEFECTIVE", events={Event.DAMAGED: moved}),
    ]
    day = add_up([*rows, *pair])[DAY]["KET"]
    assert day.left == sum(units for _, units in lots) + moved
    assert sum(day.events.values()) == 0


def test_units_between_two_centres_are_in_neither_and_still_there() -> None:
    away = balance(DAY, 5, 3, in_transit=2, place="LEJ1", events={Event.TRANSFERS: -2})
    assert add_up([away])[DAY]["KET"].left == 5
