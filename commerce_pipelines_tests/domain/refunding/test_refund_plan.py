"""A person's credit note is paid back to the minor unit, once, and never beyond what was paid."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.domain.orders.order import LineKind, Order, OrderLine, OrderStatus
from commerce_pipelines.domain.outbox.effects import Status
from commerce_pipelines.domain.refunding.buyer_refunds import BuyerRefund, PaidLine
from commerce_pipelines.domain.refunding.refund_plan import (
    Case,
    Decision,
    Postponed,
    Recorded,
    ReportedRefund,
    UnderWay,
    decide,
)
from commerce_pipelines.domain.refunding.rules import RefundingRules
from commerce_pipelines.domain.returns.records import RefundKind, RefundState
from commerce_pipelines.domain.returns.sale_books import Move, MoveLine, SaleBooks, SaleLine
from commerce_pipelines.domain.sales.draft import line_xid

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOTE = 7
MUGS = OrderLine(line_id="1", kind=LineKind.PRODUCT, title="Mug", quantity=3, amount=3000)
OFF = OrderLine(line_id="1-d", kind=LineKind.DISCOUNT, title="Off", quantity=1, amount=-300, of="1")
POST = OrderLine(line_id="s", kind=LineKind.SHIPPING, title="Post", quantity=1, amount=490)


def order(*lines: OrderLine, **more: Any) -> Order:
    lines = lines or (MUGS, OFF, POST)
    return Order(**{
        "channel": "shop", "order_id": "A", "number": "#A", "placed_at": NOW, "updated_at": NOW,
        "status": OrderStatus.PAID, "currency": "EUR", "total": sum(line.amount for line in lines),
        "prices_include_tax": True, "lines": lines, **more,
    })  # fmt: skip


def part(total: int, of: int = 0, units: int = 1, **more: Any) -> MoveLine:
    """A credit note's line about the sale order's line `of`."""
    return MoveLine(**{
        "line_id": 1, "xid": "", "sale_lines": frozenset([of] if of else []), "quantity": Decimal(units),
        "total": total, "taxes": (1,), "account_id": 1, "analytic": "{}", **more,
    })  # fmt: skip


def note(*parts: MoveLine, **more: Any) -> Move:
    return Move(**{
        "move_id": NOTE, "xid": "", "name": "RINV/7", "is_credit": True, "state": "posted", "payment_state": "",
        "total": sum(line.total for line in parts), "tax": 0, "residual": 0, "currency": "EUR", "currency_id": 1,
        "partner_id": 1, "journal_id": 1, "position_id": 0, "dated": date(2026, 11, 20), "booked": None,
        "reversed_id": 0, "lines": parts, **more,
    })  # fmt: skip


def case(move: Move, sold: Order | None = None, **more: Any) -> Case:
    """The order's lines are the sale order's lines 1, 2, 3 …, each of a product of the same number."""
    sold = sold or order()
    lines = tuple(
        SaleLine(
            line_id=place, xid=line_xid("shop", "A", line.line_id), name=line.title, product_id=place, sku="",
            unit_id=1, by_delivery=False, is_goods=line.kind is LineKind.PRODUCT, is_shipping=False, ordered=Decimal(1),
            delivered=Decimal(1), billed=Decimal(1), taxes=(1,),
        )
        for place, line in enumerate(sold.lines, 1)
    )  # fmt: skip
    books = SaleBooks(label="shop", order_id="A", sale_id=1, name="S1", state="sale", company_id=1, lines=lines,
                      moves=(move,), taxes={})  # fmt: skip
    return Case(**{"move_id": NOTE, "since": date(2026, 11, 1), "books": books, "order": sold, **more})


def code(decision: Decision) -> str:
    return decision.code if isinstance(decision, Reason) else type(decision).__name__


def lines_of(decision: Decision) -> tuple[PaidLine, ...]:
    assert isinstance(decision, BuyerRefund), decision
    assert sum(line.amount for line in decision.lines) == decision.total
    return decision.lines


def recorded(status: Status, total: int = 900, **more: Any) -> dict[int, Recorded]:
    refund = BuyerRefund(order_id="A", currency="EUR", total=total, lines=())
    return {NOTE: Recorded(**{"key": "7", "refund": refund, "status": status, "attempt": 1, **more})}


def reported(total: int | None = 100, state: RefundState = RefundState.DONE, **more: Any) -> ReportedRefund:
    return ReportedRefund(**{"refund_id": "R", "state": state, "total": total, **more})


def test_units_are_told_where_their_money_is_what_was_charged() -> None:
    (goods,) = lines_of(decide(case(note(part(2000, 1, 2), part(-200, 2)))))
    assert goods == PaidLine(kind=RefundKind.GOODS, amount=1800, order_line_id="1", quantity=2)


@pytest.mark.parametrize(("move", "kinds"), [
    (note(part(2000, 1, 2)), [("price", "1", 0)]),  # the discount is not credited with the units
    (note(part(500, 1, 1)), [("price", "1", 0)]),
    (note(part(490, 3)), [("shipping", "s", 0)]),
    (note(part(300)), [("goodwill", "", 0)]),
    (note(part(500, 0, 1, product_id=1)), [("price", "1", 0)]),  # no link, but the order's product
    (note(part(900, 1, 1), total=901), [("goods", "1", 1), ("goodwill", "", 0)]),  # what Odoo's rounding adds
])  # fmt: skip
def test_money_finds_its_line(move: Move, kinds: list[tuple[str, str, int]]) -> None:
    assert [(line.kind.value, line.order_line_id, line.quantity) for line in lines_of(decide(case(move)))] == kinds


def test_a_pack_counts_as_what_was_sold() -> None:
    (goods,) = lines_of(decide(case(note(part(1000, 1, 6)), order(MUGS), packs={"1": 6})))
    assert (goods.kind, goods.quantity) == (RefundKind.GOODS, 1)


@pytest.mark.parametrize(("move", "why"), [
    (note(part(500, 9)), "unmapped_credit_line"),
    (note(part(500, 0, 1, product_id=9)), "unmapped_credit_line"),
    (note(part(500, 1), part(500, 99)), "credit_of_several_orders"),
    (note(part(500), currency="USD"), "wrong_currency"),
    (note(part(3191)), "exceeds_payment"),
    (note(part(500), state="cancel"), "Nothing"),
    (note(part(500), state="draft"), "Nothing"),
    (note(part(500), dated=date(2026, 10, 31)), "Nothing"),
    (note(part(500), xid="shop_refund_R"), "Nothing"),
    (note(part(0)), "Nothing"),
])  # fmt: skip
def test_what_is_not_paid_back_says_why(move: Move, why: str) -> None:
    # Line 9 is one of the sale order that a person added, 99 one of another order.
    books = case(move).books
    added = msgspec.structs.replace(books.lines[0], line_id=9, xid="", product_id=8)
    whole = case(move, books=msgspec.structs.replace(books, lines=(*books.lines, added)))
    assert code(decide(whole)) == why


@pytest.mark.parametrize(("refund", "why"), [
    (reported(credit_note=NOTE), "Nothing"),  # the returns lane recognised it
    (reported(is_settled=False), "refund_unsettled"),
    (reported(2300), "exceeds_payment"),
    (reported(2300, RefundState.PENDING), "exceeds_payment"),
    (reported(2300, RefundState.FAILED), "BuyerRefund"),
    (reported(2290), "BuyerRefund"),
])  # fmt: skip
def test_what_the_channel_reports_decides_too(refund: ReportedRefund, why: str) -> None:
    assert code(decide(case(note(part(900)), refunds=(refund,)))) == why


def test_a_hold_names_the_refund_that_the_credit_note_seems_to_belong_to() -> None:
    unread = [reported(total, refund_id=name, currency="EUR", is_settled=False) for name, total in
              (("R1", 100), ("R2", 900), ("R3", None))]  # fmt: skip
    decision = decide(case(note(part(900)), refunds=tuple(unread)))
    assert isinstance(decision, Reason)
    assert (decision.code, decision.subject) == ("refund_unsettled", "R2")
    assert "R2 over 9.00 EUR" in decision.message
    assert code(decide(case(note(part(900)), refunds=(unread[2],)))) == "refund_unsettled"


def test_what_the_channel_may_still_report_is_waited_for() -> None:
    assert decide(case(note(part(900)), not_before=NOW)) == Postponed(NOW)
    assert code(decide(case(note(part(500), currency="USD"), not_before=NOW))) == "wrong_currency"
    assert isinstance(decide(case(note(part(900)), not_before=NOW, recorded=recorded(Status.UNKNOWN))), UnderWay)


def test_what_was_begun_for_other_credit_notes_counts_once() -> None:
    other = recorded(Status.ACCEPTED, 2000, reference="R")
    others = {8: other[NOTE]}
    assert code(decide(case(note(part(1190)), recorded=others))) == "BuyerRefund"
    assert code(decide(case(note(part(1191)), recorded=others))) == "exceeds_payment"
    seen = (reported(2000, refund_id="R", credit_note=8),)
    assert code(decide(case(note(part(1190)), recorded=others, refunds=seen))) == "BuyerRefund"


@pytest.mark.parametrize("status", [Status.SENT, Status.UNKNOWN, Status.PENDING, Status.ACCEPTED, Status.HELD])
def test_what_was_begun_is_never_planned_again(status: Status) -> None:
    decision = decide(case(note(part(900)), recorded=recorded(status)))
    assert isinstance(decision, UnderWay)


@pytest.mark.parametrize(("move", "refunds", "why"), [
    (note(part(901)), (), "credit_changed"),
    (note(part(900), state="cancel"), (), "UnderWay"),
    (note(part(900)), (reported(900, refund_id="P"),), "Nothing"),
    (note(part(900)), (reported(900, RefundState.PENDING, refund_id="P"),), "UnderWay"),
    (note(part(900)), (reported(900, RefundState.FAILED, refund_id="P"),), "refund_failed"),
])  # fmt: skip
def test_what_was_paid_back_is_followed(move: Move, refunds: tuple[ReportedRefund, ...], why: str) -> None:
    begun = recorded(Status.ACCEPTED, reference="P")
    assert code(decide(case(move, recorded=begun, refunds=refunds))) == why


def test_a_refused_refund_may_be_planned_again() -> None:
    assert code(decide(case(note(part(900)), recorded=recorded(Status.REFUSED)))) == "BuyerRefund"


@given(
    st.lists(st.tuples(st.integers(-5000, 5000), st.sampled_from([0, 1, 2, 3]), st.integers(1, 4)), min_size=1),
    st.integers(-3, 3),
    st.integers(0, 4000),
)
def test_the_lines_add_up_and_never_exceed_what_is_left(
    parts: list[tuple[int, int, int]], rounding: int, before: int
) -> None:
    lines = [part(total, of, units) for total, of, units in parts]
    move = note(*lines, total=sum(line.total for line in lines) + rounding)
    decision = decide(case(move, refunds=(reported(before),)))
    if isinstance(decision, BuyerRefund):
        assert sum(line.amount for line in decision.lines) == decision.total == move.total
        assert 0 < decision.total <= order().total - before
    else:
        assert code(decision) in ("exceeds_payment", "Nothing")


def test_the_section_needs_a_first_day_and_the_refunds_that_come_in() -> None:
    assert dict(RefundingRules().problems(False)) == {}
    problems = dict(RefundingRules(enabled=True, overdue_days=0).problems(False))
    assert problems.keys() == {"since", "enabled", "overdue_days"}
    assert dict(RefundingRules(enabled=True, since=date(2026, 1, 1)).problems(True)) == {}
