"""Orders that the marketplace calls risky or looks into: held or waiting, as `risky` says, until cleared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Order, OrderStatus, Review, Shipped
from commerce_pipelines.flows.orders.heal import heal
from commerce_pipelines.flows.orders.risky_orders import ASK_EVERY, accept, ask_again
from commerce_pipelines.odoo.sales.held_deliveries import find_hold_problems
from commerce_pipelines_tests.doubles.lane import NAME, Lane, line, numbered, waiting
from commerce_pipelines_tests.flows.orders.test_marks import deliveries, marks, next_run

RISKY = {"review": Review.RISKY}


def codes(lane: Lane, order: Order) -> set[str]:
    return {record.code for record in waiting(lane, order.order_id)}


def put(lane: Lane, request: pytest.FixtureRequest, case: str = "", **more: Any) -> Order:
    (number,) = numbered(request)
    order = lane.order(number + case, **more)
    lane.put(order)
    return order


def held(lane: Lane, order: Order) -> list[bool]:
    return [name.startswith("On hold: ") for name, _ in deliveries(lane, order)]


def test_a_risky_order_is_confirmed_and_its_delivery_held_until_it_is_cleared(
    connect: Any, request: pytest.FixtureRequest
) -> None:
    lane = connect("risky: hold_delivery, ")
    order = put(lane, request, lines=(line(3380, quantity=2),), total=3380, **RISKY)
    assert lane.run().actions == {"created": 1}
    assert (lane.ledger(order.order_id)["state"], codes(lane, order)) == ("sale", {"held_for_review"})
    [(where, reserved)] = deliveries(lane, order)
    assert (where.startswith("On hold: "), reserved) == (True, 2)
    assert marks(lane, order)[0] == {"Marketplace: held for review"}
    lane.run()  # the same answer
    assert held(lane, order) == [True]
    still = next_run(lane, order, review=Review.CANCEL)
    assert (held(lane, order), codes(lane, order)) == ([True], {"held_for_review"})
    next_run(lane, still, review=None)
    assert (held(lane, order), codes(lane, order), marks(lane, order)) == ([False], set(), (set(), []))
    assert deliveries(lane, order)[0][1] == 2


def test_an_archived_operation_type_is_told_by_check(connect: Any, request: pytest.FixtureRequest) -> None:
    lane = connect("risky: hold_delivery, ")
    order = put(lane, request, **RISKY)
    lane.run()
    odoo = lane.person
    [picking] = odoo.call("stock.picking", "read", lane.sales(order.order_id)[0]["picking_ids"],
                          fields=["picking_type_id"], load=None)  # fmt: skip
    assert find_hold_problems(odoo) == []
    odoo.call("stock.picking.type", "write", [picking["picking_type_id"]], vals={"active": False})
    try:
        [problem] = find_hold_problems(odoo)
    finally:
        odoo.call("stock.picking.type", "write", [picking["picking_type_id"]], vals={"active": True})
    assert "On hold: " in problem
    assert "is archived in Odoo: unarchive it" in problem


def test_a_risky_order_waits_until_it_is_cleared(connect: Any, request: pytest.FixtureRequest) -> None:
    lane = connect("risky: wait, ")
    order = put(lane, request, **RISKY)
    assert lane.run().actions == {"refused": 1}
    assert (lane.sales(order.order_id), codes(lane, order)) == ([], {"under_review"})
    assert lane.prove().whole.missing == ()
    next_run(lane, order, review=None)
    assert (lane.ledger(order.order_id)["state"], codes(lane, order)) == ("sale", set())
    assert held(lane, order) == [False]


def test_an_order_that_becomes_risky_later_is_held_whatever_new_ones_do(
    connect: Any, request: pytest.FixtureRequest
) -> None:
    lane = connect("risky: wait, ")
    order = put(lane, request)
    lane.run()
    risky = next_run(lane, order, **RISKY)
    assert (held(lane, order), codes(lane, order)) == ([True], {"held_for_review"})
    lost = next_run(lane, risky, status=OrderStatus.WAITING)
    assert (held(lane, order), codes(lane, order)) == ([True], {"payment_lost"})
    next_run(lane, lost, status=OrderStatus.PAID, review=None)
    assert (held(lane, order), codes(lane, order)) == ([False], set())


@pytest.mark.parametrize(
    "more",
    [{"shipped": Shipped.YES}, {"review": None}, {"status": OrderStatus.WAITING}, {"status": OrderStatus.CANCELLED}],
)
def test_what_is_not_held(connect: Any, request: pytest.FixtureRequest, more: dict[str, Any]) -> None:
    lane = connect("risky: wait, ")
    order = put(lane, request, "".join(map(str, more.values()))[:9], **{**RISKY, **more})
    lane.run()
    assert codes(lane, order) - {"oversold"} == set()


def test_by_default_risky_orders_go_their_way(lane: Lane, request: pytest.FixtureRequest) -> None:
    order = put(lane, request, **RISKY)
    assert lane.run().actions == {"created": 1}
    assert (held(lane, order), codes(lane, order)) == ([False], set())


@pytest.mark.parametrize("risky", ["wait", "hold_delivery"])
def test_a_person_lets_it_go_on(connect: Any, request: pytest.FixtureRequest, risky: str) -> None:
    lane = connect(f"risky: {risky}, ")
    order = put(lane, request, risky, **RISKY)
    lane.run()
    with pytest.raises(PermanentError, match="neither waits nor is held"):
        accept(lane.connections, NAME, "another")
    accept(lane.connections, NAME, order.order_id)
    pending = lane.connections.landing(NAME, Topic.ORDERS).pending(lane.day, lane.day + timedelta(days=1))
    assert list(pending) == [lane.day]
    lane.run(again=False, pulled=False)
    assert (codes(lane, order), held(lane, order)) == (set(), [False])
    next_run(lane, order, number="#news", review=Review.CANCEL)
    assert (codes(lane, order), held(lane, order)) == (set(), [False])


def test_the_marketplace_is_asked_again_though_it_tells_of_no_change(
    connect: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    import msgspec

    lane = connect("risky: wait, ")
    order = put(lane, request, **RISKY)
    lane.run()
    asked: list[str] = []

    def fetch(order_id: str) -> bytes:
        asked.append(order_id)
        return msgspec.json.encode(lane.channel.known[order_id])

    monkeypatch.setattr(lane.channel, "fetch", fetch)
    now = lane.connections.instruments.now()
    assert ask_again(lane.connections, NAME, now).new == 0
    lane.channel.put(msgspec.structs.replace(order, review=None))
    assert (ask_again(lane.connections, NAME, now + ASK_EVERY / 2).new, asked) == (0, [order.order_id])
    assert ask_again(lane.connections, NAME, now + ASK_EVERY).new == 1
    assert heal(lane.connections, NAME, now) == 0
    lane.run(again=False, pulled=False)
    assert (codes(lane, order), lane.ledger(order.order_id)["state"]) == (set(), "sale")
    assert ask_again(lane.connections, NAME, now + 2 * ASK_EVERY).seen == 0
