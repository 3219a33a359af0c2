"""A refund that does not add up, or a record that no table can hold, is refused with its line."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.returns.records import (
    Refund,
    RefundKind,
    RefundLine,
    RefundState,
    Return,
    ReturnLine,
    ReturnState,
    check_refund,
    check_return,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
REFUND = Refund(
    channel="shop_de", refund_id="R1", order_id="1", created_at=NOW, updated_at=NOW, state=RefundState.DONE,
    currency="EUR", total=1832 - 200,
    lines=(
        RefundLine(line_id="a", kind=RefundKind.GOODS, amount=1832, tax=293, order_line_id="11", quantity=1),
        RefundLine(line_id="fee", kind=RefundKind.GOODWILL, amount=-200),
    ),
)  # fmt: skip
RETURN = Return(
    channel="shop_de", return_id="RMA1", order_id="1", created_at=NOW, updated_at=NOW, state=ReturnState.ANNOUNCED,
    lines=(ReturnLine(line_id="a", quantity=2, order_line_id="11"),),
)  # fmt: skip


def test_sound_records_pass() -> None:
    check_refund(REFUND)
    check_return(RETURN)


@pytest.mark.parametrize(
    ("refund", "code"),
    [
        (msgspec.structs.replace(REFUND, total=1832), "unbalanced"),
        (msgspec.structs.replace(REFUND, refund_id=""), "bad_payload"),
        (msgspec.structs.replace(REFUND, lines=(REFUND.lines[0], REFUND.lines[0])), "duplicate_line"),
        (
            msgspec.structs.replace(REFUND, lines=(msgspec.structs.replace(REFUND.lines[0], quantity=0),), total=1832),
            "bad_quantity",
        ),
        (
            msgspec.structs.replace(
                REFUND, lines=(msgspec.structs.replace(REFUND.lines[0], amount=10**16),), total=10**16
            ),
            "bad_amount",
        ),
    ],
)
def test_a_refund_that_contradicts_itself_is_refused(refund: Refund, code: str) -> None:
    with pytest.raises(RecordError) as caught:
        check_refund(refund)
    assert caught.value.reason.code == code


def test_a_return_of_nothing_is_refused() -> None:
    line = msgspec.structs.replace(RETURN.lines[0], quantity=0)
    with pytest.raises(RecordError) as caught:
        check_return(msgspec.structs.replace(RETURN, lines=(line,)))
    assert caught.value.reason.code == "bad_quantity"
