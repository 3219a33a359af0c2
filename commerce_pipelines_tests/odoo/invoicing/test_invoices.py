"""Invoices and payments of orders, each once, whatever is lost on the way, and what a person did is left to them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.domain.invoicing.rules import InvoicingRules
from commerce_pipelines.domain.invoicing.sold import Billing, Claim, InvoiceOutcome, State
from commerce_pipelines.domain.orders.order import LineKind, Payment
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.odoo.invoicing import batch, payments
from commerce_pipelines.odoo.invoicing.batch import bill_orders
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines_tests.doubles.odoo import CHANNEL, DE7, DE19, World, draft, line, service
from commerce_pipelines_tests.doubles.refunds import BERLIN, Merchant

TODAY = date(2026, 11, 28)
POLICIES = pytest.mark.parametrize("product_policy", ["order", "delivery"])


class Counter:
    """An order of the channel on its way through the books."""

    def __init__(self, world: World, **rules: Any) -> None:
        self.world, self.merchant = world, Merchant(world)
        self.rules = {"trigger": "delivery", "since": date(2026, 11, 1), **rules}

    def sell(self, product_policy: str = "delivery", ship: bool = True) -> SaleDraft:
        """Three mugs at 19.99, a book at 7 %, less 5.00, and shipping of 4.90: 74.87."""
        mug, book = (self.world.product(invoice_policy=product_policy) for _ in range(2))
        order = draft(
            line("1", mug, 3, 5997), line("2", book, 1, 1500, DE7),
            line("off", (0, ""), 1, -500, DE19, LineKind.DISCOUNT), service(LineKind.SHIPPING, 490),
        )  # fmt: skip
        self.world.load(order)
        if ship:
            self.world.ship(order)
        return order

    def claim(self, order: SaleDraft, *payments: Payment, **more: Any) -> Claim:
        return Claim(order_id=order.order_id, currency="EUR", total=order.total, payments=payments, **more)

    def bill(self, order: SaleDraft, *payments: Payment, client: Client | None = None, **more: Any) -> InvoiceOutcome:
        claim = self.claim(order, *payments, **more)
        return self.bill_claims({order.order_id: self.world.order(order)["id"]}, claim, client=client)[0]

    def bill_claims(
        self, sales: dict[str, int], *claims: Claim, client: Client | None = None
    ) -> list[InvoiceOutcome]:  # fmt: skip
        billing = Billing(label=CHANNEL, zone=BERLIN, today=TODAY, rules=InvoicingRules(**self.rules))
        return list(bill_orders(client or self.world.client, billing, claims, sales))

    def invoices(self, order: SaleDraft) -> list[dict[str, Any]]:
        return self.merchant.moves(order, "out_invoice")

    def payments(self, order: SaleDraft) -> list[dict[str, Any]]:
        return list(self.world.call(
            "account.payment", "search_read", domain=[["memo", "=", order.order_id]], order="amount", load=None,
            fields=["amount", "journal_id", "state", "payment_reference", "date", "payment_type"],
        ))  # fmt: skip

    def journal(self, kind: str = "bank") -> str:
        name = f"Money {secrets.token_hex(3)}"
        self.world.create("account.journal", name=name, code=secrets.token_hex(2).upper(), type=kind)
        return name

    def journal_of(self, payment: dict[str, Any]) -> str:
        [row] = self.world.call("account.journal", "read", ids=[payment["journal_id"]], fields=["name"])
        return str(row["name"])


@POLICIES
def test_a_delivered_order_becomes_one_posted_invoice(world: World, product_policy: str) -> None:
    counter = Counter(world)
    order = counter.sell(product_policy, ship=False)
    assert counter.bill(order).state is State.OPEN
    assert counter.invoices(order) == []
    world.ship(order)
    outcome = counter.bill(order)
    assert (outcome.state, outcome.created, outcome.posted, outcome.invoiced) == (State.INVOICED, 1, 1, 7487)
    [invoice] = counter.invoices(order)
    assert (invoice["state"], invoice["amount_total"], invoice["invoice_date"]) == ("posted", 74.87, "2026-11-28")
    world.transport.calls.clear()
    assert counter.bill(order).state is State.INVOICED
    assert world.transport.writes() == []
    assert len(counter.invoices(order)) == 1


def test_at_order_what_odoo_invoices_by_delivery_waits_as_a_whole(world: World) -> None:
    counter = Counter(world, trigger="order")
    now, later = counter.sell("order", ship=False), counter.sell("delivery", ship=False)
    assert counter.bill(now).state is State.INVOICED
    assert (counter.bill(later).state, counter.invoices(later)) == (State.OPEN, [])


def test_what_costs_nothing_is_delivered_and_not_invoiced(world: World) -> None:
    """Goods that the marketplace sends again, free of charge."""
    counter = Counter(world)
    order = draft(line("1", world.product(), 1, 0), replaces="302-1")
    world.load(order)
    world.ship(order)
    assert (counter.bill(order).state, counter.invoices(order)) == (State.FREE, [])


def test_a_draft_is_left_to_a_person(world: World) -> None:
    counter = Counter(world, invoices="draft", journals={"other": "Bank"})
    order = counter.sell()
    assert (counter.bill(order).state, counter.bill(order).created) == (State.DRAFT, 0)
    [invoice] = counter.invoices(order)
    assert (invoice["state"], invoice["invoice_date"]) == ("draft", False)
    world.call("account.move", "action_post", ids=[invoice["id"]])
    counter.rules["journals"] = {"other": counter.journal()}
    assert counter.bill(order).state is State.PAID


def test_each_method_of_payment_has_its_journal(world: World) -> None:
    """What the channel collects as tax and remits itself is no payment of ours."""
    counter = Counter(world)
    card, voucher = counter.journal(), counter.journal("cash")
    counter.rules["journals"] = {"gift_card": voucher, "other": card}
    order = counter.sell()
    outcome = counter.bill(order, Payment(method="gift_card", amount=2000), Payment(method="shopify_payments",
                           amount=5487))  # fmt: skip
    assert (outcome.state, outcome.registered, outcome.paid) == (State.PAID, 2, 7487)
    gift, rest = counter.payments(order)
    assert [(row["amount"], counter.journal_of(row), row["date"]) for row in (gift, rest)] == [
        (20.0, voucher, "2026-11-28"), (54.87, card, "2026-11-28"),
    ]  # fmt: skip
    assert {row["payment_reference"] for row in (gift, rest)} == {order.order_id}
    [invoice] = counter.invoices(order)
    assert (invoice["amount_residual"], invoice["payment_state"]) == (0.0, "paid")

    taxed = counter.sell()
    outcome = counter.bill(taxed, Payment(method="card", amount=8487), collected=1000)
    assert (outcome.paid, [row["amount"] for row in counter.payments(taxed)]) == (7487, [74.87])


def test_no_more_is_paid_than_was_taken(world: World) -> None:
    counter = Counter(world)
    counter.rules["journals"] = {"other": counter.journal()}
    order = counter.sell()
    outcome = counter.bill(order, Payment(method="gift_card", amount=2000))
    assert (outcome.state, outcome.paid) == (State.INVOICED, 2000)
    assert counter.bill(order, Payment(method="gift_card", amount=2000)).registered == 0
    outcome = counter.bill(order, Payment(method="gift_card", amount=2000), Payment(method="card", amount=5487))
    assert (outcome.state, [row["amount"] for row in counter.payments(order)]) == (State.PAID, [20.0, 54.87])


def test_what_a_person_paid_is_not_paid_again(world: World) -> None:
    counter = Counter(world, journals={"other": "Nowhere"})
    order = counter.sell()
    counter.merchant.pay(*counter.merchant.invoice(order))
    outcome = counter.bill(order)
    assert (outcome.state, outcome.registered, outcome.created) == (State.PAID, 0, 0)


def test_an_invoice_of_a_person_is_paid_and_not_doubled(world: World) -> None:
    counter = Counter(world, trigger="merchant")
    counter.rules["journals"] = {"other": counter.journal()}
    order = counter.sell()
    assert (counter.bill(order).state, counter.invoices(order)) == (State.OPEN, [])
    counter.merchant.invoice(order)
    assert (counter.bill(order).state, len(counter.invoices(order))) == (State.PAID, 1)


def test_a_draft_of_somebody_else_is_not_posted(world: World) -> None:
    if world.client is world._own:
        pytest.skip("needs two users: ODOO_AS=lean")
    counter = Counter(world)
    order = counter.sell()
    counter.merchant.invoice(order, post=False)
    assert (counter.bill(order).state, counter.invoices(order)[0]["state"]) == (State.DRAFT, "draft")


@pytest.mark.parametrize("how", ["cancelled", "deleted", "credited"])
def test_what_a_person_took_back_is_not_invoiced_again(world: World, how: str) -> None:
    counter = Counter(world, invoices="posted" if how == "credited" else "draft")
    order = counter.sell("order")
    outcome = counter.bill(order)
    [invoice] = counter.invoices(order)
    if how == "cancelled":
        world.call("account.move", "button_cancel", ids=[invoice["id"]])
    elif how == "deleted":
        world.call("account.move", "unlink", ids=[invoice["id"]])
    else:
        lines = world.call("account.move.line", "search_read", fields=["name", "sale_line_ids", "price_unit"],
                           domain=[["move_id", "=", invoice["id"]], ["display_type", "=", "product"]])  # fmt: skip
        parts = [[0, 0, {"name": row["name"], "price_unit": row["price_unit"], "quantity": 1,
                         "sale_line_ids": [[6, 0, row["sale_line_ids"]]]}] for row in lines]  # fmt: skip
        world.create("account.move", move_type="out_refund", partner_id=invoice["partner_id"], invoice_line_ids=parts)
    counter.rules["invoices"] = "posted"
    again = counter.bill(order, made=frozenset(made for made, _, _ in outcome.invoices))
    assert (again.state, again.created, again.posted) == (State.LEFT, 0, 0)


def test_an_order_with_an_open_problem_waits(world: World) -> None:
    counter = Counter(world)
    order = counter.sell()
    assert counter.bill(order, problem="edited_after_shipping").state is State.HELD
    assert counter.invoices(order) == []


def test_money_that_differs_is_refused(world: World) -> None:
    counter = Counter(world)
    order = counter.sell()
    claim = Claim(order_id=order.order_id, currency="EUR", total=order.total + 1)
    [outcome] = counter.bill_claims({order.order_id: world.order(order)["id"]}, claim)
    assert (outcome.state, outcome.reason and outcome.reason.code) == (State.REFUSED, "sale_differs")
    assert counter.invoices(order) == []


@pytest.mark.parametrize(("journals", "code"), [({"paypal": "Bank"}, "unmapped_payment_method"),
                                                ({"other": "Nowhere"}, "unknown_journal")])  # fmt: skip
def test_money_without_a_journal_waits_and_the_invoice_stands(
    world: World, journals: dict[str, str], code: str
) -> None:
    counter = Counter(world, journals=journals)
    order = counter.sell()
    outcome = counter.bill(order, Payment(method="klarna", amount=order.total))
    assert (outcome.state, outcome.reason and outcome.reason.code) == (State.REFUSED, code)
    assert ([row["state"] for row in counter.invoices(order)], counter.payments(order)) == (["posted"], [])
    counter.rules["journals"] = {"other": counter.journal()}
    assert counter.bill(order, Payment(method="klarna", amount=order.total)).state is State.PAID


LOST = [
    ("sale.advance.payment.inv", "create"), ("sale.advance.payment.inv", "create_invoices"),
    ("account.move", "web_save_multi"), ("account.move", "action_post"), ("account.payment", "load"),
    ("account.payment", "action_post"), ("account.move", "js_assign_outstanding_line"),
]  # fmt: skip


@pytest.mark.parametrize("lost", LOST, ids=lambda call: f"{call[0]}.{call[1]}")
def test_a_lost_answer_doubles_nothing(world: World, lost: tuple[str, str]) -> None:
    counter = Counter(world)
    counter.rules["journals"] = {"gift_card": counter.journal(), "other": counter.journal()}
    order = counter.sell()
    world.transport.lose[lost] = 1
    paid = (Payment(method="gift_card", amount=2000), Payment(method="card", amount=5487))
    assert counter.bill(order, *paid).state is State.PAID
    assert [row["amount_total"] for row in counter.invoices(order)] == [74.87]
    assert [row["amount"] for row in counter.payments(order)] == [20.0, 54.87]


PLACES = ["invoices_made", "invoices_dated", "invoices_posted", "payments_loaded", "after_payment_post"]


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_dies_is_gone_on_with(world: World, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(world)
    counter.rules["journals"] = {"gift_card": counter.journal(), "other": counter.journal()}
    order = counter.sell()
    paid = (Payment(method="gift_card", amount=2000), Payment(method="card", amount=5487))

    def die(name: str) -> None:
        if name == place:
            raise KeyboardInterrupt(name)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match=place):
        patch.setattr(batch, "failpoint", die)
        patch.setattr(payments, "failpoint", die)
        counter.bill(order, *paid)
    assert counter.bill(order, *paid).state is State.PAID
    assert [row["amount_total"] for row in counter.invoices(order)] == [74.87]
    assert [row["amount"] for row in counter.payments(order)] == [20.0, 54.87]


def test_a_draft_payment_that_was_loaded_twice_is_made_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odoo would post it without a journal entry, and the invoice would stay open for ever."""
    counter = Counter(world)
    counter.rules["journals"] = {"other": counter.journal()}
    order = counter.sell()
    with monkeypatch.context() as patch:
        patch.setattr(batch, "finish_payments", lambda client, names: {})
        counter.bill(order)
    [payment] = counter.payments(order)
    world.call("account.payment", "write", ids=[payment["id"]], vals={"journal_id": payment["journal_id"]})
    assert counter.bill(order).state is State.PAID
    assert [row["amount"] for row in counter.payments(order)] == [74.87]


def test_two_runs_at_once_make_one_invoice_and_one_payment(world: World, connected: Callable[..., Client]) -> None:
    counter, other = Counter(world), connected()
    counter.rules["journals"] = {"other": counter.journal()}
    order = counter.sell()
    for call in (("sale.advance.payment.inv", "create_invoices"), ("account.payment", "load")):
        world.transport.before[call] = lambda: counter.bill(order, client=other)  # type: ignore[assignment]
    assert counter.bill(order).state is State.PAID
    assert ([row["amount_total"] for row in counter.invoices(order)], [row["amount"] for row in counter.payments(order)]
            ) == ([74.87], [74.87])  # fmt: skip


def test_one_refused_order_holds_up_no_other(world: World) -> None:
    counter = Counter(world)
    good, bad = counter.sell(), counter.sell()
    sales = {order.order_id: world.order(order)["id"] for order in (good, bad)}
    wrong = Claim(order_id=bad.order_id, currency="EUR", total=1)
    outcomes = counter.bill_claims(sales, wrong, counter.claim(good))
    assert {row.order_id: row.state for row in outcomes} == {
        good.order_id: State.INVOICED, bad.order_id: State.REFUSED,
    }  # fmt: skip


def test_odoo_out_of_reach_is_told_and_gone_on_with(world: World) -> None:
    counter = Counter(world)
    order = counter.sell()
    world.transport.lose["account.move", "action_post"] = 99
    outcome = counter.bill(order)
    assert outcome.state is State.INVOICED  # the answer is lost, the invoice is posted: nothing is left to do
    world.transport.lose["sale.advance.payment.inv", "create"] = 99
    with pytest.raises(TransientError):
        counter.bill(counter.sell())
