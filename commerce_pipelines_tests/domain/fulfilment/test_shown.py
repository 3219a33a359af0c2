"""What follows from the parcels that a channel shows: a property and the cases that people meet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from commerce_pipelines.domain.fulfilment.shipments import SentShipment, Shipment, ShippedLine
from commerce_pipelines.domain.fulfilment.shown import ShownLine, ShownOrder, ShownParcel, judge, plain


def sent(*lines: tuple[str, int], number: str = "JJD 00-99") -> SentShipment:
    shipment = Shipment(
        order_id="o",
        parcel=1,
        shipped_at=datetime(2026, 11, 20, tzinfo=UTC),
        lines=tuple(ShippedLine(line_id=line, quantity=units) for line, units in lines or (("a", 1),)),
        tracking_number=number,
    )
    return SentShipment(key="k", shipment=shipment, token="t")


def parcel(number: str = "JJD0099", reference: str = "r", **lines: int) -> ShownParcel:
    return ShownParcel(reference=reference, numbers=[number] if number else [], lines=lines or {"a": 1})


def order(*parcels: ShownParcel, **lines: tuple[int, int]) -> ShownOrder:
    return ShownOrder(
        parcels=parcels,
        lines={line: ShownLine(open=left, shipped=out) for line, (left, out) in (lines or {"a": (0, 1)}).items()},
    )


def verdict(shipment: SentShipment, shown: ShownOrder, own: str = "") -> tuple[str, str]:
    outcome = judge("Amazon", shipment, shown, own)
    assert outcome.key == "k"
    return outcome.status, outcome.code


@pytest.mark.parametrize(("shown", "expected"), [
    (order(parcel()), ("accepted", "")),
    (order(parcel(number="jjd-0099"), a=(4, 1)), ("accepted", "")),
    (order(a=(1, 0)), ("absent", "")),
    (order(parcel(number="X"), a=(1, 1)), ("absent", "")),
    (order(parcel(number="X")), ("refused", "shipped_otherwise")),
    (order(parcel(number="")), ("refused", "shipped_otherwise")),
    (order(), ("unknown", "no_parcel")),
    (order(a=(0, 0)), ("refused", "nothing_open")),
    (order(b=(1, 0)), ("refused", "no_such_line")),
    (order(parcel(b=1), a=(1, 0), b=(0, 1)), ("absent", "")),
])  # fmt: skip
def test_only_our_number_for_those_lines_is_our_parcel(shown: ShownOrder, expected: tuple[str, str]) -> None:
    assert verdict(sent(), shown) == expected


def test_a_parcel_in_two_records_is_one() -> None:
    """Shopify makes a fulfilment for each location."""
    shown = order(parcel(a=1), parcel(b=2), a=(0, 1), b=(0, 2))
    assert verdict(sent(("a", 1), ("b", 2)), shown) == ("accepted", "")
    assert verdict(sent(("a", 1), ("b", 2)), order(parcel(a=1), a=(0, 1), b=(2, 0))) == ("unknown", "partly_shown")


def test_units_that_nobody_waits_for_are_not_missed() -> None:
    assert verdict(sent(("a", 3)), order(parcel(a=2), a=(0, 2))) == ("accepted", "")
    assert verdict(sent(("a", 3)), order(parcel(a=2), a=(1, 2))) == ("unknown", "partly_shown")


@pytest.mark.parametrize(("shown", "expected"), [
    (order(parcel("")), "accepted"),
    (order(parcel("SOMEBODY")), "accepted"),
    (order(parcel(""), a=(1, 1)), "unknown"),
    (order(parcel("SOMEBODY"), a=(1, 1)), "absent"),
    (order(parcel("", b=1), a=(1, 0), b=(0, 1)), "absent"),
    (order(a=(1, 0)), "absent"),
])  # fmt: skip
def test_a_parcel_without_a_number_is_there_when_its_units_are_shipped(shown: ShownOrder, expected: str) -> None:
    assert verdict(sent(number=""), shown)[0] == expected


def test_a_number_on_two_parcels_is_told_apart_by_our_own_reference() -> None:
    first = order(parcel(reference="1"), a=(1, 1))
    assert verdict(sent(), first, own="1") == ("accepted", "")
    assert verdict(sent(), first, own="2") == ("absent", "")
    assert verdict(sent(), order(parcel(reference="1"), a=(0, 1)), own="2") == ("accepted", "")


@given(some.lists(some.tuples(some.sampled_from("XY9-"), some.integers(0, 3)), max_size=4), some.integers(0, 3))
def test_nothing_is_taken_for_ours_without_our_number(parcels: list[tuple[str, int]], left: int) -> None:
    shown = order(*(parcel(number=number, a=units) for number, units in parcels), a=(left, sum(u for _, u in parcels)))
    assert verdict(sent(), shown)[0] != "accepted"


def test_numbers_are_compared_without_what_labels_add() -> None:
    assert plain(" jjd-00.99 \u00a01") == "JJD00991"
    assert plain("\u200b---") == ""
