"""A person's credit note -> what the channel pays back; or why nothing, or why not yet.

What belongs here: these rules, pure. What does not: how its lines are told (credit_lines.py), reading Odoo
(odoo/refunding/), sending (flows/refunding/).

**Once.** What was begun for a credit note is never planned anew: the outbox knows what became of it. A refund of the
channel that the returns lane has recognised as this credit note's is the end of it, whoever paid it back.

**Never more than was paid.** The order's total less every refund that the channel reports, done or on its way, less
what was begun here and is not reported yet.

**Nothing blindly.** While a refund of the order has no credit note, nobody can tell whether it is this one's. Where the
channel reports refunds late, its reports are waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import msgspec

from ...core.errors import RecordError
from ...core.reasons import Reason
from ..money import to_decimal
from ..orders.order import FulfilledBy, Order, OrderStatus
from ..outbox.effects import Status
from ..returns.records import RefundState
from ..returns.sale_books import Move, SaleBooks
from .buyer_refunds import BuyerRefund
from .credit_lines import map_credit_lines

_OVER = (Status.REFUSED, Status.SUPERSEDED)
_BY_US, _BY_OTHERS = "paid back", "the channel paid it back"
PAID_BACK = frozenset((_BY_US, _BY_OTHERS))  # why nothing is to be paid back: the channel has done so


class ReportedRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund of the order as the channel reports it. total: None where that cannot be read. credit_note: record id of
    the one that stands for it, 0 for none. is_settled: whether the returns lane has dealt with it."""

    refund_id: str
    state: RefundState
    total: int | None
    currency: str = ""
    credit_note: int = 0
    is_settled: bool = True


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """The newest effect of a credit note. code: of its newest attempt's outcome."""

    key: str
    refund: BuyerRefund
    status: Status
    attempt: int = 0
    reference: str = ""
    code: str = ""

    @property
    def is_begun(self) -> bool:
        """Whether the channel may have been told of it."""
        return self.attempt > 0 and self.status not in _OVER


class Nothing(msgspec.Struct, frozen=True):
    """Nothing is to be paid back. why: in a word, for people."""

    why: str


class UnderWay(msgspec.Struct, frozen=True):
    """The channel was told, or may have been, and has not reported the refund as done."""

    recorded: Recorded


class Postponed(msgspec.Struct, frozen=True):
    """It is paid back, but not before that instant: until then the channel may report a refund that was made before."""

    until: datetime


Decision = BuyerRefund | Postponed | Nothing | UnderWay | Reason


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides about one credit note. books: of its order in Odoo. order: as the channel tells it now.

    refunds: all that the channel reports of the order. recorded: the newest effect of every credit note of the order,
    by record id. packs: units of Odoo's product in one unit sold, by the order's line, where it is not one. not_before:
    when the channel has certainly reported what was refunded before the credit note was seen, None where it has.
    """

    move_id: int
    since: date
    books: SaleBooks
    order: Order
    refunds: tuple[ReportedRefund, ...] = ()
    recorded: Mapping[int, Recorded] = {}
    packs: Mapping[str, int] = {}
    not_before: datetime | None = None


def decide(case: Case) -> Decision:
    """What becomes of one credit note."""
    move = next((move for move in case.books.moves if move.move_id == case.move_id), None)
    recorded = case.recorded.get(case.move_id)
    if recorded and recorded.is_begun:
        return _describe_begun(case, recorded, move)
    if move is None or move.state != "posted" or not move.is_credit:
        return Nothing("not posted any more")
    if move.xid:
        return Nothing("made by the pipelines")
    if move.dated is None or move.dated < case.since:
        return Nothing("dated before `since`")
    if any(refund.credit_note == case.move_id for refund in case.refunds):
        return Nothing(_BY_OTHERS)
    if move.total <= 0:
        return Nothing("of no amount")
    try:
        refund = _plan_refund(case, move)
    except RecordError as error:
        return error.reason
    return Postponed(case.not_before) if case.not_before else refund


def list_own(move_id: int, recorded: Recorded | None, refunds: Iterable[ReportedRefund]) -> list[ReportedRefund]:
    """The refunds that stand for a credit note: recognised as its, or made for it by us."""
    reference = recorded.reference if recorded else ""
    return [
        refund for refund in refunds
        if refund.credit_note == move_id or (reference and refund.refund_id == reference)
    ]  # fmt: skip


def _describe_begun(case: Case, recorded: Recorded, move: Move | None) -> Decision:
    """What became of a refund that was begun."""
    own = list_own(case.move_id, recorded, case.refunds)
    if any(refund.state is RefundState.DONE for refund in own):
        return Nothing(_BY_US)
    if recorded.status is Status.ACCEPTED and own and all(refund.state is RefundState.FAILED for refund in own):
        return Reason(
            "refund_failed",
            f"The channel took the refund of {_name(move, recorded)}, and then could not pay it.",
            "Pay it back in the marketplace yourself, or another way; then cancel the credit note or leave it.",
            _name(move, recorded),
        )  # fmt: skip
    is_posted = move is not None and move.state == "posted"
    if recorded.status is Status.ACCEPTED and move and is_posted and move.total != recorded.refund.total:
        return _describe_change(move, recorded)
    return UnderWay(recorded)


def _plan_refund(case: Case, move: Move) -> BuyerRefund:
    """Raises RecordError."""
    order, books = case.order, case.books
    if len(list(books.own_lines(move))) != len(move.lines):
        raise RecordError(
            "credit_of_several_orders", f"The credit note {move.label} is about several orders.",
            fix="Make one credit note for each order, or pay it back in the marketplace yourself.", subject=move.label,
        )  # fmt: skip
    if move.currency != order.currency:
        raise RecordError(
            "wrong_currency", f"The credit note {move.label} is in {move.currency}, the order in {order.currency}.",
            fix="Pay it back in the marketplace yourself.", subject=move.currency,
        )  # fmt: skip
    if unsettled := [refund for refund in case.refunds if not refund.is_settled]:
        raise _describe_unsettled(unsettled, move)
    left = compute_left(case)
    if move.total > left:
        raise RecordError(
            "exceeds_payment",
            f"The credit note {move.label} is {to_decimal(move.total, move.currency)} {move.currency}, and of what was "
            f"paid {to_decimal(max(0, left), move.currency)} are left.",
            fix="Correct the credit note; if the order's refunds in the marketplace are right, leave it.",
            subject=move.label,
        )  # fmt: skip
    return BuyerRefund(
        order_id=order.order_id, currency=move.currency, total=move.total, marketplace=order.marketplace,
        lines=map_credit_lines(books, move, order, case.packs),
        is_channels=order.fulfilled_by is FulfilledBy.CHANNEL, is_tax_on_top=not order.prices_include_tax,
    )  # fmt: skip


def _describe_unsettled(unsettled: Sequence[ReportedRefund], move: Move) -> RecordError:
    """About the refund that the credit note seems to belong to: the one of its amount, else the first."""
    same = [refund for refund in unsettled if (refund.total, refund.currency) == (move.total, move.currency)]
    refund = (same or list(unsettled))[0]
    name = refund.refund_id[:60]
    money = "" if refund.total is None else f" over {to_decimal(refund.total, refund.currency)} {refund.currency}"
    return RecordError(
        "refund_unsettled",
        f"The channel reports the refund {name}{money} of this order, and no credit note stands for it so far: "
        f"{move.label} may be its own.",
        fix=f"Nothing, if the refund is being dealt with. If {move.label} is its credit note, give it the refund's "
        f"amount, or write {name} as its reference; if not, credit the refund first, or see its own exception.",
        subject=name,
    )  # fmt: skip


def compute_left(case: Case) -> int:
    """Minor units that were paid and that nobody has paid back, or begun to."""
    if case.order.status is OrderStatus.WAITING:
        return 0
    reported = {refund.refund_id for refund in case.refunds} | {
        f"credit note {refund.credit_note}" for refund in case.refunds if refund.credit_note
    }
    begun = sum(
        recorded.refund.total
        for move_id, recorded in case.recorded.items()
        if move_id != case.move_id and recorded.is_begun
        and recorded.reference not in reported and f"credit note {move_id}" not in reported
    )  # fmt: skip
    back = sum(max(0, refund.total or 0) for refund in case.refunds if refund.state is not RefundState.FAILED)
    return case.order.total - back - begun


def _describe_change(move: Move, recorded: Recorded) -> Reason:
    return Reason(
        "credit_changed",
        f"{to_decimal(recorded.refund.total, recorded.refund.currency)} {recorded.refund.currency} were paid back for "
        f"the credit note {move.label}, which is {to_decimal(move.total, move.currency)} {move.currency} now.",
        "Credit the difference by another credit note, or pay it back in the marketplace yourself.",
        move.label,
    )  # fmt: skip


def _name(move: Move | None, recorded: Recorded) -> str:
    return move.label if move else f"credit note {recorded.key}"
