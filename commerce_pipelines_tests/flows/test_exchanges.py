"""Goods come back and others go out for them: the order, its deliveries and its books end right to the cent, whatever
comes first, whatever dies on the way, and whoever else is at work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Order, OrderStatus, Payment
from commerce_pipelines.domain.returns.records import Refund, RefundKind, RefundLine, Return, ReturnLine, ReturnState
from commerce_pipelines.flows.invoicing.bill import bill
from commerce_pipelines.odoo.rpc.client import OdooClient
from commerce_pipelines_tests.doubles.lane import NAME, Server, later, line, numbered, waiting
from commerce_pipelines_tests.doubles.returns import make_refund, make_return
from commerce_pipelines_tests.flows.conftest import open_administrator
from commerce_pipelines_tests.flows.returns.conftest import ReturnsLane

RULES = (
    "returns: {enabled: true, refund_journal: Bank}, "
    "invoicing: {trigger: delivery, since: 2026-01-01, journals: {other: Bank}}, "
)
WORTH = 10_000
CASES = {"dearer": ("B", 25_000), "cheaper": ("B", 6_000), "half": ("B", 5_000), "the same again": ("A", WORTH)}


class Killed(BaseException):
    """Stands for a SIGKILL at a failpoint: nothing after it is done, and no open transaction commits."""


class Shop:
    """One order of A for 100.00, delivered, invoiced and paid, and what the channel says of its exchange."""

    def __init__(self, connect: Any, odoo: Server, order_id: str, policy: str, case: str = "dearer") -> None:
        self.returns = ReturnsLane(connect(RULES), None)
        self.orders, self.person, self.order_id = self.returns.orders, open_administrator(odoo), order_id
        self.first, self.other = (f"EX-{name}-{policy}" for name in "AB")
        for code in (self.first, self.other):
            make_article(self.person, code, policy)
        name, self.price = CASES[case]
        paid = Payment(method="card", amount=WORTH)
        self.sold = self.orders.order(order_id, line(WORTH, self.first), payments=(paid,))
        self.orders.put(self.sold)
        self.orders.run()
        assert self.ship() == 1
        bill(self.orders.connections, NAME)
        self.sku = self.first if name == "A" else self.other

    @property
    def exchanged(self) -> Order:
        more = max(0, self.price - WORTH)
        payments = (*self.sold.payments, *([Payment(method="card", amount=more)] if more else []))
        new = line(self.price, self.sku, line_id="2", is_exchange=True)
        return later(self.sold, lines=(*self.sold.lines, new), payments=payments)

    @property
    def back(self) -> Return:
        units = ReturnLine(line_id="1", quantity=1, received=1, order_line_id="1", sku=self.first)
        return make_return(f"T-{self.order_id}", self.order_id, self.returns.noon, units, state=ReturnState.RECEIVED)

    @property
    def money(self) -> Refund:
        part = RefundLine(
            line_id="1", kind=RefundKind.GOODS, amount=WORTH, order_line_id="1", quantity=1, sku=self.first,
            is_returned=True,
        )  # fmt: skip
        set_off = min(self.price, WORTH)
        return make_refund(f"R-{self.order_id}", self.order_id, self.returns.noon, part, set_off=set_off)

    def open_pickings(self) -> list[dict[str, Any]]:
        [sale] = self.orders.sales(self.order_id)
        return list(self.person.call(
            "stock.picking", "search_read", load=None, fields=["state"],
            domain=[["id", "in", sale["picking_ids"]], ["picking_type_code", "=", "outgoing"],
                    ["state", "not in", ["done", "cancel"]]],
        ))  # fmt: skip

    def ship(self) -> int:
        """Validate the deliveries that are open; returns how many."""
        pickings = self.open_pickings()
        context = {"skip_sms": True}
        for picking in pickings:
            assert picking["state"] == "assigned"
            assert self.person.call("stock.picking", "button_validate", ids=[picking["id"]], context=context) is True
        return len(pickings)

    def documents(self) -> list[tuple[str, str, float, float]]:
        """(type, state, total, what is open) of the order's invoices and credit notes."""
        [sale] = self.orders.sales(self.order_id)
        [row] = self.person.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
        rows = self.person.call(
            "account.move", "search_read", load=None, order="move_type, id",
            domain=["|", ["id", "in", row["invoice_ids"]], ["reversed_entry_id", "in", row["invoice_ids"]]],
            fields=["move_type", "state", "amount_total", "amount_residual"],
        )  # fmt: skip
        return [(row["move_type"], row["state"], row["amount_total"], row["amount_residual"]) for row in rows]

    def check_end(self) -> None:
        """Both goods are on the order, one unit each is with the customer or back, and nothing is owed."""
        [sale] = self.orders.sales(self.order_id)
        assert sale["amount_total"] == (WORTH + self.price) / 100
        lines = self.person.call(
            "sale.order.line", "read", ids=sale["order_line"], load=None,
            fields=["qty_delivered", "qty_to_invoice", "product_uom_qty", "price_unit"],
        )  # fmt: skip
        assert [(row["qty_delivered"], row["qty_to_invoice"], row["price_unit"]) for row in lines] == [
            (0, 0, WORTH / 100), (1, 0, self.price / 100),
        ]  # fmt: skip
        assert self.documents() == [
            ("out_invoice", "posted", WORTH / 100, 0), ("out_invoice", "posted", self.price / 100, 0),
            ("out_refund", "posted", WORTH / 100, 0),
        ]  # fmt: skip
        assert self.orders.prove().whole.complete
        assert self.returns.prove().whole.complete
        assert waiting(self.orders, self.order_id) == []
        assert [row.record_id for topic in (Topic.RETURNS, Topic.REFUNDS) for row in self.returns.waiting(topic)] == []


def make_article(person: OdooClient, code: str, policy: str) -> None:
    """An article of which there is enough for all tests."""
    if person.call("product.product", "search", domain=[["default_code", "=", code]]):
        return
    vals = {"name": code, "default_code": code, "type": "consu", "is_storable": True, "invoice_policy": policy}
    (product,) = person.call("product.product", "create", vals_list=[vals])
    (place,) = person.call("stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], load=None, limit=1)
    quant = {"product_id": product, "location_id": place["lot_stock_id"], "inventory_quantity_auto_apply": 10**6}
    person.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[quant])


@pytest.mark.parametrize(
    ("first", "case", "policy"),
    [
        ("order", "dearer", "order"),
        ("return", "dearer", "delivery"),
        ("order", "cheaper", "delivery"),
        ("return", "half", "order"),
        ("order", "the same again", "delivery"),
        ("return", "the same again", "order"),
    ],
)
def test_an_exchange_ends_right_to_the_cent(
    connect: Any, odoo: Server, request: pytest.FixtureRequest, first: str, case: str, policy: str
) -> None:
    [order_id] = numbered(request)
    shop = Shop(connect, odoo, f"{order_id}-{first[0]}{policy[0]}{case[:4]}", policy, case)
    if first == "order":
        shop.orders.put(shop.exchanged)
        assert shop.orders.run().actions == {"changed": 1}
        bill(shop.orders.connections, NAME)
    shop.returns.put(shop.back, shop.money)
    assert shop.returns.run().actions == {"returns received": 1, "refunds created": 1}
    bill(shop.orders.connections, NAME)
    assert shop.documents()[0][2:] == (WORTH / 100, 0)
    shop.orders.put(shop.exchanged)
    shop.orders.run()
    assert len(shop.open_pickings()) == 1
    bill(shop.orders.connections, NAME)
    assert len(shop.documents()) == 2  # not invoiced before it has left
    assert shop.ship() == 1
    bill(shop.orders.connections, NAME)
    shop.check_end()
    shop.orders.run()
    shop.returns.run()
    assert bill(shop.orders.connections, NAME, again=True).created == 0
    shop.check_end()


def test_what_is_not_paid_yet_waits_and_goes_on_by_itself(
    connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:
    """Shopify calls an order partly paid while the buyer owes the difference."""
    [order_id] = numbered(request)
    shop = Shop(connect, odoo, order_id, "order", "dearer")
    shop.orders.put(later(shop.exchanged, status=OrderStatus.WAITING, payments=shop.sold.payments))
    shop.returns.put(shop.back, shop.money)
    shop.orders.run()
    shop.returns.run()
    assert [row.code for row in waiting(shop.orders, order_id)] == ["payment_lost"]
    assert shop.open_pickings() == []
    bill(shop.orders.connections, NAME, again=True)
    assert [total for kind, _, total, _ in shop.documents() if kind == "out_invoice"] == [WORTH / 100]
    shop.orders.put(later(later(shop.exchanged)))
    shop.orders.run()
    shop.ship()
    bill(shop.orders.connections, NAME)
    shop.check_end()


DEATHS = (
    ("odoo.sales.batch", "after_load", "orders"), ("flows.returns.load", "returns_moved", "returns"),
    ("odoo.returns.credit_notes", "after_credit_load", "returns"),
    ("odoo.returns.credit_notes", "after_credit_post", "returns"),
    ("flows.returns.load", "refunds_credited", "returns"), ("odoo.invoicing.batch", "invoices_posted", "bill"),
    ("odoo.invoicing.batch", "payments_loaded", "bill"), ("odoo.invoicing.batch", "notes_set_off", "bill"),
)  # fmt: skip


def test_an_exchange_happens_once_whatever_dies_and_whoever_else_is_at_work(
    connect: Any, odoo: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    [order_id] = numbered(request)
    shop = Shop(connect, odoo, order_id, "delivery", "half")
    steps = {
        "orders": lambda: shop.orders.run(), "returns": lambda: shop.returns.run(),
        "bill": lambda: bill(shop.orders.connections, NAME, again=True),
    }  # fmt: skip

    def die_at(module: str, point: str, step: str) -> None:
        def kill(name: str) -> None:
            if name == point:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(f"commerce_pipelines.{module}.failpoint", kill)
            with pytest.raises(Killed):
                steps[step]()

    shop.orders.put(shop.exchanged)
    shop.returns.put(shop.back, shop.money)
    for death in DEATHS[:5]:
        die_at(*death)
    run_together(steps["orders"], steps["returns"], steps["orders"], steps["returns"])
    assert len(shop.open_pickings()) == 1
    shop.ship()
    for death in DEATHS[5:]:
        die_at(*death)
    run_together(steps["bill"], steps["bill"])
    shop.check_end()


def run_together(*steps: Callable[[], object]) -> None:
    """These runs at the same time."""
    with ThreadPoolExecutor(len(steps)) as pool:
        for outcome in [pool.submit(step) for step in steps]:
            outcome.result()
