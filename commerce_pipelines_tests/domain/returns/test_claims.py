"""Claims of the module `rma`: which a return has, and that they only advance."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.returns.claims import (
    Claim,
    ClaimState,
    Standing,
    find_changes,
    find_notes,
    is_called_off,
    plan_claims,
)
from commerce_pipelines.domain.returns.goods import Back, Delivered, Goods
from commerce_pipelines.domain.returns.outcomes import CreditAction, CreditOutcome
from commerce_pipelines.domain.returns.records import (
    Refund,
    RefundKind,
    RefundLine,
    RefundState,
    Return,
    ReturnLine,
    ReturnState,
)
from commerce_pipelines.domain.returns.sale_books import SaleLine

NOW = datetime(2026, 11, 25, tzinfo=UTC)
LINE, OUT, BACK, LATER, NOTE = 5, 11, 21, 22, 90
SOLD = SaleLine(
    line_id=LINE, xid="shop_order_O1_line_1", name="", product_id=3, sku="A", unit_id=1, by_delivery=True,
    is_goods=True, is_shipping=False, ordered=Decimal(9), delivered=Decimal(9), billed=Decimal(9), taxes=(),
)  # fmt: skip


def goods(*backs: Back, kits: Any = None) -> Goods:
    sent = Delivered(move_id=OUT, picking_id=1, sale_line=LINE, product_id=3, unit_id=1, bom_line=0, units=Decimal(9))
    return Goods(label="shop", order_id="O1", name="S1", lines=(SOLD,), delivered=(sent,), backs=backs,
                 kits=kits or {})  # fmt: skip


def back(units: int, is_done: bool, move: int = BACK, ours: bool = True) -> Back:
    return Back(move_id=move, picking_id=2, origin=OUT, product_id=3, sale_line=LINE, bom_line=0, units=Decimal(units),
                is_done=is_done, place=8, ours=ours)  # fmt: skip


def returned(return_id: str = "T1", state: ReturnState = ReturnState.ANNOUNCED) -> Return:
    line = ReturnLine(line_id="a", quantity=1, sku="A")
    return Return(channel="shop", return_id=return_id, order_id="O1", created_at=NOW, updated_at=NOW, state=state,
                  lines=(line,))  # fmt: skip


def refund(refund_id: str, quantity: int, return_id: str = "", kind: RefundKind = RefundKind.GOODS) -> Refund:
    line = RefundLine(line_id="g", kind=kind, amount=100, sku="A", quantity=quantity)
    return Refund(channel="shop", refund_id=refund_id, order_id="O1", created_at=NOW, updated_at=NOW, total=100,
                  state=RefundState.DONE, currency="EUR", lines=(line,), return_id=return_id)  # fmt: skip


def credited(*notes: tuple[str, int]) -> dict[str, CreditOutcome]:
    return {
        name: CreditOutcome(refund_id=name, order_id="O1", action=CreditAction.CREATED, odoo_id=odoo_id)
        for name, odoo_id in notes
    }


def standing(state: str, **more: Any) -> Standing:
    return Standing(**{"claim_id": 1, "name": "n", "state": state, "units": Decimal(3), "reception": 0, "note": 0,
                       **more})  # fmt: skip


@pytest.mark.parametrize(
    ("backs", "notes", "state", "reception"),
    [
        ((back(3, False),), {}, ClaimState.CONFIRMED, 0),
        ((back(1, True), back(2, False, LATER)), {LINE: NOTE}, ClaimState.CONFIRMED, 0),
        ((back(1, True), back(2, True, LATER)), {}, ClaimState.RECEIVED, LATER),
        ((back(3, True),), {LINE: NOTE}, ClaimState.REFUNDED, BACK),
    ],
)  # fmt: skip
def test_the_state_follows_goods_then_money(
    backs: tuple[Back, ...], notes: dict[int, int], state: ClaimState, reception: int
) -> None:
    [claim] = plan_claims(goods(*backs), returned(), notes)
    assert (claim.state, claim.reception, claim.units, claim.name) == (state, reception, 3, f"shop_rma_T1_{OUT}")


def test_what_others_bring_back_is_no_claim_of_the_return() -> None:
    assert plan_claims(goods(back(3, True, ours=False)), returned(), {}) == []


@given(st.lists(st.sampled_from(list(ClaimState)), min_size=1, max_size=6))
def test_a_claim_only_advances(states: list[ClaimState]) -> None:
    [wanted] = plan_claims(goods(back(3, False)), returned(), {})
    at = standing("draft")
    reached = [ClaimState.DRAFT]
    for state in states:
        changes = find_changes(msgspec.structs.replace(wanted, state=state), at)
        at = msgspec.structs.replace(at, state=str(changes.get("state", at.state)))
        reached.append(ClaimState(at.state))
    order = list(ClaimState)
    assert [order.index(state) for state in reached] == sorted(order.index(state) for state in reached)


@pytest.mark.parametrize("state", ["locked", "finished", "waiting_return", "replaced", "returned", "cancelled"])
def test_a_person_s_state_stays(state: str) -> None:
    [wanted] = plan_claims(goods(back(2, True)), returned(), {LINE: NOTE})
    assert find_changes(wanted, standing(state)) == {}
    assert not is_called_off(returned(state=ReturnState.CANCELLED), standing(state), [])


def test_only_what_differs_is_written() -> None:
    [wanted] = plan_claims(goods(back(3, True)), returned(), {LINE: NOTE})
    there = standing("refunded", reception=BACK, note=NOTE)
    assert find_changes(wanted, there) == {}
    assert find_changes(wanted, standing("received", reception=BACK)) == {"state": "refunded", "refund_id": NOTE}


def test_a_claim_whose_goods_were_not_read_is_called_off_by_the_channel_alone() -> None:
    assert not is_called_off(returned(), standing("confirmed"), [])
    assert is_called_off(returned(state=ReturnState.DECLINED), standing("confirmed"), [])
    claim: list[Claim] = plan_claims(goods(back(3, False)), returned(state=ReturnState.CLOSED), {})
    assert not is_called_off(returned(state=ReturnState.CLOSED), standing("confirmed", name=claim[0].name), claim)


def test_a_refund_pays_for_the_return_that_it_names_first() -> None:
    sales = {"T1": goods(back(1, True)), "T2": goods(back(2, True))}
    returns = [returned("T1"), returned("T2")]
    refunds = [refund("R2", 2, "T2"), refund("R1", 1)]
    notes = find_notes(sales, returns, refunds, credited(("R1", 91), ("R2", 92)), {})
    assert notes == {"T1": {LINE: 91}, "T2": {LINE: 92}}


@pytest.mark.parametrize("kind", [RefundKind.PRICE, RefundKind.GOODWILL, RefundKind.SHIPPING])
def test_money_without_units_pays_for_none(kind: RefundKind) -> None:
    refunds = [refund("R1", 0, "T1", kind)]
    assert find_notes({"T1": goods(back(1, True))}, [returned()], refunds, credited(("R1", 91)), {}) == {"T1": {}}


@given(st.lists(st.integers(1, 3), max_size=4), st.lists(st.integers(1, 3), max_size=4))
def test_paid_units_pay_once(counts: list[int], paid: list[int]) -> None:
    """Units of the returns that are called paid are never more than those on the credit notes."""
    sales = {f"T{n}": goods(back(count, True)) for n, count in enumerate(counts)}
    refunds = [refund(f"R{n}", count) for n, count in enumerate(paid)]
    outcomes = credited(*((f"R{n}", 90 + n) for n in range(len(paid))))
    notes = find_notes(sales, [returned(name) for name in sales], refunds, outcomes, {})
    assert sum(count for n, count in enumerate(counts) if notes[f"T{n}"]) <= sum(paid)


def test_of_a_kit_whole_kits_are_counted() -> None:
    kit = goods(
        msgspec.structs.replace(back(4, True), bom_line=1), msgspec.structs.replace(back(2, True, LATER), bom_line=2),
        kits={(LINE, 1): Decimal(2), (LINE, 2): Decimal(1)},
    )  # fmt: skip
    assert find_notes({"T1": kit}, [returned()], [refund("R1", 2)], credited(("R1", 91)), {}) == {"T1": {LINE: 91}}
    assert find_notes({"T1": kit}, [returned()], [refund("R1", 1)], credited(("R1", 91)), {}) == {"T1": {}}
