"""Credit notes to the cent and per tax, once, never above what was invoiced, and never billed again afterwards."""

from __future__ import annotations

import msgspec
import pytest

from commerce_pipelines.domain.orders.order import LineKind
from commerce_pipelines.domain.returns.outcomes import CreditAction, CreditOutcome
from commerce_pipelines.domain.returns.records import RefundKind, RefundState
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines_tests.doubles.odoo import DE7, DE19, World, draft, line, service
from commerce_pipelines_tests.doubles.refunds import Merchant, goods, money, refund

POLICIES = pytest.mark.parametrize("policy", ["order", "delivery"])


@pytest.fixture
def merchant(world: World) -> Merchant:
    return Merchant(world)


def sell(merchant: Merchant, policy: str = "order", invoiced: bool = True) -> SaleDraft:
    """G01: three mugs at 19.99 less 5.00, and shipping of 4.90."""
    mug = merchant.world.product(invoice_policy=policy)
    order = draft(
        line("1", mug, 3, 5997),
        line("off", (0, ""), 1, -500, DE19, LineKind.DISCOUNT),
        service(LineKind.SHIPPING, 490),
    )
    merchant.world.load(order)
    merchant.world.ship(order)
    if invoiced:
        merchant.invoice(order)
    return order


@POLICIES
def test_one_of_three_discounted_units(merchant: Merchant, policy: str) -> None:
    """G65."""
    order = sell(merchant, policy)
    [outcome] = merchant.credit(refund(order, goods(1832)))
    assert (outcome.action, outcome.amount_total, outcome.amount_tax, outcome.state) == (
        CreditAction.CREATED, 1832, 293, "posted",
    )  # fmt: skip
    [note] = merchant.moves(order)
    [invoice] = merchant.moves(order, "out_invoice")
    assert (note["amount_total"], note["amount_tax"], note["reversed_entry_id"]) == (18.32, 2.93, invoice["id"])
    assert (note["invoice_date"], note["ref"], note["journal_id"]) == (
        invoice["invoice_date"], outcome.refund_id, invoice["journal_id"],
    )  # fmt: skip
    assert (invoice["amount_residual"], merchant.status(order)[0]) == (41.55, "invoiced")


@POLICIES
@pytest.mark.parametrize("first", ["goods", "money"])
def test_goods_that_came_back_are_never_billed_again(merchant: Merchant, policy: str, first: str) -> None:
    """Whichever comes first, the goods or their money; a repeat changes nothing more."""
    order = sell(merchant, policy)
    refunded = refund(order, goods(1832))
    if first == "goods":
        merchant.take_back(order, 1)
    merchant.credit(refunded)
    if first == "money":
        assert merchant.status(order)[0] == "invoiced"
        merchant.take_back(order, 1)
        [outcome] = merchant.credit(refunded)
        assert outcome.action is CreditAction.UNCHANGED
    status, [mugs, *_] = merchant.status(order)
    assert (status, mugs) == ("invoiced", (2, 2 if policy == "delivery" else 3, 0))
    merchant.world.transport.calls.clear()
    merchant.credit(refunded)
    assert merchant.world.transport.writes() == []
    assert [note["amount_total"] for note in merchant.moves(order)] == [18.32]


@pytest.mark.parametrize("by", ["units", "money"])
def test_units_that_were_taken_off_an_invoiced_order_are_credited_once(merchant: Merchant, by: str) -> None:
    """Whether the refund names them or not: Odoo would credit the difference once more, as it counts them as billed."""
    order = draft(line("1", merchant.world.product(invoice_policy="order"), 3, 5997), service(LineKind.SHIPPING, 490))
    merchant.world.load(order)
    merchant.invoice(order)
    domain = [["order_id", "=", merchant.world.order(order)["id"]], ["product_uom_qty", "=", 3]]
    lines = merchant.world.call("sale.order.line", "search", domain=domain)
    merchant.world.call("sale.order.line", "write", ids=lines, vals={"product_uom_qty": 2})
    assert merchant.status(order)[1][0] == (0, 3, -1)
    back = refund(order, goods(1999, is_returned=False) if by == "units" else money(RefundKind.GOODWILL, 1999))
    for action in (CreditAction.CREATED, CreditAction.UNCHANGED):
        [outcome] = merchant.credit(back)
        assert (outcome.action, outcome.amount_total, outcome.state) == (action, 1999, "posted")
        status, [mugs, *_] = merchant.status(order)
        assert (status, mugs) == ("invoiced", (0, 2, 0))
    assert len(merchant.moves(order)) == 1


def test_shipping_alone(merchant: Merchant) -> None:
    """G67."""
    order = sell(merchant)
    [outcome] = merchant.credit(refund(order, money(RefundKind.SHIPPING, 490)))
    assert (outcome.amount_total, outcome.amount_tax) == (490, 78)
    assert merchant.status(order)[0] == "invoiced"


@POLICIES
def test_with_and_without_restock(merchant: Merchant, policy: str) -> None:
    """G70: two units are paid back, one of them comes back."""
    order = sell(merchant, policy)
    refunded = refund(order, goods(3665, 2))
    merchant.credit(refunded)
    merchant.take_back(order, 1)
    merchant.credit(refunded)
    assert merchant.status(order)[0] == "invoiced"
    assert [note["amount_total"] for note in merchant.moves(order)] == [36.65]


@POLICIES
def test_the_whole_order(merchant: Merchant, policy: str) -> None:
    order = sell(merchant, policy)
    merchant.take_back(order, 3)
    [outcome] = merchant.credit(refund(order, goods(5497, 3), money(RefundKind.SHIPPING, 490)))
    assert (outcome.amount_total, outcome.amount_tax, outcome.payment_state) == (5987, 956, "paid")
    assert merchant.status(order)[0] == ("invoiced" if policy == "order" else "no")


def code_of(outcome: CreditOutcome) -> str:
    return outcome.reason.code if outcome.reason else ""


def mixed(merchant: Merchant) -> SaleDraft:
    """G02: 19 % and 7 % in one order."""
    mug, book = merchant.world.product(), merchant.world.product()
    order = draft(
        line("1", mug, 2, 5990), line("2", book, 1, 1200, DE7),
        line("off1", (0, ""), 1, -599, DE19, LineKind.DISCOUNT), line("off2", (0, ""), 1, -120, DE7, LineKind.DISCOUNT),
        service(LineKind.SHIPPING, 495),
    )  # fmt: skip
    merchant.world.load(order)
    merchant.world.ship(order)
    merchant.invoice(order)
    return order


def test_goodwill_is_divided_by_tax(merchant: Merchant) -> None:
    order = mixed(merchant)  # 58.86 at 19 %, 10.80 at 7 %
    [outcome] = merchant.credit(refund(order, money(RefundKind.GOODWILL, 1000)))
    assert (outcome.amount_total, outcome.amount_tax) == (1000, 135 + 10)
    assert merchant.tax_by_rate(outcome.odoo_id) == {19.0: 1.35, 7.0: 0.10}


def test_a_restocking_fee_has_the_tax_of_what_came_back(merchant: Merchant) -> None:
    order = mixed(merchant)
    fee = money(RefundKind.GOODWILL, -200)
    [outcome] = merchant.credit(refund(order, goods(1080, of="2"), fee))
    assert outcome.amount_total == 880
    assert merchant.tax_by_rate(outcome.odoo_id) == {7.0: 0.58}


def test_a_part_of_a_price(merchant: Merchant) -> None:
    order = mixed(merchant)
    [outcome] = merchant.credit(refund(order, money(RefundKind.PRICE, 333, "2")))
    assert (outcome.amount_total, merchant.tax_by_rate(outcome.odoo_id)) == (333, {7.0: 0.22})
    assert merchant.status(order)[0] == "invoiced"


def test_the_same_refund_again_and_at_once(merchant: Merchant) -> None:
    """G69."""
    order = sell(merchant)
    refunded = refund(order, goods(1832))
    merchant.credit(refunded, refunded)
    [outcome] = merchant.credit(refunded)
    assert outcome.action is CreditAction.UNCHANGED
    assert len(merchant.moves(order)) == 1


def test_many_refunds_cost_the_calls_of_one(merchant: Merchant) -> None:
    orders = [sell(merchant) for _ in range(4)]
    calls = []
    for part in (orders[:1], orders[1:]):
        merchant.world.transport.calls.clear()
        outcomes = merchant.credit(*(refund(order, goods(1832)) for order in part))
        assert {outcome.state for outcome in outcomes} == {"posted"}
        calls.append(list(merchant.world.transport.calls))
    assert calls[0] == calls[1]
    assert len(calls[0]) <= 21
    assert merchant.world.transport.writes() == [("account.move", "load"), ("account.move", "action_post")]


def test_a_refund_before_its_order(merchant: Merchant) -> None:
    """G72."""
    mug = merchant.world.product()
    order = draft(line("1", mug, 1, 1999))
    refunded = refund(order, goods(1999))
    [outcome] = merchant.credit(refunded)
    assert code_of(outcome) == "order_not_in_odoo"
    merchant.world.load(order)
    [outcome] = merchant.credit(refunded)
    assert code_of(outcome) == "not_invoiced"
    merchant.world.ship(order)
    merchant.invoice(order)
    [outcome] = merchant.credit(refunded)
    assert (outcome.action, outcome.amount_total) == (CreditAction.CREATED, 1999)


def test_never_more_than_was_invoiced(merchant: Merchant) -> None:
    order = sell(merchant)
    merchant.credit(refund(order, money(RefundKind.GOODWILL, 5000)), credit_notes="draft")
    [outcome] = merchant.credit(refund(order, money(RefundKind.GOODWILL, 988)))
    assert code_of(outcome) == "exceeds_invoice"
    [outcome] = merchant.credit(refund(order, money(RefundKind.GOODWILL, 987)))
    assert outcome.action is CreditAction.CREATED


def test_a_credit_note_that_odoo_made_is_recognised(merchant: Merchant) -> None:
    """Odoo's own invoicing credits units that came back, at their full price."""
    order = sell(merchant, "delivery")
    merchant.take_back(order, 1)
    [draft_note] = merchant.invoice(order, post=False)
    [outcome] = merchant.credit(refund(order, goods(1832)))
    assert code_of(outcome) == "credited_already"
    assert f"draft {draft_note} " in str(outcome.reason)
    same, other = refund(order, goods(1999)), refund(order, money(RefundKind.SHIPPING, 100))
    first, second = merchant.credit(same, other)
    assert (first.action, first.odoo_id, second.action) == (
        CreditAction.RECOGNISED, draft_note, CreditAction.CREATED,
    )  # fmt: skip
    assert len(merchant.moves(order)) == 2


def test_what_moved_no_money_is_not_booked(merchant: Merchant) -> None:
    order = sell(merchant)
    pending, failed = (refund(order, goods(1832), state=state) for state in (RefundState.PENDING, RefundState.FAILED))
    assert [outcome.action for outcome in merchant.credit(pending, failed)] == [CreditAction.NOT_DONE] * 2
    assert merchant.moves(order) == []


def test_a_cancelled_order_without_invoice_owes_no_credit_note(merchant: Merchant) -> None:
    order = draft(line("1", merchant.world.product(), 1, 1999))
    merchant.world.load(order)
    merchant.world.call("sale.order", "action_cancel", ids=[merchant.world.order(order)["id"]])
    [outcome] = merchant.credit(refund(order, goods(1999)))
    assert outcome.action is CreditAction.NOT_DUE


def test_a_draft_stays_one_where_the_settings_say_so(merchant: Merchant) -> None:
    order = sell(merchant)
    refunded = refund(order, goods(1832))
    [outcome] = merchant.credit(refunded, credit_notes="draft")
    assert (outcome.state, outcome.amount_total) == ("draft", 1832)
    [outcome] = merchant.credit(refunded, credit_notes="draft")
    assert outcome.action is CreditAction.UNCHANGED
    [outcome] = merchant.credit(refunded)
    assert (outcome.action, outcome.state) == (CreditAction.CHANGED, "posted")


def test_a_line_that_the_channel_takes_back_leaves_the_draft(merchant: Merchant) -> None:
    order = sell(merchant)
    refunded = refund(order, goods(1832), money(RefundKind.SHIPPING, 100))
    [outcome] = merchant.credit(refunded, credit_notes="draft")
    assert (outcome.state, outcome.amount_total) == ("draft", 1932)
    fewer = msgspec.structs.replace(refunded, lines=refunded.lines[:1], total=1832)
    [outcome] = merchant.credit(fewer)
    assert (outcome.state, outcome.amount_total, code_of(outcome)) == ("posted", 1832, "")
    assert [note["amount_total"] for note in merchant.moves(order)] == [18.32]


def test_the_money_back_is_registered_once(merchant: Merchant) -> None:
    """A paid invoice leaves nothing to offset, so the credit note stays open until its money is registered."""
    order = sell(merchant)
    merchant.pay(merchant.moves(order, "out_invoice")[0]["id"])
    refunded = refund(order, goods(1832))
    [outcome] = merchant.credit(refunded)
    assert outcome.payment_state == "not_paid"
    [outcome] = merchant.credit(refunded, refund_journal="Nowhere")
    assert code_of(outcome) == "unknown_journal"
    merchant.world.transport.lose["account.payment.register", "action_create_payments"] = 1
    [outcome] = merchant.credit(refunded, refund_journal="Bank")
    assert code_of(outcome) == "", (outcome.reason, outcome.words)
    assert (outcome.action, outcome.payment_state) == (CreditAction.CHANGED, "paid")
    [outcome] = merchant.credit(refunded, refund_journal="Bank")
    assert outcome.action is CreditAction.UNCHANGED
    assert [note["amount_residual"] for note in merchant.moves(order)] == [0]


@pytest.mark.parametrize(
    "call", [("account.move", "load"), ("account.move", "action_post"), ("account.move.line", "write")], ids=".".join
)
@pytest.mark.parametrize("times", [1, 3])
def test_lost_answers(merchant: Merchant, call: tuple[str, str], times: int) -> None:
    order = sell(merchant, "delivery")
    refunds = [refund(order, goods(1832)), refund(order, money(RefundKind.SHIPPING, 490))]
    merchant.credit(refunds[0], credit_notes="draft")
    merchant.take_back(order, 1)
    merchant.world.transport.lose[call] = times
    merchant.credit(*refunds)
    assert merchant.world.transport.lose[call] < times
    assert sorted(note["amount_total"] for note in merchant.moves(order)) == [4.90, 18.32]
    assert {note["state"] for note in merchant.moves(order)} == {"posted"}
    assert merchant.status(order)[0] == "invoiced"
