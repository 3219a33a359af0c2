"""What Odoo has to receive of a shipment: by the marketplace's count, never twice, never more than is on the road."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.inbound.reconciliation import Content
from commerce_pipelines.domain.inbound.road import (
    CountedSku,
    FbaShipment,
    RoadMove,
    find_doubtful,
    find_last_day,
    find_shipment_ids,
    join_numbers,
    merge,
    plan_step,
)

KETTLE = 7
CONTENTS = {"KET": [Content(KETTLE, 1)], "KET-6PK": [Content(KETTLE, 6)]}


def ship(shipped: int, received: int, sku: str = "KET") -> FbaShipment:
    item = CountedSku(msku=sku, shipped=shipped, received=received)
    return FbaShipment(shipment_id="FBA15ABCDEF", status="RECEIVING", items=(item,))


def move(number: int, there: float, done: float | None = None) -> RoadMove:
    is_done = done is not None
    return RoadMove(
        move_id=number, picking_id=number, product=KETTLE, is_done=is_done, units=done if done is not None else there,
        there=0.0 if is_done else there,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"),
    [("FBA15ABCDEF", "FBA15ABCDEF"), ("S00012, fba15abcdef (Amazon)", "FBA15ABCDEF"), ("FBA", ""), ("", ""),
     ("WH/INT/00012", ""), ("XFBA15ABCDEF", "")],
)  # fmt: skip
def test_the_number_of_a_shipment_in_what_a_person_wrote(text: str, number: str) -> None:
    assert next(iter(find_shipment_ids(text)), "") == number


def test_a_step_is_what_was_counted_less_what_is_received() -> None:
    step = plan_step(ship(10, 6), CONTENTS, [move(1, 10)])
    assert step.units == {1: 6}
    [count] = step.counts
    assert (count.missing, count.surplus, count.booked, count.on_road) == (4, 0, 6, 4)
    step = plan_step(ship(10, 8), CONTENTS, [move(1, 0, done=6), move(2, 4)])
    assert step.units == {2: 2}


def test_a_pack_is_received_in_units() -> None:
    assert plan_step(ship(2, 1, "KET-6PK"), CONTENTS, [move(1, 12)]).units == {1: 6}


def test_more_than_is_on_the_road_is_a_surplus() -> None:
    step = plan_step(ship(4, 5), CONTENTS, [move(1, 4)])
    assert step.units == {1: 4}
    assert step.counts[0].surplus == 1


def test_a_count_that_goes_down_is_shown_and_takes_nothing_back() -> None:
    step = plan_step(ship(10, 9), CONTENTS, [move(1, 0, done=10)])
    assert step.units == {}
    assert step.counts[0].counted_down == 1


def test_goods_that_have_not_left_are_not_received() -> None:
    assert plan_step(ship(10, 6), CONTENTS, [msgspec.structs.replace(move(1, 10), there=0.0)]).units == {}


def test_the_last_day_of_a_claim() -> None:
    assert find_last_day(date(2026, 11, 1), 60) == date(2026, 12, 31)
    assert find_last_day(None, 60) is None


@given(
    received=st.lists(st.integers(0, 40), min_size=1, max_size=5), shipped=st.integers(0, 40),
    open_moves=st.lists(st.integers(0, 20), max_size=4), booked=st.lists(st.integers(0, 20), max_size=2),
)  # fmt: skip
def test_no_unit_is_received_twice_nor_out_of_nothing(
    received: list[int], shipped: int, open_moves: list[int], booked: list[int]
) -> None:
    """Whatever the marketplace counts one after the other, and however often a run comes again."""
    moves = [move(number, 0, done=float(units)) for number, units in enumerate(booked)]
    moves += [move(10 + number, float(units)) for number, units in enumerate(open_moves)]
    total = sum(booked) + sum(open_moves)
    for count in [row for row in received for _ in range(2)]:
        before = sum(row.units for row in moves if row.is_done)
        step = plan_step(ship(shipped, count), CONTENTS, moves)
        there = {row.move_id: row.there for row in moves}
        assert all(0 < units <= there[number] for number, units in step.units.items())
        taken = sum(step.units.values())
        assert taken == max(min(count - before, sum(there.values())), 0)
        rests = []
        for row in moves:
            units = step.units.get(row.move_id, 0.0)
            if units:
                rests.append(msgspec.structs.replace(row, move_id=row.move_id + 100, there=row.there - units))
        moves = [
            msgspec.structs.replace(row, is_done=True, units=step.units[row.move_id], there=0.0)
            if row.move_id in step.units else row
            for row in moves
        ] + rests  # fmt: skip
        assert sum(row.units for row in moves if row.is_done) + sum(row.there for row in moves) == total
        assert plan_step(ship(shipped, count), CONTENTS, moves).units == {}


def test_shipments_that_some_transfer_names_together_are_counted_together() -> None:
    assert join_numbers(["A B", "C", "B D", ""]) == {"A": "A B D", "B": "A B D", "D": "A B D", "C": "C"}


def test_several_shipments_as_one() -> None:
    def shipment(name: str, status: str, shipped: int, received: int) -> FbaShipment:
        items = (CountedSku(msku="A", shipped=shipped, received=received),)
        return FbaShipment(shipment_id=name, status=status, items=items)

    merged = merge([shipment("2", "CLOSED", 4, 4), shipment("1", "SHIPPED", 6, 0)])
    assert (merged.shipment_id, merged.status) == ("1 2", "RECEIVING")
    assert merged.items == (CountedSku(msku="A", shipped=10, received=4),)
    assert merge([shipment("1", "CLOSED", 1, 1), shipment("2", "CLOSED", 1, 1)]).status == "CLOSED"
    assert merge([shipment("1", "SHIPPED", 1, 0), shipment("2", "WORKING", 1, 0)]).status == "SHIPPED"
    cancelled = merge([shipment("1", "CLOSED", 1, 1), shipment("2", "CANCELLED", 9, 0)])
    assert (cancelled.status, cancelled.items[0].shipped) == ("CLOSED", 1)


@pytest.mark.parametrize(
    ("take", "lots", "is_doubtful"),
    [
        (3.0, {11: 5.0}, False),  # one lot only
        (5.0, {11: 2.0, 12: 3.0}, False),  # all of them
        (3.0, {11: 2.0, 12: 3.0}, True),
        (3.0, {11: 2.0}, True),  # more than bear a number
        (3.0, {0: 5.0}, True),  # nobody has written any
        (5.0, {0: 1.0, 11: 4.0}, True),
        (3.0, {}, True),
        (0.0, {11: 2.0, 12: 3.0}, False),  # nothing is counted
    ],
)
def test_lots_are_taken_over_where_nobody_can_doubt_which(
    take: float, lots: dict[int, float], is_doubtful: bool
) -> None:  # fmt: skip
    assert find_doubtful({1: take}, [move(1, 5)], {1: lots}) == ({KETTLE} if is_doubtful else set())


def test_lots_of_all_transfers_of_a_shipment_count_together() -> None:
    moves = [move(1, 5), move(2, 5), move(3, 0, done=4)]
    assert find_doubtful({1: 5.0, 2: 1.0}, moves, {1: {11: 5.0}, 2: {12: 5.0}}) == {KETTLE}
    assert find_doubtful({1: 5.0, 2: 5.0}, moves, {1: {11: 5.0}, 2: {12: 5.0}}) == set()
    assert find_doubtful({1: 5.0, 2: 1.0}, moves, {}) == set()  # a product without lots
