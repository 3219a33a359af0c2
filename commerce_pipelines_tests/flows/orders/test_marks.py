"""Flags as people in Odoo see them: tags and an activity on the sale order, gone with the cause."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.domain.orders.order import Order, OrderStatus
from commerce_pipelines.flows.orders.heal import heal
from commerce_pipelines_tests.doubles.lane import MUG, NAME, Lane, Server, later, line, numbered, writes


def marks(lane: Lane, order: Order) -> tuple[set[str], list[str]]:
    """(names of its tags, summaries of its open activities)."""
    odoo, sale_id = lane.person, lane.ledger(order.order_id)["odoo_id"]
    (sale,) = odoo.call("sale.order", "read", [sale_id], fields=["tag_ids"], load=None)
    tags = odoo.call("crm.tag", "read", sale["tag_ids"], fields=["name"], load=None)
    domain = [["res_model", "=", "sale.order"], ["res_id", "=", sale_id]]
    activities = odoo.call("mail.activity", "search_read", domain=domain, fields=["summary"], load=None)
    return {row["name"] for row in tags}, [row["summary"] for row in activities]


def in_odoo(lane: Lane, request: pytest.FixtureRequest, case: str = "", **more: Any) -> Order:
    (order_id,) = numbered(request)
    order = lane.order(order_id + case, **more)
    lane.put(order)
    assert lane.run().actions == {"created": 1}
    return order


def next_run(lane: Lane, order: Order, **changes: Any) -> Order:
    after = later(order, **{"total": order.total, **changes})
    lane.put(after)
    lane.run()
    return after


def test_marks_come_with_the_flag_and_go_with_its_cause(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    order = in_odoo(lane, request)
    assert marks(lane, order) == (set(), [])
    voided = next_run(lane, order, status=OrderStatus.WAITING)
    assert marks(lane, order) == ({"Marketplace: payment lost"}, ["Marketplace: payment lost"])
    before = len(odoo.calls or ())
    lane.run()
    assert writes(odoo, before) == []
    next_run(lane, voided, status=OrderStatus.PAID)
    assert marks(lane, order) == (set(), [])


def test_an_activity_that_a_person_has_done_is_not_made_again(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    if odoo.calls is not None:
        pytest.skip("the stand-in's activities cannot be marked as done")
    order = in_odoo(lane, request)
    sale_id = lane.ledger(order.order_id)["odoo_id"]
    lane.person.call("sale.order", "action_lock", [sale_id])
    edited = next_run(lane, order, lines=(line(3380, quantity=2),), total=3380)
    domain = [["res_model", "=", "sale.order"], ["res_id", "=", sale_id]]
    ids = lane.person.call("mail.activity", "search", domain=domain)
    lane.person.call("mail.activity", "action_feedback", ids)
    next_run(lane, edited)
    assert marks(lane, order) == ({"Marketplace: order locked"}, [])


def test_a_shortage_that_is_over_takes_its_marks_along(lane: Lane, request: pytest.FixtureRequest) -> None:
    order = in_odoo(lane, request, lines=(line(10**9, quantity=10**7),), total=10**9)
    assert marks(lane, order)[0] == {"Marketplace: oversold"}
    next_run(lane, order)  # a tag
    assert marks(lane, order)[0] == {"Marketplace: oversold"}
    lane.person.call("sale.order.line", "write", lane.sales(order.order_id)[0]["order_line"],
                               vals={"product_uom_qty": 1})  # fmt: skip
    heal(lane.connections, NAME)
    assert marks(lane, order) == (set(), [])


@pytest.mark.parametrize("how", ["none", "tag"])
def test_how_they_show_is_a_setting(connect: Any, request: pytest.FixtureRequest, how: str) -> None:
    lane = connect(of_odoo=f"flags: {how}, ")
    order = in_odoo(lane, request, how, lines=(line(10**9, MUG, 10**7),), total=10**9)
    assert marks(lane, order) == (set() if how == "none" else {"Marketplace: oversold"}, [])
    lane.person.call("sale.order", "action_cancel", [lane.ledger(order.order_id)["odoo_id"]])


def deliveries(lane: Lane, order: Order) -> list[tuple[str, float]]:
    """(operation type, units reserved) of its open transfers."""
    odoo = lane.person
    ids = lane.sales(order.order_id)[0]["picking_ids"]
    rows = odoo.call("stock.picking", "read", ids, fields=["picking_type_id", "state", "move_ids"])
    transfers = []
    for row in rows:
        if row["state"] not in ("done", "cancel"):
            moves = odoo.call("stock.move", "read", row["move_ids"], fields=["quantity"], load=None)
            transfers.append((row["picking_type_id"][1].split(": ", 1)[-1], sum(move["quantity"] for move in moves)))
    return transfers


def test_a_delivery_is_held_with_its_goods_until_it_is_paid(connect: Any, request: pytest.FixtureRequest) -> None:
    lane = connect("on_payment_lost: block, ")
    order = in_odoo(lane, request, lines=(line(3380, quantity=2),), total=3380)
    before = deliveries(lane, order)
    partly = next_run(lane, order, status=OrderStatus.WAITING)
    (held,) = deliveries(lane, order)
    assert held[0].startswith("On hold: ")
    assert held[1] == 2
    edited = {"lines": (line(5070, quantity=3),), "total": 5070}
    paid = next_run(lane, partly, status=OrderStatus.PAID, **edited)
    assert deliveries(lane, order) == [(before[0][0], 3)]
    refused = next_run(lane, paid, lines=(line(5070, quantity=3), line(1, "X-NONE", line_id="9")), total=5071)
    assert [name.startswith("On hold: ") for name, _ in deliveries(lane, order)] == [True]
    lane.run()  # refused once more
    assert [name.startswith("On hold: ") for name, _ in deliveries(lane, order)] == [True]
    next_run(lane, refused, **edited)
    assert deliveries(lane, order) == [(before[0][0], 3)]
    voided = next_run(lane, later(refused, **edited), status=OrderStatus.WAITING, **edited)
    next_run(lane, voided, status=OrderStatus.CANCELLED, **edited)
    assert (deliveries(lane, order), lane.sales(order.order_id)[0]["state"]) == ([], "cancel")
