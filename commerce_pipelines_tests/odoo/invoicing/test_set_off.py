"""What is paid back of an exchange's credit note, and what is set off against the invoice of the other goods: each
once, whatever answers are lost."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.domain.invoicing.sold import Claim, InvoiceOutcome, State
from commerce_pipelines.domain.orders.order import Payment
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines_tests.doubles.odoo import World, draft, line
from commerce_pipelines_tests.doubles.refunds import goods, refund

from .test_invoices import Counter

PAID = Payment(method="card", amount=10_000)


class Exchange:
    """An order of a mug for 100.00 that comes back, and a pot for 60.00 instead; both invoiced, the mug paid."""

    def __init__(self, world: World) -> None:
        self.world, self.counter = world, Counter(world)
        self.bank = self.counter.journal()
        self.counter.rules["journals"] = {"other": self.bank}
        mug, pot = world.product(invoice_policy="order"), world.product(invoice_policy="order")
        self.first = draft(line("1", mug, 1, 10_000))
        world.load(self.first)
        world.ship(self.first)
        self.counter.bill(self.first, PAID)
        self.money = refund(self.first, goods(10_000), set_off=6_000)
        self.order = self._add(line("2", pot, 1, 6_000))

    def _add(self, new: Any) -> SaleDraft:
        sale = self.world.order(self.first)["id"]
        self.world.create(
            "sale.order.line", order_id=sale, product_id=new.product_id, product_uom_qty=1, price_unit=60.0,
            tax_ids=[[6, 0, self.world.lines(self.first)[0]["tax_ids"]]],
        )  # fmt: skip
        self.world.ship(self.first)
        self.counter.merchant.invoice(self.first)
        return self.first

    def credit(self) -> tuple[int, float]:
        """(record id of the credit note, what is open of it)."""
        [outcome] = self.counter.merchant.credit(self.money, refund_journal=self.bank)
        assert outcome.reason is None
        [note] = self.counter.merchant.moves(self.order)
        return note["id"], note["amount_residual"]

    def bill(self, note: int) -> InvoiceOutcome:
        claim = Claim(
            order_id=self.order.order_id, currency="EUR", total=16_000, payments=(PAID,), set_off={note: 6_000}
        )
        return self.counter.bill_claims({self.order.order_id: self.world.order(self.order)["id"]}, claim)[0]

    def paid_back(self) -> list[float]:
        [journal] = self.world.call("account.journal", "search", domain=[["name", "=", self.bank]])
        rows = self.world.call(
            "account.payment", "search_read", fields=["amount", "payment_type"], load=None,
            domain=[["journal_id", "=", journal], ["memo", "!=", self.order.order_id]],
        )  # fmt: skip
        return [row["amount"] for row in rows]


@pytest.mark.parametrize("times", [0, 1, 2])
def test_what_was_paid_back_is_registered_and_the_rest_set_off_once(world: World, times: int) -> None:
    exchange = Exchange(world)
    world.transport.lose["account.payment.register", "action_create_payments"] = times
    note, residual = exchange.credit()
    assert (residual, exchange.paid_back()) == (60.0, [40.0])
    assert exchange.credit() == (note, 60.0)
    world.transport.lose["account.move", "js_assign_outstanding_line"] = times
    assert exchange.bill(note).state is State.PAID
    assert exchange.credit() == (note, 0.0)
    assert [row["amount_residual"] for row in exchange.counter.invoices(exchange.order)] == [0, 0]
    assert exchange.bill(note).registered == 0
    assert exchange.paid_back() == [40.0]


def test_what_a_person_set_off_first_is_no_payment_and_is_paid_back_all_the_same(world: World) -> None:
    exchange = Exchange(world)
    [outcome] = exchange.counter.merchant.credit(exchange.money)  # paid back by nobody yet
    invoice = exchange.counter.invoices(exchange.order)[1]["id"]
    [item] = world.call(
        "account.move.line", "search",
        domain=[["move_id", "=", outcome.odoo_id], ["account_type", "=", "asset_receivable"]],
    )  # fmt: skip
    world.call("account.move", "js_assign_outstanding_line", ids=[invoice], line_id=item)
    assert exchange.bill(outcome.odoo_id).registered == 0
    assert exchange.credit() == (outcome.odoo_id, 0.0)
    assert exchange.paid_back() == [40.0]
