"""Goods that come back before they were invoiced, into an Odoo, the stand-in's or a real one: Odoo would not invoice
them any more, so their refund takes them off the order, once, and credits nothing that was never billed."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import LineKind, OrderLine, Payment, Shipped
from commerce_pipelines.domain.returns.records import RefundKind, RefundLine, ReturnLine, ReturnState
from commerce_pipelines.flows.invoicing.bill import bill
from commerce_pipelines.flows.returns import reduce
from commerce_pipelines_tests.doubles.lane import NAME, Server, later, line, numbered, waiting
from commerce_pipelines_tests.doubles.refunds_out import credit
from commerce_pipelines_tests.doubles.returns import make_refund, make_return
from commerce_pipelines_tests.doubles.shipments import validate
from commerce_pipelines_tests.flows.conftest import open_administrator
from commerce_pipelines_tests.flows.returns.conftest import ReturnsLane
from commerce_pipelines_tests.flows.test_exchanges import make_article
from commerce_pipelines_tests.flows.test_returns_in_odoo import invoice

RULES = "returns: {enabled: true}, invoicing: {trigger: delivery, since: 2026-01-01}, "
POLICIES = pytest.mark.parametrize("policy", ["delivery", "order"])


class Shop:
    """Three of one article at 16.90, with 4.90 for shipping, sold; by `policy` of invoicing. more: lines besides."""

    def __init__(self, connect: Any, odoo: Server, order_id: str, policy: str, *more: OrderLine) -> None:
        self.returns, self.order_id, self.odoo = ReturnsLane(connect(RULES), None), order_id, odoo
        self.lane, self.person, self.sku = self.returns.orders, open_administrator(odoo), f"RB-{policy}"
        make_article(self.person, self.sku, policy)
        self.sold = self.lane.order(
            order_id, line(5070, self.sku, quantity=3), line(490, "", line_id="s", kind=LineKind.SHIPPING),
            *more, payments=(Payment(method="card", amount=5560 + sum(extra.amount for extra in more)),),
        )  # fmt: skip
        self.lane.put(self.sold)
        self.lane.run()

    def ship(self, shipped: Shipped = Shipped.YES) -> None:
        if shipped is Shipped.YES:
            validate(self.lane, self.order_id)
        self.sold = later(self.sold, shipped=shipped)
        self.lane.put(self.sold)
        self.lane.run()

    def ship_some(self, units: int) -> None:
        """What a person does who sends a part; the rest is to follow."""
        [picking] = self.lane.sales(self.order_id)[0]["picking_ids"]
        moves = self.person.call("stock.move", "search", domain=[["picking_id", "=", picking]])
        self.person.call("stock.move", "write", ids=moves, vals={"quantity": units, "picked": True})
        context = {"skip_sms": True, "skip_backorder": True}
        self.person.call("stock.picking", "button_validate", ids=[picking], context=context)
        self.ship(Shipped.PARTLY)

    def take_back(self, units: int) -> None:
        back = ReturnLine(line_id="1", quantity=units, received=units, order_line_id="1", sku=self.sku)
        record = make_return(f"T-{self.order_id}", self.order_id, self.returns.noon, back, state=ReturnState.RECEIVED)
        self.returns.put(record)

    def pay_back(self, units: int, *more: RefundLine, amount: int = 0, name: str = "R") -> str:
        part = RefundLine(
            line_id="1", kind=RefundKind.GOODS, amount=amount or 1690 * units, quantity=units, order_line_id="1",
            is_returned=True,
        )  # fmt: skip
        self.returns.put(make_refund(f"{name}-{self.order_id}", self.order_id, self.returns.noon, part, *more))
        return f"{name}-{self.order_id}"

    def order(self) -> tuple[str, float, str]:
        """(state, total, what Odoo says of its invoices)."""
        [sale] = self.lane.sales(self.order_id)
        [row] = self.person.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_status"], load=None)
        return sale["state"], sale["amount_total"], row["invoice_status"]

    def lines(self) -> list[tuple[float, ...]]:
        """(ordered, delivered, invoiced, to invoice) of the lines that have something."""
        [sale] = self.lane.sales(self.order_id)
        fields = ["product_uom_qty", "qty_delivered", "qty_invoiced", "qty_to_invoice"]
        rows = self.person.call("sale.order.line", "read", ids=sale["order_line"], load=None, fields=fields)
        return [tuple(row[field] for field in fields) for row in rows if any(row[field] for field in fields)]

    def documents(self) -> list[tuple[str, str, float]]:
        """(type, state, total) of the order's invoices and credit notes."""
        [sale] = self.lane.sales(self.order_id)
        [row] = self.person.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
        rows = self.person.call(
            "account.move", "search_read", load=None, order="move_type, id",
            domain=["|", ["id", "in", row["invoice_ids"]], ["reversed_entry_id", "in", row["invoice_ids"]]],
            fields=["move_type", "state", "amount_total"],
        )  # fmt: skip
        return [(row["move_type"], row["state"], row["amount_total"]) for row in rows]

    def check_end(self, refunds: int) -> None:
        """Nothing more happens, whoever looks again, and everything is proved."""
        end = self.order(), self.lines(), self.documents()
        assert self.returns.run().actions["refunds unchanged"] == refunds
        self.lane.run()
        bill(self.returns.connections, NAME)
        assert (self.order(), self.lines(), self.documents()) == end
        assert self.returns.waiting(Topic.REFUNDS) == []
        assert [row.code for row in waiting(self.lane, self.order_id)] == []
        assert (self.returns.prove().whole.complete, self.lane.prove().whole.complete) == (True, True)


@pytest.fixture
def order_id(request: pytest.FixtureRequest) -> str:
    return f"{numbered(request)[0]}-{zlib.crc32(request.node.name.encode()) % 10_000}"


@POLICIES
def test_a_part_that_came_back_is_neither_billed_nor_credited(
    connect: Any, odoo: Server, order_id: str, policy: str
) -> None:
    """Odoo would invoice two, and the refund of the third would be credited beside."""
    shop = Shop(connect, odoo, order_id, policy)
    shop.ship()
    shop.take_back(1)
    fee = RefundLine(line_id="f", kind=RefundKind.GOODWILL, amount=-200)
    shop.pay_back(1, fee)
    loaded = shop.returns.run()
    assert (loaded.actions["refunds reduced"], loaded.reduced) == (1, {"EUR": 1490})
    assert shop.order() == ("sale", 40.7, "to invoice")
    assert shop.lines()[0] == (2, 2, 0, 2)
    bill(shop.returns.connections, NAME)
    assert (shop.documents(), shop.order()[2]) == ([("out_invoice", "posted", 40.7)], "invoiced")
    shop.check_end(1)


@POLICIES
@pytest.mark.parametrize("first", ["goods", "money"])
def test_an_order_that_came_back_whole_is_cancelled(
    connect: Any, odoo: Server, order_id: str, policy: str, first: str
) -> None:
    shop = Shop(connect, odoo, order_id, policy)
    shop.ship()
    shipping = RefundLine(line_id="s", kind=RefundKind.SHIPPING, amount=490, order_line_id="s")
    if first == "goods":
        shop.take_back(3)
        shop.returns.run()
    shop.pay_back(3, shipping)
    if first == "money":
        assert shop.returns.run().reasons == {"not_invoiced": 1}  # nothing is back yet
        shop.take_back(3)
    assert shop.returns.run().actions["refunds reduced"] == 1
    assert (shop.order()[0], shop.documents()) == ("cancel", [])
    shop.check_end(1)


@POLICIES
def test_what_was_invoiced_before_is_credited_and_the_rest_reduces_the_order(
    connect: Any, odoo: Server, order_id: str, policy: str
) -> None:
    """Two were sent and invoiced, the third one was sent later and came back; then one of the two comes back."""
    shop = Shop(connect, odoo, order_id, policy)
    shop.ship_some(2)
    invoice(odoo, shop.lane, order_id)
    billed = 3870 if policy == "delivery" else 5560
    for picking in shop.lane.sales(order_id)[0]["picking_ids"]:
        shop.person.call("stock.picking", "button_validate", ids=[picking], context={"skip_sms": True})
    shop.ship(Shipped.PARTLY)
    shop.take_back(1)
    shop.pay_back(1)
    actions = shop.returns.run().actions
    assert actions["refunds reduced" if policy == "delivery" else "refunds created"] == 1
    first = [] if policy == "delivery" else [("out_refund", "posted", 16.9)]
    assert shop.documents() == [("out_invoice", "posted", billed / 100), *first]
    assert shop.order()[2] == "invoiced"
    shop.check_end(1)
    shop.take_back(2)
    shop.pay_back(1, name="S")
    assert shop.returns.run().actions["refunds created"] == 1
    assert shop.documents() == [("out_invoice", "posted", billed / 100), *first, ("out_refund", "posted", 16.9)]
    assert (shop.order()[2], shop.lines()[0][3]) == ("invoiced", 0)
    shop.check_end(2)


def test_a_refund_that_nobody_can_divide_waits_and_a_credit_note_by_hand_settles_it(
    connect: Any, odoo: Server, order_id: str
) -> None:
    """All came back, and a person has invoiced the shipping alone, which the same refund pays back."""
    shop = Shop(connect, odoo, order_id, "delivery")
    shop.ship()
    shop.take_back(3)
    shop.returns.run()
    invoice(odoo, shop.lane, order_id)
    assert shop.documents() == [("out_invoice", "posted", 4.9)]
    shipping = RefundLine(line_id="s", kind=RefundKind.SHIPPING, amount=490, order_line_id="s")
    refund_id = shop.pay_back(3, shipping)
    assert shop.returns.run().reasons == {"not_invoiced": 1}
    assert "came back before" in shop.returns.waiting(Topic.REFUNDS)[0].message
    [sale] = shop.lane.sales(order_id)
    [row] = shop.person.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
    credit(shop.person, row["invoice_ids"][0], 4.9, ref=refund_id)
    assert shop.returns.run().actions["refunds recognised"] == 1
    assert [(row.code, row.blocking) for row in shop.returns.waiting(Topic.REFUNDS)] == [("credit_differs", False)]
    assert shop.documents() == [("out_invoice", "posted", 4.9), ("out_refund", "posted", 4.9)]


@pytest.mark.parametrize("units", [1, 3])
def test_a_run_that_died_in_between_is_finished_by_either_lane(
    connect: Any, odoo: Server, order_id: str, monkeypatch: pytest.MonkeyPatch, units: int
) -> None:
    for first, last_step in (("orders", "reductions_planned"), ("returns", "orders_reduced")):
        shop = Shop(connect, odoo, f"{order_id}-{first[0]}", "delivery")
        shop.ship()
        shop.take_back(units)
        shipping = RefundLine(line_id="s", kind=RefundKind.SHIPPING, amount=490, order_line_id="s")
        shop.pay_back(units, shipping)
        with monkeypatch.context() as dying:
            dying.setattr(reduce, "failpoint", lambda name, at=last_step: _raise_at(name, at))
            with pytest.raises(RuntimeError):
                shop.returns.run()
        for lane in (shop.lane, shop.returns) if first == "orders" else (shop.returns, shop.lane):
            lane.run()
        assert shop.order()[:2] == (("cancel", 55.6) if units == 3 else ("sale", 33.8))
        assert shop.documents() == []
        assert shop.returns.waiting(Topic.REFUNDS) == []
        assert [row.code for row in waiting(shop.lane, shop.order_id)] == []


def _raise_at(name: str, at: str) -> None:
    if name == at:
        raise RuntimeError
