"""A person's credit note stands for a refund by its reference, or by its amount, and for one only."""

from __future__ import annotations

import pytest

from commerce_pipelines.domain.returns.by_hand import match_notes, names_refund
from commerce_pipelines.domain.returns.credit import Standing, plan_credit_notes
from commerce_pipelines.domain.returns.records import Outline, RefundKind, RefundLine
from commerce_pipelines.domain.returns.sale_books import Move

from .test_credit import BERLIN, billed, books, paid_back, sold


def credit(total: int, move_id: int, **more: object) -> Move:
    return billed([], [], move_id=move_id, is_credit=True, total=total, **more)


def certain(total: int | None, currency: str = "EUR") -> Outline:
    return Outline(order_id="1", currency=currency, total=total)


@pytest.mark.parametrize(("ref", "is_named"), [
    ("R-1", True), ("Reversal of: INV/2026/00001, refund R-1", True), ("R-12", False), ("AR-1", False), ("", False),
    ("302:R-1", False), ("R-1.", True),
])  # fmt: skip
def test_a_reference_names_a_refund_by_its_whole_id(ref: str, is_named: bool) -> None:
    assert names_refund(credit(100, 5, ref=ref), "R-1") is is_named


def test_each_credit_note_stands_for_one_refund() -> None:
    sale = books([sold(1)], credit(500, 5), credit(500, 6, ref="R3"), credit(700, 7), credit(800, 8, state="draft"),
                 credit(900, 9, xid="shop_refund_R9"))  # fmt: skip
    waiting = [("R1", certain(500)), ("R2", certain(500)), ("R3", certain(None)), ("R4", certain(700, "USD")),
               ("R5", certain(800)), ("R6", certain(900)), ("R7", certain(0))]  # fmt: skip
    matched = match_notes(sale, waiting, taken=())
    assert {refund_id: move.move_id for refund_id, move in matched.items()} == {"R1": 5, "R3": 6}
    assert match_notes(sale, waiting, taken=(5, 6)) == {}


def test_a_reference_counts_for_refunds_that_can_be_read_too() -> None:
    """Whatever its amount, which is told; and what stood for a refund before stays with it."""
    line = sold(1)
    sale = books([line], billed([line], [3000]), credit(450, 5, ref="by hand: R1"), credit(500, 6))
    refund = paid_back(RefundLine(line_id="1", kind=RefundKind.GOODWILL, amount=500))
    for issued, move_id in (({}, 5), ({"R1": 6}, 6), ({"R0": 5}, 6)):
        standing = plan_credit_notes(sale, [refund], {}, BERLIN, issued)["R1"]
        assert isinstance(standing, Standing)
        assert standing.move.move_id == move_id
        assert [flag.code for flag in standing.flags] == (["credit_differs"] if move_id == 5 else [])
