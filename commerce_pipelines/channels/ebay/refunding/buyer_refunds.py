"""Paying back on eBay: the order is read, then issueRefund, signed.

What belongs here: the calls, what their answers mean. What does not: which refunds there are (domain/refunding/), the
signature (api/signature.py), refunds as they are reported (returns/).

**Nothing is repeated.** eBay knows no second call by a key, so a lost answer raises UnknownOutcome. Before each call
the order shows no refund that nobody accounts for; so the one that it shows afterwards, with the amount, is ours. None
at all means that eBay did nothing. Anything else is for a person.

**Amounts.** eBay takes amounts, never units: of lines where the order has several and all the money is for lines, else
of the order. An order of which eBay collected tax is left to a person, because the seller's amount and the buyer's
differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

import msgspec

from ....core.errors import (
    PermanentError,
    ProtocolError,
    RecordError,
)
from ....core.legible import one_word
from ....core.words import Words
from ....domain.money import to_decimal, to_minor
from ....domain.outbox.effects import Outcome
from ....domain.refunding.buyer_refunds import BuyerRefund, SentRefund
from ....domain.returns.records import Refund, RefundKind, RefundState
from ...capabilities import BuyerRefunds
from ...http.session import Repeat, Response
from ...outcomes import build_outcome, send_each
from ..api.account import MEANINGS, ORDERS, Account, describe
from ..returns.payloads import Order, Record, date_of, has_unnamed, read_order, split
from ..returns.translate import outline, translate
from . import payloads

COMMENT_LENGTH = 100
FOR_SHIPPING, FOR_ANYTHING = "SHIPPING_DISCOUNT", "OTHER_ADJUSTMENT"  # reasons of which eBay wants one


class Seen(msgspec.Struct, frozen=True):
    """An order as eBay shows it. strange: refunds that nobody accounts for. is_clear: all its refunds have a name.
    left: minor units that were paid and not paid back."""

    order: Order
    strange: tuple[Refund, ...]
    is_clear: bool
    left: int


class EbayBuyerRefunds(BuyerRefunds):
    """Refunds of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def send(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        return send_each(refunds, self._pay_back)

    def look(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        for sent in refunds:
            try:
                yield judge(sent, self._read(sent))
            except (ProtocolError, RecordError) as error:
                yield build_outcome(sent, "unknown", "bad_answer", error)

    def _pay_back(self, sent: SentRefund) -> Outcome:
        seen = self._read(sent)
        if refused := _refuse(sent, seen):
            return refused
        assert seen is not None  # noqa: S101 - _refuse has refused what eBay does not know
        path = f"{ORDERS}/{quote(sent.refund.order_id, safe='')}/issue_refund"
        request = msgspec.to_builtins(build_request(sent, len(seen.order.line_items)))
        answer = self._account.post(
            "issueRefund", path, request, repeat=Repeat.NEVER, ok=(200, 400, 404, 409), signed=True
        )
        if answer.status != 200:
            return _read_refusal(sent, answer)
        made = self._account.decode(answer, payloads.Answer)
        if made.refund_status == "FAILED":
            return build_outcome(sent, "refused", "failed", "eBay could not pay back.")
        if not made.refund_id:
            return build_outcome(sent, "unknown", "bad_answer", "eBay's answer names no refund.")
        reference = f"{sent.refund.order_id}:{one_word(made.refund_id)}"
        return Outcome(key=sent.key, status="accepted", reference=reference)

    def _read(self, sent: SentRefund) -> Seen | None:
        """None for an order that eBay does not know."""
        path = f"{ORDERS}/{quote(sent.refund.order_id, safe='')}"
        answer = self._account.rest("getOrder", path, ok=(200, 400, 404))
        if answer.status != 200:
            return None
        order, records = read_order(answer.body), split(answer.body)
        refunds = [_read_refund(record, self._account.settings.name) for record in records]
        total = order.pricing_summary.total
        back = sum(max(0, refund.total) for refund in refunds if refund.state is not RefundState.FAILED)
        return Seen(
            order=order, left=to_minor(total.value, total.currency) - back, is_clear=not has_unnamed(answer.body),
            strange=tuple(refund for refund in refunds if _is_strange(refund, sent)),
        )  # fmt: skip


def _read_refund(record: Record, name: str) -> Refund:
    """The refund; of one that cannot be read, what is certain of it, as money of no line. An amount that is not certain
    is -1, so that it is no other's."""
    try:
        return translate(record, name)
    except RecordError:
        certain = outline(record)
        return Refund(
            channel=name, refund_id=f"{record.order.order_id}:{record.key}", order_id=certain.order_id,
            created_at=date_of(record), updated_at=date_of(record), state=RefundState.DONE, currency=certain.currency,
            total=-1 if certain.total is None else certain.total, lines=(),
        )  # fmt: skip


def _is_strange(refund: Refund, sent: SentRefund) -> bool:
    return refund.state is not RefundState.FAILED and refund.total != 0 and refund.refund_id not in sent.accounted


def judge(sent: SentRefund, seen: Seen | None) -> Outcome:
    """What an order shows of a refund whose answer was lost."""
    if seen is None:
        return build_outcome(sent, "refused", "no_such_order", "eBay has no order with this id.")
    same = [refund for refund in seen.strange if refund.total == sent.refund.total]
    if len(same) == 1 and len(seen.strange) == 1 and seen.is_clear:
        return Outcome(key=sent.key, status="accepted", reference=same[0].refund_id)
    if not seen.strange and seen.is_clear:
        return Outcome(key=sent.key, status="absent")
    message = "eBay shows refunds of the order that may be this one or another."
    return build_outcome(sent, "unknown", "other_refund", message)


def build_request(sent: SentRefund, lines: int) -> payloads.Request:
    """The body of issueRefund. lines: how many the order has."""
    refund = sent.refund
    whole = _build_amount(refund.total, refund.currency)
    items = [
        payloads.Item(refund_amount=_build_amount(line.amount, refund.currency), line_item_id=line.order_line_id)
        for line in refund.lines
    ]
    by_line = lines > 1 and is_about_lines(refund)
    only_shipping = all(line.kind is RefundKind.SHIPPING for line in refund.lines)
    return payloads.Request(
        reason_for_refund=FOR_SHIPPING if only_shipping else FOR_ANYTHING,
        comment=f"Credit note {sent.name}"[:COMMENT_LENGTH],
        refund_items=items if by_line else [],
        order_level_refund_amount=None if by_line else whole,
    )


def is_about_lines(refund: BuyerRefund) -> bool:
    """Whether all the money is for goods. Only those lines have eBay's own ids, which are figures."""
    return all(
        line.kind in (RefundKind.GOODS, RefundKind.PRICE) and line.amount > 0 and line.order_line_id.isdecimal()
        for line in refund.lines
    )


def _build_amount(amount: int, currency: str) -> payloads.Amount:
    return payloads.Amount(currency=currency, value=str(to_decimal(amount, currency)))


def _refuse(sent: SentRefund, seen: Seen | None) -> Outcome | None:
    """The refusal of a refund that must not be sent, None for all others."""
    if seen is None:
        return build_outcome(sent, "refused", "no_such_order", "eBay has no order with this id.")
    if seen.order.pricing_summary.total.currency != sent.refund.currency:
        message = "The order has another currency in eBay: pay it back in Seller Hub."
        return build_outcome(sent, "refused", "other_currency", message)
    if any(line.ebay_collect_and_remit_taxes for line in seen.order.line_items):
        message = "eBay collected tax of this order, and pays it back beside the seller's amount: use Seller Hub."
        return build_outcome(sent, "refused", "collected_tax", message)
    if seen.strange or not seen.is_clear:
        message = "eBay shows a refund of this order that no credit note stands for yet."
        return build_outcome(sent, "refused", "other_refund", message)
    if sent.refund.total > seen.left:
        message = "Less than the credit note is left of what was paid for the order."
        return build_outcome(sent, "refused", "exceeds_payment", message)
    return None


def _read_refusal(sent: SentRefund, answer: Response) -> Outcome:
    """What an error answer says. A conflict without a code may be with a call that is still at work."""
    try:
        problems = describe(answer)
        codes, text = problems.codes, problems.text
    except (msgspec.DecodeError, UnicodeDecodeError):
        codes, text = (), ""
    code = next(filter(None, map(one_word, codes)), "")
    if not code:
        return build_outcome(sent, "unknown", str(answer.status), "eBay's refusal names no reason.")
    message = f"eBay refuses the refund: {MEANINGS.get(code, f'code {code}')}."
    return build_outcome(sent, "refused", code, PermanentError(message, words=Words(text)))
