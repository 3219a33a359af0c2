"""What is due of an order's invoice and payments: nothing twice, no part for the whole, no cent too many."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.invoicing.due_documents import decide, plan_payments, plan_set_off
from commerce_pipelines.domain.invoicing.rules import InvoicingRules
from commerce_pipelines.domain.invoicing.sold import Billing, Claim, Exchange, Invoice, Sold, SoldLine, State
from commerce_pipelines.domain.orders.order import Payment

SINCE = date(2026, 11, 1)


def line(ordered: int = 1, delivered: int = 1, billed: int = 0, billable: int = 1, is_goods: bool = True) -> SoldLine:
    return SoldLine(
        is_goods=is_goods, ordered=Decimal(ordered), delivered=Decimal(delivered), billed=Decimal(billed),
        billable=Decimal(billable),
    )  # fmt: skip


def invoice(**more: Any) -> Invoice:
    return Invoice(**{
        "odoo_id": 7, "name": "INV/7", "is_credit": False, "state": "posted", "payment_state": "not_paid",
        "total": 1000, "residual": 1000, "currency": "EUR", "currency_id": 1, "partner_id": 1, "by_us": True,
        "dated": None, "booked": None, **more,
    })  # fmt: skip


def sold(*moves: Invoice, **more: Any) -> Sold:
    return Sold(**{
        "order_id": "A1", "sale_id": 1, "name": "S1", "state": "sale", "company_id": 1, "currency": "EUR",
        "total": 1000, "lines": (line(),), "moves": moves, **more,
    })  # fmt: skip


def claim(*payments: Payment, **more: Any) -> Claim:
    return Claim(**{"order_id": "A1", "currency": "EUR", "total": 1000, "payments": payments, **more})


def rules(trigger: Any = "delivery", **more: Any) -> InvoicingRules:
    return InvoicingRules(trigger=trigger, since=SINCE, **more)


BILLED = (line(billed=1, billable=0),)


@pytest.mark.parametrize(
    ("order", "state", "create"),
    [
        (sold(), State.INVOICED, True),
        (sold(lines=(line(delivered=0, billable=0),)), State.OPEN, False),
        (sold(lines=(line(ordered=2, delivered=1, billable=1),)), State.OPEN, False),  # a part has left
        (sold(lines=(line(), line(delivered=0, is_goods=False))), State.INVOICED, True),
        (sold(lines=(line(), line(billable=0, is_goods=False))), State.OPEN, False),
        (sold(state="cancel"), State.OPEN, False),
        (sold(invoice(state="cancel")), State.LEFT, False),
        (sold(invoice(is_credit=True)), State.LEFT, False),
        (sold(invoice(by_us=False, state="draft"), lines=BILLED), State.DRAFT, False),
        (sold(invoice(), lines=BILLED), State.INVOICED, False),
        (sold(invoice(residual=0), lines=BILLED), State.PAID, False),
        # A person has invoiced one of two units: the other one is invoiced once it has left as well.
        (sold(invoice(total=500), lines=(line(2, 2, billed=1, billable=1),)), State.INVOICED, True),
    ],
)
def test_what_is_due(order: Sold, state: State, create: bool) -> None:
    decision = decide(order, claim(), rules(), 1)
    assert (decision.state, decision.create) == (state, create)


def test_what_was_made_and_is_gone_is_a_persons_decision() -> None:
    assert decide(sold(), claim(made=frozenset((7,))), rules(), 1).state is State.LEFT


@pytest.mark.parametrize("draft", [False, True])
def test_an_open_problem_stops_invoice_and_posting(draft: bool) -> None:
    order = sold(invoice(state="draft"), lines=BILLED) if draft else sold()
    decision = decide(order, claim(problem="payment_lost"), rules(), 1)
    assert (decision.state, decision.create, decision.post) == (State.HELD, False, ())


@pytest.mark.parametrize(
    ("order", "channels_claim", "code"),
    [
        (sold(total=999), claim(), "sale_differs"),
        (sold(currency="CHF"), claim(), "wrong_currency"),
        (sold(company_id=2), claim(), "other_company"),
        (sold(invoice(state="draft", total=999), lines=BILLED), claim(), "invoice_differs"),
    ],
)
def test_what_differs_is_refused(order: Sold, channels_claim: Claim, code: str) -> None:
    with pytest.raises(RecordError) as error:
        decide(order, channels_claim, rules(), 1)
    assert error.value.code == code


def test_the_merchant_invoices_by_default() -> None:
    assert not InvoicingRules().enabled
    decision = decide(sold(), claim(), rules("merchant", journals={"other": "Bank"}), 1)
    assert (decision.state, decision.create) == (State.OPEN, False)


def plan(order: Sold, channels_claim: Claim, there: tuple[str, ...] = (), **journals: str) -> list[tuple[str, int]]:
    billing = Billing(
        label="shop", zone=ZoneInfo("Europe/Berlin"), today=SINCE, rules=rules(journals=journals or {"other": "Bank"})
    )
    return [(share.journal, share.amount) for share in plan_payments(order, channels_claim, billing, there)]


def test_a_method_is_known_whatever_its_case() -> None:
    paid = claim(Payment(method="PayPal", amount=400), Payment(method="card", amount=600))
    assert plan(sold(invoice()), paid, PAYPAL="P", other="B") == [("P", 400), ("B", 600)]


amounts = st.integers(min_value=-100, max_value=5000)


@given(
    st.lists(st.tuples(st.sampled_from(["card", "gift_card", ""]), amounts), max_size=4),
    st.integers(min_value=0, max_value=500),
    st.lists(st.tuples(st.integers(min_value=0, max_value=2000), st.integers(min_value=0, max_value=2000)),
             min_size=1, max_size=3),
)  # fmt: skip
def test_payments_are_never_more_than_open_or_taken(
    paid: list[tuple[str, int]], collected: int, parts: list[tuple[int, int]]
) -> None:
    moves = [
        invoice(odoo_id=number, total=total, residual=min(total, residual))
        for number, (total, residual) in enumerate(parts, 1)
    ]
    total = sum(move.total for move in moves)
    channels_claim = claim(
        *(Payment(method=method, amount=amount) for method, amount in paid), total=total, collected=collected
    )
    shares = plan(sold(*moves, lines=BILLED), channels_claim)
    assert all(amount > 0 for _, amount in shares)
    assert sum(amount for _, amount in shares) <= sum(move.residual for move in moves)
    settled = sum(move.total - move.residual for move in moves)
    assert not shares or settled + sum(amount for _, amount in shares) <= channels_claim.taken
    if not paid:
        assert sum(amount for _, amount in shares) == sum(move.residual for move in moves)


def exchanged(paid: int, price: int, noted: int) -> Sold:
    """10.00 came back, and something for `price` went out: paid and noted minor units of its invoice are settled. What
    the credit note pays back is paid back."""
    old, new = invoice(odoo_id=1, residual=0), invoice(odoo_id=2, total=price, residual=price - paid - noted)
    credit = invoice(odoo_id=9, is_credit=True, residual=min(price, 1000) - noted)
    lines = (line(delivered=0, billed=0, billable=0), line(billed=1, billable=0))
    return sold(
        old, new, credit, total=1000 + price, lines=lines,
        exchange=Exchange(is_leaving=False, notes={9: credit.residual}),
    )  # fmt: skip


@given(
    price=st.integers(1, 3000), paid=st.integers(0, 3000), noted=st.integers(0, 1000), captured=st.integers(0, 3000)
)  # fmt: skip
def test_an_exchange_is_paid_by_its_credit_note_and_what_the_buyer_added(
    price: int, paid: int, noted: int, captured: int
) -> None:
    """Whichever of both came first, and whatever was captured so far."""
    set_off, more = min(price, 1000), max(0, price - 1000)
    paid, noted, captured = min(paid, more), min(noted, set_off), min(captured, more)
    paid = min(paid, captured)
    order = exchanged(paid, price, noted)
    owed = claim(
        Payment(method="card", amount=1000), Payment(method="card", amount=captured), total=1000 + price,
        set_off={9: set_off},
    )  # fmt: skip
    assert sum(amount for _, amount in plan(order, owed)) == captured - paid
    assert plan_set_off(order, owed) == ([(9, set_off - noted)] if set_off > noted and order.posted[1].residual else [])


@pytest.mark.parametrize("trigger", ["delivery", "order"])
def test_what_is_sold_in_exchange_is_invoiced_once_it_has_left_and_nothing_else_is(trigger: Any) -> None:
    owed = claim(Payment(method="card", amount=1000), total=3000, set_off={9: 1000})
    waits = line(delivered=0, billable=0)

    def decided(lines: tuple[SoldLine, ...], leaving: bool) -> tuple[State, bool]:
        order = sold(
            invoice(odoo_id=1, residual=0), invoice(odoo_id=9, is_credit=True), total=3000, lines=lines,
            exchange=Exchange(is_leaving=leaving, notes={9: 1000}),
        )  # fmt: skip
        decision = decide(order, owed, rules(trigger), 1)
        return decision.state, decision.create

    back = line(delivered=0, billed=0, billable=0)
    assert decided((back, waits), True) == (State.OPEN, False)
    assert decided((back, line()), False) == (State.INVOICED, True)
    # What came back and is not credited yet would be on the invoice, too.
    assert decided((line(delivered=0, billed=1, billable=-1), line()), False) == (State.OPEN, False)
    assert decided((back, line(billed=1, billable=0)), False) == (State.PAID, False)


def test_a_credit_note_of_somebody_else_leaves_the_rest_to_a_person() -> None:
    order = sold(invoice(odoo_id=8, is_credit=True, by_us=False), total=3000)
    assert decide(order, claim(total=3000, set_off={9: 1000}), rules(), 1).state is State.LEFT


def test_what_costs_nothing_is_not_invoiced() -> None:
    assert decide(sold(total=0), claim(total=0), rules(), 1).state is State.FREE
