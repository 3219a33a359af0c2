"""The lane of returns into an Odoo, the stand-in's or a real one: a refund waits for its order and its invoice, and is
one credit note then, to the cent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Shipped
from commerce_pipelines.domain.returns.records import RefundKind, RefundLine, ReturnLine, ReturnState
from commerce_pipelines.flows.inventory.inputs import take_stock
from commerce_pipelines.flows.returns.heal import heal
from commerce_pipelines_tests.doubles.lane import MUG, NAME, Lane, Server, line, numbered
from commerce_pipelines_tests.doubles.returns import make_refund, make_return
from commerce_pipelines_tests.doubles.shipments import validate
from commerce_pipelines_tests.flows.conftest import open_administrator
from commerce_pipelines_tests.flows.returns.conftest import ReturnsLane


@pytest.fixture
def returns(connect: Any) -> ReturnsLane:
    return ReturnsLane(connect("returns: {enabled: true}, "), None)


def invoice(odoo: Server, lane: Lane, order_id: str) -> None:
    """What a person does: Odoo's own wizard, and posting."""
    client = open_administrator(odoo)
    [sale] = lane.sales(order_id)
    values = {"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [sale["id"]]]]}
    wizard = client.call("sale.advance.payment.inv", "create", vals_list=[values])
    client.call("sale.advance.payment.inv", "create_invoices", ids=wizard)
    [row] = client.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
    client.call("account.move", "action_post", ids=row["invoice_ids"])


def test_a_refund_waits_for_order_and_invoice_and_is_one_credit_note(
    returns: ReturnsLane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    order_id, *_ = numbered(request)
    part = RefundLine(line_id="1", kind=RefundKind.PRICE, amount=500, order_line_id="1")
    returns.put(make_refund(f"R-{order_id}", order_id, returns.noon, part))
    assert returns.run(again=False).reasons == {"order_not_in_odoo": 1}

    returns.orders.put(returns.orders.order(order_id, shipped=Shipped.YES))  # or the refund would reduce the order
    returns.orders.run()
    assert heal(returns.connections, returns.orders.name) == 1
    assert returns.run(again=False, pulled=False).reasons == {"not_invoiced": 1}
    assert returns.prove().whole.exceptions == 1
    assert heal(returns.connections, returns.orders.name) == 0

    invoice(odoo, returns.orders, order_id)
    assert heal(returns.connections, returns.orders.name) == 1
    assert returns.run(again=False, pulled=False).actions == {"refunds created": 1}
    whole = returns.prove().whole
    assert (whole.complete, whole.odoo_total) == (True, {"EUR": 500})
    assert returns.waiting(Topic.REFUNDS) == []
    assert returns.run().actions == {"refunds unchanged": 1}


def test_a_credit_note_that_is_gone_from_odoo_is_missed(
    returns: ReturnsLane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    order_id, *_ = numbered(request)
    returns.orders.put(returns.orders.order(order_id))
    returns.orders.run()
    invoice(odoo, returns.orders, order_id)
    first, second = (
        RefundLine(line_id="1", kind=RefundKind.PRICE, amount=amount, order_line_id="1") for amount in (300, 200)
    )
    returns.put(
        make_refund(f"R-{order_id}", order_id, returns.noon, first),
        make_refund(f"S-{order_id}", order_id, returns.noon + timedelta(minutes=1), second),
    )
    assert returns.run().actions == {"refunds created": 2}
    assert returns.prove().whole.odoo_total == {"EUR": 500}
    with returns.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.credit_notes SET odoo_id = 2147483647 WHERE refund_id = %s", (f"S-{order_id}",))
    assert returns.prove().whole.missing == (f"S-{order_id}",)
    assert returns.run().actions == {"refunds unchanged": 2}  # found by its external id
    assert returns.prove().whole.complete


def test_what_comes_back_can_be_sold_again_once(returns: ReturnsLane, request: pytest.FixtureRequest) -> None:
    """What is published follows from these figures. Two runs at once, and a repeat, add nothing."""
    order_id, *_ = numbered(request)
    returns.orders.put(returns.orders.order(order_id, line(5070, quantity=3)))
    returns.orders.run()
    validate(returns.orders, order_id)
    before = count_free(returns)
    back = ReturnLine(line_id="1", quantity=2, received=2, order_line_id="1", sku=MUG)
    returns.put(make_return(f"T-{order_id}", order_id, returns.noon, back, state=ReturnState.RECEIVED))
    with ThreadPoolExecutor(2) as pool:
        for outcome in [pool.submit(returns.run) for _ in range(2)]:
            outcome.result()
    assert count_free(returns) == before + 2
    returns.run()
    assert count_free(returns) == before + 2


def count_free(returns: ReturnsLane) -> float:
    """Mugs that may be sold, as the flow of stock reads them."""
    levels = take_stock(returns.connections, NAME, whole=True).levels
    return float(levels[(levels["code"] == MUG) & (levels["kind"] == "stored")]["free"].sum())
