"""Which orders were placed, by a report: when it is worth a request, and when it is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from commerce_pipelines.channels.amazon.orders import order_reports
from commerce_pipelines.channels.amazon.orders.order_reports import KIND, is_worth_it
from commerce_pipelines.channels.capabilities import Window
from commerce_sandbox.amazon.answers import written
from commerce_sandbox.server import Fault

from ..contract import NOON, Clock, Recorded, connect, judged

WEEK = Window(NOON - timedelta(days=7), NOON)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    monkeypatch.setattr(order_reports, "LEAST_ORDERS", 5)
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


def fill(amazon: Recorded, count: int) -> list[str]:
    """Ids of orders that were placed in the week; beside them one before it, and three that are no sales."""
    odd = ({"status": "CANCELLED"}, {"status": "PENDING"}, {"channelName": "NON_AMAZON"})
    for number in range(-1, count + len(odd)):
        more = odd[number - count] if number >= count else {}
        at = written(NOON - timedelta(days=6, hours=number) if number >= 0 else NOON - timedelta(days=8))
        amazon.add(
            {
                "orderId": f"302-0000001-{number + 1:07d}", "createdTime": at, "lastUpdatedTime": at,
                "salesChannel": {"channelName": more.get("channelName", "AMAZON"), "marketplaceId": "A1PA6795UKMFR9"},
                "fulfillment": {"fulfillmentStatus": more.get("status", "UNSHIPPED"), "fulfilledBy": "MERCHANT"},
                "orderItems": [{"orderItemId": "1", "quantityOrdered": 1, "product": {}}] * 2,
            }
        )  # fmt: skip
    return [f"302-0000001-{number + 1:07d}" for number in range(count)]


def count_reports(amazon: Recorded) -> int:
    return sum(call.method == "POST" and call.path.endswith("/reports") for call in amazon.calls)


def test_a_report_tells_the_sales_of_many_orders_for_one_request(amazon: Recorded, clock: Clock) -> None:
    ids = fill(amazon, 20)
    channel = connect(amazon, clock)
    placed = channel.orders.list_placed(WEEK, set(ids[1:]))
    assert placed is not None
    assert sorted(placed) == ids
    assert placed[ids[3]] == NOON - timedelta(days=6, hours=3)
    assert channel.orders.list_placed(WEEK, set(ids)) == placed  # the same report again
    assert count_reports(amazon) == 1
    assert not amazon.called("/orders/2026-01-01/orders")


def test_another_report_is_not_requested_before_amazon_makes_one(amazon: Recorded, clock: Clock) -> None:
    ids = fill(amazon, 20)
    channel = connect(amazon, clock)
    half = Window(WEEK.start, NOON - timedelta(days=3))
    assert channel.orders.list_placed(half, set(ids)) is not None
    assert channel.orders.list_placed(WEEK, set(ids)) is None
    clock.passed += order_reports.ASKED_EVERY.total_seconds()
    assert channel.orders.list_placed(WEEK, set(ids)) is not None


@pytest.mark.parametrize("fate", ["CANCELLED", "FATAL"])
def test_a_report_that_fails_leaves_the_proof_to_lists(amazon: Recorded, clock: Clock, fate: str) -> None:
    ids = fill(amazon, 20)
    amazon.reports.fate.append(fate)
    assert connect(amazon, clock).orders.list_placed(WEEK, set(ids)) is None


def test_a_report_of_other_orders_is_not_believed(amazon: Recorded, clock: Clock) -> None:
    """It would find nothing missing, whatever is."""
    ids = fill(amazon, 20)
    channel = connect(amazon, clock)
    assert channel.orders.list_placed(WEEK, {*ids, "302-0000009-0000001", "302-0000009-0000002"}) is not None
    assert channel.orders.list_placed(WEEK, {*ids, *(f"302-0000009-{n:07d}" for n in range(3))}) is None


def test_without_the_role_or_a_column_lists_prove(amazon: Recorded, clock: Clock) -> None:
    ids = fill(amazon, 20)
    amazon.reports.refused.add(KIND)
    assert connect(amazon, clock).orders.list_placed(WEEK, set(ids)) is None
    amazon.reports.refused.clear()
    amazon.forbidden.add("createReport")
    assert connect(amazon, clock).orders.list_placed(WEEK, set(ids)) is None
    amazon.forbidden.clear()
    amazon.faults.append(Fault(match="/documents/", status=200, body=b"bestellnummer\tdatum\n1\t2\n"))
    clock.passed += 3_600
    assert connect(amazon, clock).orders.list_placed(WEEK, set(ids)) is None


def test_few_orders_and_long_times_are_no_matter_for_a_report() -> None:
    many = {str(number) for number in range(501)}
    assert is_worth_it(WEEK, many)
    assert not is_worth_it(WEEK, {*list(many)[:500]})
    assert not is_worth_it(Window(NOON - timedelta(days=31), NOON), many)
