"""Refunds before anything was delivered or invoiced, into an Odoo, the stand-in's or a real one: the order is worth
less, or cancelled, once; what is reserved is free again; and no later answer of the channel raises it again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import LineKind, Order, Shipped
from commerce_pipelines.domain.returns.records import RefundKind, RefundLine
from commerce_pipelines.flows.privacy.retention import apply_limits
from commerce_pipelines.flows.returns import reduce
from commerce_pipelines.flows.returns.heal import heal
from commerce_pipelines.flows.returns.trace import trace
from commerce_pipelines.warehouse.orders import reductions
from commerce_pipelines_tests.doubles.lane import MUG, PAPER, Lane, Server, later, line, numbered, waiting
from commerce_pipelines_tests.doubles.returns import make_refund
from commerce_pipelines_tests.flows.conftest import open_administrator, settings_of
from commerce_pipelines_tests.flows.returns.conftest import ReturnsLane
from commerce_pipelines_tests.flows.test_returns_in_odoo import invoice


@pytest.fixture
def aged(connect: Any, odoo: Server) -> ReturnsLane:
    """A lane whose orders may be read for 30 days after delivery."""
    settings = settings_of(odoo, "returns: {enabled: true}, ")
    limits = msgspec.convert({"shopify": {"orders": 30}}, type(settings.privacy.keep_days))
    privacy = msgspec.structs.replace(settings.privacy, keep_days=limits)
    return ReturnsLane(connect.of(msgspec.structs.replace(settings, privacy=privacy)), None)


@pytest.fixture
def returns(connect: Any) -> ReturnsLane:
    return ReturnsLane(connect("returns: {enabled: true}, "), None)


def sell(returns: ReturnsLane, order_id: str, **more: Any) -> Order:
    """Three mugs at 16.90 and one packet of paper at 4.90, with 4.90 for shipping, in Odoo."""
    sold = returns.orders.order(
        order_id, line(5070, quantity=3), line(490, PAPER, line_id="2"),
        line(490, "", line_id="s", kind=LineKind.SHIPPING), **more,
    )  # fmt: skip
    returns.orders.put(sold)
    assert returns.orders.run().actions["created"] == 1
    return sold


def unsent(amount: int, quantity: int = 1, of: str = "1") -> RefundLine:
    return RefundLine(
        line_id=f"u{of}", kind=RefundKind.GOODS, amount=amount, quantity=quantity, order_line_id=of, is_returned=False
    )


def ship_back(amount: int) -> RefundLine:
    return RefundLine(line_id="s", kind=RefundKind.SHIPPING, amount=amount, order_line_id="s")


def lines_of(lane: Lane, order_id: str) -> list[tuple[float, float]]:
    """(units, price) of the lines that the order in Odoo still has."""
    [sale] = lane.sales(order_id)
    rows = lane.person.call("sale.order.line", "read", sale["order_line"], load=None,
                                      fields=["product_uom_qty", "price_unit"])  # fmt: skip
    return [(row["product_uom_qty"], round(row["price_unit"], 2)) for row in rows if row["product_uom_qty"]]


def demand_of(odoo: Server, lane: Lane, order_id: str) -> dict[str, tuple[float, float]]:
    """(units to deliver, units reserved) by SKU, of the order's open deliveries; goods that come back are none."""
    client = open_administrator(odoo)
    [sale] = lane.sales(order_id)
    moves = client.call(
        "stock.move", "search_read", load=None, fields=["product_id", "product_uom_qty", "quantity"],
        domain=[["picking_id", "in", sale["picking_ids"]], ["state", "not in", ["cancel", "done"]]],
    )  # fmt: skip
    products = client.call("product.product", "read", ids=sorted({move["product_id"] for move in moves}),
                           fields=["default_code"])  # fmt: skip
    codes = {row["id"]: row["default_code"] for row in products}
    return {codes[move["product_id"]]: (move["product_uom_qty"], move["quantity"]) for move in moves}


def codes_of(lane: Lane, order_id: str) -> list[str]:
    return [record.code for record in waiting(lane, order_id)]


def test_the_order_is_worth_less_once_and_stays_so(
    returns: ReturnsLane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    [order_id] = numbered(request)
    lane, sold = returns.orders, sell(returns, order_id)
    returns.put(make_refund(f"R-{order_id}", order_id, returns.noon, unsent(1690), ship_back(190)))
    loaded = returns.run()
    assert (loaded.actions, loaded.reduced) == ({"refunds reduced": 1}, {"EUR": 1880})
    assert lines_of(lane, order_id) == [(2, 16.9), (1, 4.9), (1, 3.0)]
    assert demand_of(odoo, lane, order_id) == {MUG: (2, 2), PAPER: (1, 1)}
    assert lane.sales(order_id)[0]["amount_total"] == 41.7
    assert (returns.prove().whole.complete, returns.prove().whole.odoo_total) == (True, {"EUR": 1880})

    for _ in range(2):  # the poll, a pull and a backfill see it again, and so does the orders' lane
        assert returns.run().actions == {"refunds unchanged": 1}
        assert lane.run().actions == {"unchanged": 1}
    edited = later(sold, lines=(*sold.lines, line(490, PAPER, line_id="3")))
    lane.put(edited)
    assert lane.run().actions == {"changed": 1}
    assert lines_of(lane, order_id) == [(2, 16.9), (1, 4.9), (1, 3.0), (1, 4.9)]
    whole = lane.prove().whole
    assert (whole.complete, whole.odoo_total, codes_of(lane, order_id)) == (True, {"EUR": 4660}, [])
    story = [event.what for event in trace(returns.connections, lane.name, order_id)]
    assert f"refund R-{order_id}: the order in Odoo was reduced" in story
    with returns.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT action FROM commerce.audit WHERE record = ANY(%s) ORDER BY id", ([order_id, f"R-{order_id}"],)
        )
        actions = [action for (action,) in cursor]
    assert actions == ["sale order created", "sale order changed", "order reduced", "sale order changed"]

    invoice(odoo, lane, order_id)
    assert heal(returns.connections, lane.name) == 0
    assert returns.run().actions == {"refunds unchanged": 1}
    second = make_refund(f"S-{order_id}", order_id, returns.noon + timedelta(minutes=1), unsent(1690))
    returns.put(second)
    invoiced = returns.run().actions
    assert invoiced == {"refunds unchanged": 1, "refunds created": 1}  # an invoice is there: a credit note as ever
    assert returns.prove().whole.complete


def test_a_fully_refunded_order_is_cancelled(
    returns: ReturnsLane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    [order_id] = numbered(request)
    lane, sold = returns.orders, sell(returns, order_id)
    returns.put(make_refund(f"R-{order_id}", order_id, returns.noon, unsent(1690)))
    rest = make_refund(
        f"S-{order_id}", order_id, returns.noon + timedelta(minutes=1), unsent(3380, 2), unsent(490, 1, "2"),
        ship_back(490),
    )  # fmt: skip
    returns.put(rest)
    assert returns.run().actions == {"refunds reduced": 2}
    assert (lane.sales(order_id)[0]["state"], demand_of(odoo, lane, order_id)) == ("cancel", {})
    for _ in range(2):
        assert returns.run().actions == {"refunds unchanged": 2}
        assert lane.run().actions == {"cancelled": 1}
    assert (returns.prove().whole.complete, lane.prove().whole.complete, codes_of(lane, order_id)) == (True, True, [])
    lane.put(later(sold, lines=(*sold.lines, line(490, PAPER, line_id="3"))))  # the buyer wants something after all
    lane.run()
    assert (lane.sales(order_id)[0]["state"], lines_of(lane, order_id)) == ("sale", [(1, 4.9)])
    assert lane.prove().whole.complete


def test_what_was_delivered_stays_and_the_rest_goes(
    returns: ReturnsLane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    """Two mugs were delivered, the third one is sold out: its refund ends the order, and nothing else is taken off."""
    [order_id] = numbered(request)
    lane, sold = returns.orders, sell(returns, order_id)
    client = open_administrator(odoo)
    [picking] = lane.sales(order_id)[0]["picking_ids"]
    moves = client.call("stock.move", "search_read", domain=[["picking_id", "=", picking]], load=None,
                        fields=["product_uom_qty"])  # fmt: skip
    for move in moves:
        units = min(2, move["product_uom_qty"])
        client.call("stock.move", "write", ids=[move["id"]], vals={"quantity": units, "picked": True})
    context = {"skip_sms": True, "skip_backorder": True}
    client.call("stock.picking", "button_validate", ids=[picking], context=context)
    lane.put(later(sold, shipped=Shipped.PARTLY))
    lane.run()
    returns.put(make_refund(f"R-{order_id}", order_id, returns.noon, unsent(3380, 2)))
    assert returns.run().reasons == {"not_invoiced": 1}  # only one is left to be sent
    returns.put(make_refund(f"S-{order_id}", order_id, returns.noon, unsent(1690)))
    assert returns.run().actions == {"refunds refused": 1, "refunds reduced": 1}
    assert lines_of(lane, order_id) == [(2, 16.9), (1, 4.9), (1, 4.9)]
    assert demand_of(odoo, lane, order_id) == {}
    lane.run()
    assert (lane.prove().whole.complete, codes_of(lane, order_id)) == (True, [])


def test_a_run_that_died_in_between_is_finished_by_either_lane(
    returns: ReturnsLane, odoo: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first, last_step in (("orders", "reductions_planned"), ("returns", "orders_reduced")):
        [order_id] = numbered(request)
        order_id = f"{order_id}-{first[0]}"
        sell(returns, order_id)
        returns.put(make_refund(f"R-{order_id}", order_id, returns.noon, unsent(1690)))
        with monkeypatch.context() as dying:
            dying.setattr(reduce, "failpoint", lambda name, at=last_step: _raise_at(name, at))
            with pytest.raises(RuntimeError):
                returns.run()
        for lane in (returns.orders, returns) if first == "orders" else (returns, returns.orders):
            lane.run()
        assert lines_of(returns.orders, order_id) == [(2, 16.9), (1, 4.9), (1, 4.9)]
        assert codes_of(returns.orders, order_id) == []
        with returns.connections.warehouse.transaction() as connection:
            [row] = reductions.read(connection, returns.orders.name, [order_id])[order_id]
        assert row.applied_at
    assert returns.prove().whole.complete


def _raise_at(name: str, at: str) -> None:
    if name == at:
        raise RuntimeError


def test_a_locked_order_is_left_alone_and_the_refund_waits(
    returns: ReturnsLane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    [order_id] = numbered(request)
    lane = returns.orders
    sell(returns, order_id)
    [sale] = lane.sales(order_id)
    client = open_administrator(odoo)
    client.call("sale.order", "action_lock", ids=[sale["id"]])
    returns.put(make_refund(f"R-{order_id}", order_id, returns.noon, unsent(1690)))
    assert returns.run().reasons == {"not_invoiced": 1}
    [row] = returns.waiting(Topic.REFUNDS)
    assert "order_locked" in row.message
    assert lines_of(lane, order_id)[0] == (3, 16.9)
    assert lane.run().actions == {"unchanged": 1}
    client.call("sale.order", "action_unlock", ids=[sale["id"]])
    assert returns.run().actions == {"refunds reduced": 1}
    assert lines_of(lane, order_id)[0] == (2, 16.9)


def test_a_person_who_lowered_the_order_already_is_recognised(
    returns: ReturnsLane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    [order_id] = numbered(request)
    lane = returns.orders
    sell(returns, order_id)
    [sale] = lane.sales(order_id)
    client = open_administrator(odoo)
    lowered = {"product_uom_qty": 2, "price_unit": 16.9}  # Odoo would take the product's own price else
    client.call("sale.order.line", "write", ids=[min(sale["order_line"])], vals=lowered)
    returns.put(make_refund(f"R-{order_id}", order_id, returns.noon, unsent(1690)))
    assert returns.run().actions == {"refunds reduced": 1}
    assert lines_of(lane, order_id)[0] == (2, 16.9)
    lane.run()
    assert (lane.prove().whole.complete, codes_of(lane, order_id)) == (True, [])


def test_a_channel_that_says_less_later_is_told_to_a_person(
    returns: ReturnsLane, request: pytest.FixtureRequest
) -> None:
    [order_id] = numbered(request)
    sell(returns, order_id)
    refund = make_refund(f"R-{order_id}", order_id, returns.noon, unsent(1690))
    returns.put(refund)
    returns.run()
    less = msgspec.structs.replace(refund, total=1000, lines=(unsent(1000),),
                                   updated_at=refund.updated_at + timedelta(minutes=1))  # fmt: skip
    returns.put(less)
    assert returns.run().reasons == {"credit_differs": 1}
    assert lines_of(returns.orders, order_id)[0] == (2, 16.9)


@pytest.mark.parametrize("settled_by", ["invoice", "cancellation"])
def test_a_refund_after_its_orders_age_limit_waits_with_a_reason_and_can_be_settled(
    aged: ReturnsLane, odoo: Server, request: pytest.FixtureRequest, settled_by: str
) -> None:
    [order_id] = numbered(request)
    order_id, lane = f"{order_id}-{settled_by[0]}", aged.orders
    sell(aged, order_id, shipped=Shipped.YES)
    clock, late = lane.connections.instruments, lane.noon + timedelta(days=31)
    lane.connections.instruments = replace(clock, now=lambda: late)
    assert apply_limits(lane.connections).answers == 1
    lane.connections.instruments = clock  # Odoo's is the real one
    aged.put(make_refund(f"R-{order_id}", order_id, aged.noon, unsent(1690)))
    for _ in range(2):
        assert aged.run().reasons == {"order_past_age_limit": 1}
    assert lines_of(lane, order_id)[0] == (3, 16.9)

    [sale] = lane.sales(order_id)
    if settled_by == "invoice":
        invoice(odoo, lane, order_id)
        assert heal(lane.connections, lane.name) == 1
        assert aged.run(again=False, pulled=False).actions == {"refunds created": 1}
    else:
        open_administrator(odoo).call("sale.order", "action_cancel", ids=[sale["id"]])
        assert aged.run().actions == {"refunds not_due": 1}
    assert aged.waiting(Topic.REFUNDS) == []
    assert aged.prove().whole.complete
