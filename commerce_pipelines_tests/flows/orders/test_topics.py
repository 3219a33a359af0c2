"""Another flow's trouble with a record of the same id changes nothing for an order: not its proof, not its healing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders.heal import heal, replay
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines_tests.doubles.lane import NAME, Lane, numbered, waiting

NOW = datetime(2100, 1, 1, tzinfo=UTC)


def refuse(lane: Lane, topic: str, record_id: str, retry_at: datetime | None = None) -> None:
    failure = quarantine.Failure(
        record_id=record_id, day=lane.day, reason=Reason("unknown_sku", "No.", "Yes."), retry_at=retry_at
    )
    with lane.connections.warehouse.transaction() as connection:
        quarantine.record(connection, NAME, topic, "load", [failure], "", NOW)


def test_a_failing_return_hides_no_missing_order(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    lane.put(lane.order(order_id))
    end = lane.day + timedelta(days=1)
    pull(lane.connections, NAME, lane.day, end)
    pending = lane.connections.landing(NAME, "orders").pending(lane.day, end)
    assert lane.prove().whole.missing == (order_id,)
    refuse(lane, "returns", order_id)
    assert lane.prove().whole.missing == (order_id,)
    assert lane.connections.landing(NAME, "orders").pending(lane.day, end) == pending
    lane.run()
    assert lane.prove().whole.complete


def test_a_due_return_does_not_keep_a_loaded_order_s_day_pending(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    lane.put(lane.order(order_id))
    lane.run()
    refuse(lane, "returns", order_id, retry_at=lane.connections.landing(NAME, "orders").history(order_id)[0].first_seen)
    assert lane.connections.landing(NAME, "orders").pending(lane.day, lane.day + timedelta(days=1)) == {}


def test_healing_and_replay_of_orders_leave_returns_alone(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    refuse(lane, "returns", order_id)  # its settings' fingerprint is another than now: an order would be due
    assert heal(lane.connections, NAME, NOW) == 0
    assert replay(lane.connections, NAME, now=NOW) == 0
    refuse(lane, "orders", order_id)
    assert heal(lane.connections, NAME, NOW) == 1
    assert [record.retry_at for record in waiting(lane, order_id)] == [NOW]
    with lane.connections.warehouse.transaction() as connection:
        (other,) = quarantine.open_exceptions(connection, NAME, "returns")
    assert other.retry_at is None
