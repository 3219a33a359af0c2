"""Paying back on Shopify: the order is read, then refundCreate with the payments that it goes back to.

What belongs here: the calls, which payments are paid back, what the answers mean. What does not: which refunds there
are (domain/refunding/).

**Read, then call.** What was paid and not yet paid back is computed from the order's transactions, those on their way
included; a refund that nobody has accounted for stops the call, because it may be this one, made by hand.

**Once.** The mutation carries the effect's token as its key, by which Shopify pays back once. The refund's note holds
the token too, so that a look finds it however late it is.

**Money.** The transactions say what is paid back. Units and shipping are told beside them; Shopify books what they
differ by as a discrepancy. Units are never restocked: Odoo keeps the stock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ....core.errors import (
    PermanentError,
    ProtocolError,
    RecordError,
)
from ....core.words import Words
from ....domain.money import to_decimal
from ....domain.outbox.effects import Outcome
from ....domain.refunding.buyer_refunds import BuyerRefund, SentRefund
from ....domain.returns.records import RefundKind
from ...capabilities import BuyerRefunds
from ...http.session import Repeat
from ...outcomes import build_outcome, send_each
from ..api.graphql import GraphQL
from ..api.money import reader
from ..api.payloads import number
from .payloads import MadeRefund, Order, OrderAnswer, PayBackAnswer
from .queries import MOST_PAYMENTS, MOST_REFUNDS, PAY_BACK, REFUNDABLE

_PAYS = ("SALE", "CAPTURE")
_COUNTS = ("SUCCESS", "PENDING", "AWAITING_RESPONSE", "UNKNOWN")  # a transaction that has paid back, or may have


class Part(NamedTuple):
    """So much of one payment goes back."""

    payment: str
    gateway: str
    amount: int


class ShopifyBuyerRefunds(BuyerRefunds):
    """Refunds of one shop. notify: whether Shopify mails the buyer."""

    def __init__(self, graphql: GraphQL, notify: bool) -> None:
        self._graphql, self._notify = graphql, notify

    def send(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        return send_each(refunds, self._pay_back)

    def look(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        for sent in refunds:
            try:
                order = self._read(sent)
                made = find_own(sent, order) if order else None
                if made:
                    yield _build_accepted(sent, made.id)
                elif order and len(order.refunds) >= MOST_REFUNDS:
                    yield build_outcome(sent, "unknown", "many_refunds", "The order has too many refunds to be read.")
                else:
                    yield Outcome(key=sent.key, status="absent")
            except (ProtocolError, RecordError) as error:
                yield build_outcome(sent, "unknown", "bad_answer", error)

    def _pay_back(self, sent: SentRefund) -> Outcome:
        order = self._read(sent)
        if order and (made := find_own(sent, order)):
            return _build_accepted(sent, made.id)
        if refused := _refuse(sent, order):
            return refused
        assert order is not None  # noqa: S101 - _refuse has refused what Shopify does not know
        parts = divide_payments(order, sent.refund.total, sent.refund.currency)
        if not parts:
            message = "Less than the credit note is left of what was paid for the order."
            return build_outcome(sent, "refused", "exceeds_payment", message)
        variables = {"input": build_input(sent, order, parts, self._notify), "key": sent.token}
        answer = self._graphql.change(PAY_BACK, variables, PayBackAnswer, repeat=Repeat.TOKEN).refundCreate
        if answer.userErrors:
            return self._explain(sent, "; ".join(error.message for error in answer.userErrors))
        if answer.refund is None:
            return build_outcome(sent, "unknown", "bad_answer", "Shopify's answer names no refund and no error.")
        return _build_accepted(sent, answer.refund.id)

    def _explain(self, sent: SentRefund, text: str) -> Outcome:
        """What the order shows of a refund that Shopify refused: errors have no codes, and the first of two calls may
        have made it."""
        order = self._read(sent)
        if order and (made := find_own(sent, order)):
            return _build_accepted(sent, made.id)
        message = PermanentError("Shopify refuses the refund.", words=Words(text))
        return build_outcome(sent, "refused", "refused", message)

    def _read(self, sent: SentRefund) -> Order | None:
        variables = {"id": f"gid://shopify/Order/{sent.refund.order_id}"}
        return self._graphql.ask(REFUNDABLE, variables, OrderAnswer).order


def find_own(sent: SentRefund, order: Order) -> MadeRefund | None:
    """The refund whose note holds the effect's token."""
    return next((made for made in order.refunds if made.note and sent.token in made.note), None)


def list_unaccounted(sent: SentRefund, order: Order) -> list[str]:
    """Refunds that moved money, or will, and that nobody has accounted for."""
    moving = [
        number(made.id) for made in order.refunds
        if any(payout.kind == "REFUND" and payout.status in _COUNTS for payout in made.transactions.nodes)
    ]  # fmt: skip
    return [refund_id for refund_id in moving if refund_id not in sent.accounted]


def divide_payments(order: Order, total: int, currency: str) -> list[Part]:
    """The payments that an amount goes back to, the order's first one first; none where too little is left of them."""
    minor = reader(currency, "presentment")
    left: dict[str, int] = {}
    gateways: dict[str, str] = {}
    for payment in order.transactions:
        if payment.kind in _PAYS and payment.status == "SUCCESS":
            left[payment.id], gateways[payment.id] = minor(payment.amountSet), payment.gateway or ""
    unassigned = 0
    for payment in order.transactions:
        if payment.kind == "REFUND" and payment.status in _COUNTS:
            parent = payment.parentTransaction.id if payment.parentTransaction else ""
            if parent in left:
                left[parent] -= minor(payment.amountSet)
            else:
                unassigned += minor(payment.amountSet)
    parts = []
    if total > sum(max(0, amount) for amount in left.values()) - unassigned:
        return []
    for payment_id, amount in left.items():
        taken = min(max(0, amount), total)
        total -= taken
        if taken:
            parts.append(Part(payment_id, gateways[payment_id], taken))
    return parts


def build_input(sent: SentRefund, order: Order, parts: Sequence[Part], notify: bool) -> dict[str, Any]:
    """Shopify's RefundInput."""
    refund, currency = sent.refund, sent.refund.currency
    goods = [
        {"lineItemId": f"gid://shopify/LineItem/{line.order_line_id}", "quantity": line.quantity,
         "restockType": "NO_RESTOCK"}
        for line in refund.lines if line.kind is RefundKind.GOODS
    ]  # fmt: skip
    shipping = sum(line.amount for line in refund.lines if line.kind is RefundKind.SHIPPING)
    result: dict[str, Any] = {
        "orderId": order.id,
        "currency": currency,
        "note": f"Odoo {sent.name}: {sent.token}",
        "notify": notify,
        "refundLineItems": goods,
        "transactions": [
            {"orderId": order.id, "parentId": part.payment, "gateway": part.gateway, "kind": "REFUND",
             "amount": str(to_decimal(part.amount, currency))}
            for part in parts
        ],
    }  # fmt: skip
    if shipping > 0:
        result["shipping"] = {"amount": str(to_decimal(shipping, currency))}
    if has_more(refund):
        result["discrepancyReason"] = "OTHER"
    return result


def has_more(refund: BuyerRefund) -> bool:
    """Whether money is paid back that is neither for units nor for shipping."""
    return any(line.kind not in (RefundKind.GOODS, RefundKind.SHIPPING) for line in refund.lines)


def _refuse(sent: SentRefund, order: Order | None) -> Outcome | None:
    """The refusal of a refund that must not be sent, None for all others."""
    if order is None:
        return build_outcome(sent, "refused", "no_such_order", "Shopify has no order with this id.")
    if order.presentmentCurrencyCode != sent.refund.currency:
        message = f"The buyer paid in {order.presentmentCurrencyCode[:3]}: pay it back in the shop yourself."
        return build_outcome(sent, "refused", "other_currency", message)
    if len(order.refunds) >= MOST_REFUNDS or len(order.transactions) >= MOST_PAYMENTS:
        message = "The order has too many refunds to be read: pay it back in the shop yourself."
        return build_outcome(sent, "refused", "many_refunds", message)
    if strange := list_unaccounted(sent, order):
        message = f"Shopify shows the refund {strange[0]}, which no credit note stands for yet."
        return build_outcome(sent, "refused", "other_refund", message)
    return None


def _build_accepted(sent: SentRefund, gid: str) -> Outcome:
    return Outcome(key=sent.key, status="accepted", reference=number(gid))
