"""The age limits: what is old goes, what is open or would be lost stays, and the rest goes on without the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Order, OrderStatus, Shipped
from commerce_pipelines.flows.lineage import replay
from commerce_pipelines.flows.orders.single import fetch
from commerce_pipelines.flows.orders.trace import trace
from commerce_pipelines.flows.privacy.erase import plan
from commerce_pipelines.flows.privacy.person import Identity
from commerce_pipelines.flows.privacy.retention import Aged, apply_limits
from commerce_pipelines.warehouse.orders.staged_rows import LINES, ORDERS
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines.warehouse.tables.frames import read_frame
from commerce_pipelines_tests.doubles.lane import Lane, Server, later, line, numbered, waiting
from commerce_pipelines_tests.flows.conftest import settings_of

Connect = Callable[[], Lane]


@pytest.fixture
def old(connect: Any, odoo: Server) -> Lane:
    """A lane whose orders may be read for 30 days after delivery."""
    settings = settings_of(odoo)
    limits = msgspec.convert({"shopify": {"orders": 30}}, type(settings.privacy.keep_days))
    privacy = msgspec.structs.replace(settings.privacy, keep_days=limits)
    lane: Lane = connect.of(msgspec.structs.replace(settings, privacy=privacy))
    return lane


def pass_days(lane: Lane, days: int) -> None:
    now = lane.noon + timedelta(days=days)
    lane.connections.instruments = replace(lane.connections.instruments, now=lambda: now)


def sell(lane: Lane, order_id: str, **more: Any) -> Order:
    order = lane.order(order_id, **{"shipped": Shipped.YES, **more})
    lane.put(order)
    return order


def raw_of(lane: Lane, order_id: str) -> bytes | None:
    return lane.connections.landing(lane.name, Topic.ORDERS).newest_of([order_id])[order_id].raw


def staged(lane: Lane, order_id: str) -> list[tuple[Any, ...]]:
    where = ("channel = %s AND order_id = %s", (lane.name, order_id))
    with lane.connections.warehouse.transaction() as connection:
        frames = [
            read_frame(connection, table, columns, *where)
            for table, columns in (("orders", ORDERS), ("order_lines", LINES))
        ]
    return [tuple(row) for frame in frames for row in frame.drop(columns="subject_id", errors="ignore").to_numpy()]


def read_keys(warehouse: Warehouse) -> dict[bytes, bytes]:
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT subject_id, wrapped_key FROM commerce.subject_keys")
        return {bytes(subject): bytes(wrapped) for subject, wrapped in cursor}


def age(lane: Lane, days: int) -> Aged:
    pass_days(lane, days)
    return apply_limits(lane.connections)


def test_an_old_order_cannot_be_read_and_everything_goes_on_without_it(
    old: Lane, request: pytest.FixtureRequest
) -> None:
    (order_id,) = numbered(request)
    order = sell(old, order_id)
    old.run()
    rows, sales, keys = staged(old, order_id), old.sales(order_id), read_keys(old.connections.warehouse)
    assert age(old, 29).answers == 0
    assert raw_of(old, order_id) is not None

    aged = age(old, 31)
    assert (aged.records, aged.answers, aged.keys, aged.overdue) == ({old.name: 1}, 1, 1, [])
    assert (old.name, "orders") not in aged.oldest
    assert raw_of(old, order_id) is None
    assert read_keys(old.connections.warehouse).items().isdisjoint(keys.items())
    assert staged(old, order_id) == rows

    # A backfill, a replay and a late message: nothing comes back, nothing waits, nothing is lost.
    old.put(later(order, total=order.total))
    old.run()
    replay(old.connections, old.name, record_ids=[order_id])
    old.run(again=False)
    assert raw_of(old, order_id) is None
    assert waiting(old, order_id) == []
    assert staged(old, order_id) == rows
    assert old.sales(order_id) == sales
    assert old.ledger(order_id)["odoo_id"] == sales[0]["id"]
    assert old.prove().whole.complete
    events = [event.details for event in trace(old.connections, old.name, order_id, personal=True)]
    assert {"destroyed": "at the age limit, privacy.keep_days"} in events
    old.channel.fetch = lambda number: msgspec.json.encode(order)  # type: ignore[method-assign,assignment]
    with pytest.raises(PermanentError, match="age limit"):
        fetch(old.connections, old.name, order_id)
    assert age(old, 32).answers == 0


def test_what_is_open_stays_and_what_would_be_lost_is_told(old: Lane, request: pytest.FixtureRequest) -> None:
    unsent, unknown, cancelled = numbered(request, 3)
    sell(old, unsent, shipped=Shipped.NO)
    sell(old, unknown, lines=(line(sku="UNKNOWN-SKU"),))
    sell(old, cancelled, status=OrderStatus.CANCELLED, shipped=Shipped.NO)
    old.run()
    aged = age(old, 40)
    assert [(kept.topic, kept.names) for kept in aged.overdue] == [("orders", (unknown,))]
    assert raw_of(old, unsent) is not None
    assert raw_of(old, unknown) is not None
    assert raw_of(old, cancelled) is None
    assert aged.oldest[old.name, "orders"][1] == 2


def test_what_else_there_is_of_a_person_can_still_be_read(old: Lane, request: pytest.FixtureRequest) -> None:
    """An order of the same buyer that is still open lies under the buyer's new key."""
    first, second = numbered(request, 2)
    buyer = old.order(first).buyer
    sell(old, first)
    sell(old, second, shipped=Shipped.NO, buyer=buyer)
    old.run()
    before = raw_of(old, second)
    assert before is not None
    assert age(old, 31).keys == 1
    assert raw_of(old, first) is None
    assert raw_of(old, second) == before
    # The person is found by the address, with both orders.
    assert plan(old.connections, Identity(email=buyer.email)).orders == {old.name: 2}


def test_who_buys_again_is_the_same_contact(old: Lane, request: pytest.FixtureRequest) -> None:
    first, second = numbered(request, 2)
    buyer = old.order(first).buyer
    sell(old, first)
    old.run()
    age(old, 31)
    sell(old, second, buyer=buyer)
    old.run()
    assert raw_of(old, second) is not None
    [before], [after] = old.sales(first), old.sales(second)
    assert before["partner_id"] == after["partner_id"]


def test_an_answer_that_no_run_has_read_yet_is_read_first(old: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    order = sell(old, order_id, delivered_by=old.noon)
    old.run()
    pass_days(old, 31)
    late = later(order, total=order.total)
    old.put(late)
    now = old.connections.instruments.now()
    old.connections.landing(old.name, Topic.ORDERS).land(
        [(old.channel.head(msgspec.json.encode(late)), msgspec.json.encode(late))], "poll", now
    )
    assert apply_limits(old.connections).answers == 0
    old.run(pulled=False)
    assert age(old, 34).answers == 2


def test_an_old_order_that_is_deleted_in_odoo_waits_with_a_reason(old: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sell(old, order_id)
    old.run()
    age(old, 31)
    [sale] = old.sales(order_id)
    old.person.call("sale.order", "action_cancel", ids=[sale["id"]])
    old.person.call("sale.order", "unlink", ids=[sale["id"]])
    old.run()
    assert [row.code for row in waiting(old, order_id)] == ["past_age_limit"]


def test_an_order_that_is_still_to_be_invoiced_or_delivered_stays(
    connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:
    (ours,) = numbered(request)
    settings = settings_of(odoo, "invoicing: {trigger: delivery, since: 2026-01-01}, fulfilment: {take_over: true}, ")
    limits = msgspec.convert({"shopify": {"orders": 30}}, type(settings.privacy.keep_days))
    privacy = msgspec.structs.replace(settings.privacy, keep_days=limits)
    lane: Lane = connect.of(msgspec.structs.replace(settings, privacy=privacy))
    sell(lane, ours)
    lane.run()
    assert [kept.names for kept in age(lane, 31).overdue] == [(ours,)]
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.invoices SELECT channel, order_id, day, odoo_id, digest, 'paid', '', currency, total,"
            " total, total, '[]', now(), 'done', now() FROM commerce.sale_orders"
        )
        cursor.execute("UPDATE commerce.orders SET fulfilled_by = 'channel'")
    assert [kept.names for kept in age(lane, 31).overdue] == [(ours,)]
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.channel_deliveries (channel, order_id, settled, tried_at)"
            " VALUES (%s, %s, 'x', now())",
            (lane.name, ours),
        )
    assert age(lane, 31).overdue == []
    assert raw_of(lane, ours) is None
