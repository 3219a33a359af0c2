"""Sales that go back, and answers that cannot be carried out, while Odoo has the order: it is never left in silence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Order, OrderStatus
from commerce_pipelines.flows.orders.heal import replay
from commerce_pipelines_tests.doubles.lane import NAME, PAPER, Lane, later, line, numbered, waiting


def codes(lane: Lane, order: Order) -> set[str]:
    return {record.code for record in waiting(lane, order.order_id)}


def in_odoo(lane: Lane, request: pytest.FixtureRequest, **more: Any) -> Order:
    (order_id,) = numbered(request)
    order = lane.order(order_id, **more)
    lane.put(order)
    assert lane.run().actions == {"created": 1}
    return order


def next_run(lane: Lane, order: Order, **changes: Any) -> Order:
    after = later(order, **{"total": order.total, **changes})
    lane.put(after)
    lane.run()
    return after


def test_an_edit_that_is_not_paid_yet_flags_the_order_until_it_is(lane: Lane, request: pytest.FixtureRequest) -> None:
    order = in_odoo(lane, request)
    more = {"lines": (line(), line(549, PAPER, line_id="2")), "total": 2239}
    partly = next_run(lane, order, status=OrderStatus.WAITING, **more)
    assert (codes(lane, order), lane.ledger(order.order_id)["action"]) == ({"payment_lost"}, "flagged")
    assert lane.sales(order.order_id)[0]["amount_total"] == 16.9
    assert lane.run(again=False).actions == {"flagged": 1}
    next_run(lane, partly, status=OrderStatus.PAID, **more)
    assert (codes(lane, order), lane.ledger(order.order_id)["action"]) == (set(), "changed")
    assert lane.sales(order.order_id)[0]["amount_total"] == 22.39


def test_a_payment_that_lapsed_and_a_cancellation_after_it(lane: Lane, request: pytest.FixtureRequest) -> None:
    order = in_odoo(lane, request)
    voided = next_run(lane, order, status=OrderStatus.WAITING)
    assert codes(lane, order) == {"payment_lost"}
    next_run(lane, voided, status=OrderStatus.CANCELLED)
    assert (codes(lane, order), lane.sales(order.order_id)[0]["state"]) == (set(), "cancel")


def test_a_payment_that_is_lost_after_shipping(lane: Lane, request: pytest.FixtureRequest) -> None:
    order = in_odoo(lane, request)
    lane.person.call("stock.picking", "button_validate", lane.sales(order.order_id)[0]["picking_ids"])
    next_run(lane, order, status=OrderStatus.WAITING)
    (note,) = waiting(lane, order.order_id)
    assert (note.code, note.blocking, "shipped" in note.message) == ("payment_lost", False, True)


def test_an_edit_that_is_refused_marks_the_order_that_stands(lane: Lane, request: pytest.FixtureRequest) -> None:
    order = in_odoo(lane, request)
    bad = next_run(lane, order, lines=(line(), line(500, "X-NEVER", line_id="2")), total=2190)
    assert codes(lane, order) == {"unknown_sku", "refused_after_loading"}
    assert lane.ledger(order.order_id)["state"] == "sale"
    lane.run()  # the same answer again is no success
    assert codes(lane, order) == {"unknown_sku", "refused_after_loading"}
    next_run(lane, bad, lines=order.lines, total=order.total)
    assert (codes(lane, order), lane.ledger(order.order_id)["action"]) == (set(), "unchanged")


def test_an_answer_that_cannot_be_read_marks_the_order_and_keeps_its_base(
    lane: Lane, request: pytest.FixtureRequest
) -> None:
    order = in_odoo(lane, request)
    base = lane.ledger(order.order_id)["base"]
    wrong = next_run(lane, order, total=1)  # lines and total contradict each other
    assert codes(lane, order) == {"unbalanced", "refused_after_loading"}
    assert lane.ledger(order.order_id)["base"] == base
    lane.run(again=False)
    assert codes(lane, order) == {"unbalanced", "refused_after_loading"}
    next_run(lane, wrong, total=order.total)
    assert (codes(lane, order), lane.ledger(order.order_id)["action"]) == (set(), "unchanged")


def test_what_a_note_advises_works(lane: Lane, request: pytest.FixtureRequest) -> None:
    """Unlock the sale order in Odoo, then replay."""
    order = in_odoo(lane, request)
    odoo, sale_id = lane.person, lane.ledger(order.order_id)["odoo_id"]
    odoo.call("sale.order", "action_lock", [sale_id])
    next_run(lane, order, lines=(line(3380, quantity=2),), total=3380)
    assert codes(lane, order) == {"order_locked"}
    odoo.call("sale.order", "action_unlock", [sale_id])
    assert replay(lane.connections, NAME, order_ids=[order.order_id]) == 1
    assert list(lane.connections.landing(NAME, Topic.ORDERS).pending(lane.day, lane.day + timedelta(days=1))) == [
        lane.day
    ]
    lane.run(again=False, pulled=False)
    assert (codes(lane, order), lane.sales(order.order_id)[0]["amount_total"]) == (set(), 33.8)
