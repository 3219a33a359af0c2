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
from commerce_pipelines.domain.invoicing.due_documents import decide, plan_payments
from commerce_pipelines.domain.invoicing.rules import InvoicingRules
from commerce_pipelines.domain.invoicing.sold import Billing, Claim, Invoice, Sold, SoldLine, State
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
