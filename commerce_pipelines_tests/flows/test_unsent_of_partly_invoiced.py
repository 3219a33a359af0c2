"""Units neither sent nor invoiced, of a line of which others were both, into an Odoo, the stand-in's or a real one:
what pays them back is no credit note of units that the buyer keeps, but takes them off the order, once."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import LineKind
from commerce_pipelines.domain.returns.records import RefundKind, RefundLine
from commerce_pipelines.flows.invoicing.bill import bill
from commerce_pipelines_tests.doubles.lane import NAME, Server, line, numbered
from commerce_pipelines_tests.doubles.returns import make_refund
from commerce_pipelines_tests.flows.test_refunds_before_delivery import demand_of
from commerce_pipelines_tests.flows.test_returned_before_invoice import POLICIES, Shop


@pytest.fixture
def order_id(request: pytest.FixtureRequest) -> str:
    return f"{numbered(request)[0]}-{zlib.crc32(request.node.name.encode()) % 10_000}"


def invoice_units(shop: Shop, units: int) -> None:
    """What a person does who invoices so many units of the goods, whatever the policy, and all of the rest."""
    [sale] = shop.lane.sales(shop.order_id)
    context = {"active_model": "sale.order", "active_ids": [sale["id"]]}
    wizard = shop.person.call("sale.advance.payment.inv", "create", context=context, vals_list=[{
        "advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [sale["id"]]]], "consolidated_billing": False,
    }])[0]  # fmt: skip
    shop.person.call("sale.advance.payment.inv", "create_invoices", ids=[wizard], context=context)
    [row] = shop.person.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
    lines = shop.person.call(
        "account.move.line", "search_read", fields=["quantity", "price_unit"], load=None,
        domain=[["move_id", "in", row["invoice_ids"]], ["display_type", "=", "product"], ["quantity", ">", units]],
    )  # fmt: skip
    for entry in lines:
        shop.person.call("account.move.line", "write", ids=[entry["id"]], vals={"quantity": units})
    shop.person.call("account.move", "action_post", ids=row["invoice_ids"])


def pay_back_unsent(shop: Shop, units: int, is_returned: bool | None = False, name: str = "U", amount: int = 0) -> None:
    part = RefundLine(
        line_id="1", kind=RefundKind.GOODS, amount=amount or 1690 * units, quantity=units, order_line_id="1",
        is_returned=is_returned,
    )  # fmt: skip
    shop.returns.put(make_refund(f"{name}-{shop.order_id}", shop.order_id, shop.returns.noon, part))


@POLICIES
def test_a_unit_that_was_never_sent_is_taken_off_and_not_credited(
    connect: Any, odoo: Server, order_id: str, policy: str
) -> None:
    shop = Shop(connect, odoo, order_id, policy)
    shop.ship_some(2)
    invoice_units(shop, 2)
    assert shop.documents() == [("out_invoice", "posted", 38.7)]
    pay_back_unsent(shop, 1)
    assert shop.returns.run().actions == {"refunds reduced": 1}
    assert (shop.documents(), shop.order()) == ([("out_invoice", "posted", 38.7)], ("sale", 38.7, "invoiced"))
    assert demand_of(odoo, shop.lane, order_id) == {}
    shop.check_end(1)


@POLICIES
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_line_that_a_person_lowered_already_is_not_credited(
    connect: Any, odoo: Server, order_id: str, policy: str, when: str
) -> None:
    """Whether she did so before the invoice or after it."""
    shop = Shop(connect, odoo, order_id, policy)
    shop.ship_some(2)
    if when == "before":
        lower_line(shop, 2)
    invoice_units(shop, 2)
    if when == "after":
        lower_line(shop, 2)
    pay_back_unsent(shop, 1)
    loaded = shop.returns.run()
    assert loaded.actions == {"refunds reduced": 1}, [row.message for row in shop.returns.waiting(Topic.REFUNDS)]
    assert shop.documents() == [("out_invoice", "posted", 38.7)]
    assert shop.order() == ("sale", 38.7, "invoiced")
    shop.check_end(1)


@POLICIES
def test_what_was_invoiced_of_a_discount_stays(connect: Any, odoo: Server, order_id: str, policy: str) -> None:
    """Of a discount of 3.00, the third unit gives 1.00 back, which is a line that the next invoice bills."""
    shop = Shop(connect, odoo, order_id, policy, line(-300, "", line_id="d", kind=LineKind.DISCOUNT, of="1"))
    shop.ship_some(2)
    invoice_units(shop, 2)
    assert shop.documents() == [("out_invoice", "posted", 35.7)]
    pay_back_unsent(shop, 1, amount=1590)
    assert shop.returns.run().actions == {"refunds reduced": 1}
    assert shop.order() == ("sale", 36.7, "to invoice")
    bill(shop.returns.connections, NAME)
    assert shop.documents() == [("out_invoice", "posted", 35.7), ("out_invoice", "posted", 1.0)]
    shop.check_end(1)


@POLICIES
def test_units_that_were_sent_are_credited_while_others_are_unsent(
    connect: Any, odoo: Server, order_id: str, policy: str
) -> None:
    """One of the two that were sent comes back; the third one is still to be sent, and is."""
    shop = Shop(connect, odoo, order_id, policy)
    shop.ship_some(2)
    invoice_units(shop, 2)
    shop.take_back(1)
    shop.pay_back(1)
    assert shop.returns.run().actions["refunds created"] == 1
    assert shop.documents() == [("out_invoice", "posted", 38.7), ("out_refund", "posted", 16.9)]
    assert demand_of(odoo, shop.lane, order_id) == {shop.sku: (1, 1)}


def test_what_is_credited_and_about_to_be_sent_is_told(connect: Any, odoo: Server, order_id: str) -> None:
    """All three are invoiced at order, two were sent: the third one is credited, and Odoo would still send it."""
    shop = Shop(connect, odoo, order_id, "order")
    shop.ship_some(2)
    invoice_units(shop, 3)
    assert shop.documents() == [("out_invoice", "posted", 55.6)]
    pay_back_unsent(shop, 1)
    assert shop.returns.run().actions == {"refunds created": 1}
    assert [(row.code, row.blocking) for row in shop.returns.waiting(Topic.REFUNDS)] == [("credited_unsent", False)]
    lower_line(shop, 2)
    shop.returns.run()
    assert shop.returns.waiting(Topic.REFUNDS) == []
    assert demand_of(odoo, shop.lane, order_id) == {}
    assert (shop.documents()[1:], shop.order()[2]) == ([("out_refund", "posted", 16.9)], "invoiced")
    assert shop.lines()[0] == (2, 2, 2, 0)  # its unit counts as credited, so that Odoo does not credit it once more


def lower_line(shop: Shop, units: int) -> None:
    """What a person does in Odoo. The price is told again, because Odoo takes the pricelist's for other quantities."""
    [sale] = shop.lane.sales(shop.order_id)
    domain = [["id", "in", sale["order_line"]], ["product_id.default_code", "=", shop.sku]]
    [goods] = shop.person.call("sale.order.line", "search_read", domain=domain, fields=["price_unit"])
    vals = {"product_uom_qty": units, "price_unit": goods["price_unit"]}
    shop.person.call("sale.order.line", "write", ids=[goods["id"]], vals=vals)
