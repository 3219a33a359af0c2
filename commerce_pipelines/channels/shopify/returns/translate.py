"""Shopify's refunds and returns -> the domain's. Pure; every rule that needed a decision is written here.

What belongs here: what Shopify's fields mean for a merchant's books and shelves. What does not: the shapes
(payloads.py), which of a refund's sums is the right one (balance.py), what follows in Odoo.

**Refunds.** Booked when no transaction of kind REFUND is on its way any more: until then Shopify's own total is 0.
Store credit and gift cards are transactions, too. A refund without any such transaction moves no money: it is how
Shopify records what an edit took out of an order or put in exchange for something, and has no lines here. Units with
restock type CANCEL were never sent; RETURN says that they come back; the other types say nothing, because a merchant
whose stock is Odoo's never restocks in Shopify.

A refund of a return for which the buyer gets **something else** credits its units at their worth: what is not paid back
is set off against the other goods, which Shopify adds to the order as a line of its own. Where nothing is paid back and
the buyer gets the same again, nothing is credited, unless the order charges it again. What such a refund states beyond
its units is refused, because nobody says how much of it the other goods are.

Tax that the channel is liable for is `collected`, as in the order. Booked in the shop's currency, a refund of an order
that was paid in another one holds converted amounts; what rounding leaves is a line of its own.

**Returns.** A return is received once every unit of it has a disposition. Units that are MISSING are a line of their
own, because they never arrive; NOT_RESTOCKED and PROCESSING_REQUIRED say that units arrived, not how they are.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC

from ....core.errors import RecordError
from ....domain.returns.records import (
    Disposition,
    Outline,
    Refund,
    RefundKind,
    RefundLine,
    RefundState,
    Return,
    ReturnLine,
    ReturnState,
)
from ..api.money import Bag, Basis, Minor, reader, side
from ..api.payloads import PageInfo, number
from . import payloads
from .balance import Adjustment, Payments, balance

_UNDER_WAY = frozenset({"PENDING", "AWAITING_RESPONSE", "UNKNOWN"})
_COMES_BACK: dict[str, bool | None] = {"RETURN": True, "CANCEL": False}
_STATES = {
    "REQUESTED": ReturnState.REQUESTED,
    "OPEN": ReturnState.ANNOUNCED,
    "CLOSED": ReturnState.CLOSED,
    "DECLINED": ReturnState.DECLINED,
    "CANCELED": ReturnState.CANCELLED,
}


def translate_refund(refund: payloads.Refund, *, channel: str, basis: Basis) -> Refund:
    """Raises RecordError: `bad_payload`, `bad_amount`, `unbalanced`, `mixed_collection`."""
    for path in ("refundLineItems", "refundShippingLines", "orderAdjustments", "transactions"):
        _check_whole(getattr(refund, path).pageInfo, "refund", path)
    currency = side(refund.totalRefundedSet, basis).currencyCode
    if len(currency) != 3:
        raise _build_incomplete_error("refund", "totalRefundedSet.currencyCode")
    minor, order = reader(currency, basis), refund.order
    payments = [payment for payment in refund.transactions.nodes if payment.kind == "REFUND"]
    state = _find_state(payments)
    lines: list[RefundLine] = []
    total = collected = set_off = 0
    exchange = refund.return_.exchangeLineItems if refund.return_ else None
    if exchange and (exchange.nodes or exchange.pageInfo.hasNextPage):
        paid = sum(minor(payment.amountSet) for payment in payments if payment.status == "SUCCESS")
        lines = _read_exchange(refund, exchange.nodes, _Parts(refund, minor), paid, currency)
        total = sum(line.amount for line in lines)
        set_off = total - paid if lines else 0
    elif payments:
        parts = _Parts(refund, minor)
        expected = ("SUCCESS",) if state is RefundState.DONE else ("SUCCESS", *_UNDER_WAY)
        paid = sum(minor(payment.amountSet) for payment in payments if payment.status in expected)
        converted = basis == "shop" and order.currencyCode != order.presentmentCurrencyCode
        payments_made = Payments(
            paid=None if state is RefundState.FAILED else paid,
            currency=currency,
            is_done=state is RefundState.DONE,
            included=order.taxesIncluded,
            converted=converted,
        )
        collected = parts.collected
        lines = balance(payments_made, parts.lines, collected, parts.adjustments, parts.shipping_tax)
        total = sum(line.amount for line in lines)
    return Refund(
        channel=channel,
        refund_id=number(refund.id),
        order_id=number(order.id),
        created_at=(refund.createdAt or order.createdAt).astimezone(UTC),
        updated_at=order.updatedAt.astimezone(UTC),
        state=state,
        currency=currency,
        total=total,
        lines=tuple(lines),
        collected=collected,
        set_off=set_off,
        return_id=number(refund.return_.id) if refund.return_ else "",
        reason=next((row.reason for row in refund.orderAdjustments.nodes if row.reason), ""),
    )


def outline_refund(refund: payloads.Refund, *, basis: Basis) -> Outline:
    """What went back or is under way. In an exchange that says nothing of what the units are worth."""
    currency = side(refund.totalRefundedSet, basis).currencyCode
    minor = reader(currency, basis)
    exchange = refund.return_.exchangeLineItems if refund.return_ else None
    is_exchange = exchange is not None and bool(exchange.nodes or exchange.pageInfo.hasNextPage)
    paid = sum(
        minor(payment.amountSet) for payment in refund.transactions.nodes
        if payment.kind == "REFUND" and payment.status in ("SUCCESS", *_UNDER_WAY)
    )  # fmt: skip
    is_whole = not is_exchange and not refund.transactions.pageInfo.hasNextPage
    return Outline(order_id=number(refund.order.id), currency=currency, total=paid if is_whole else None)


def _read_exchange(
    refund: payloads.Refund, instead: list[payloads.ExchangeLineItem], parts: _Parts, paid: int, currency: str
) -> list[RefundLine]:
    """The refund's units at their worth, of which `paid` minor units went back. instead: what the buyer gets."""
    back, instead_of = Counter[str](), Counter[str]()
    for row in refund.refundLineItems.nodes:
        back[row.lineItem.sku or row.lineItem.id] += row.quantity
    for item in instead:
        instead_of[item.variantSku or ""] += item.quantity
    is_charged = any(item.lineItems for item in instead)
    if back == instead_of and not is_charged and not refund.transactions.nodes:
        return []
    worth = sum(line.amount for line in parts.lines)
    if parts.adjustments or parts.collected or not 0 <= paid <= worth:
        raise RecordError(
            "exchange_in_doubt",
            "The refund is part of an exchange, and Shopify does not say how much of it pays for the other goods.",
            fix="Credit the goods that came back in Odoo by hand, and sell the other ones there.",
            subject=currency,
        )
    return parts.lines


def _find_state(payments: list[payloads.Transaction]) -> RefundState:
    statuses = {payment.status for payment in payments}
    if statuses & _UNDER_WAY:
        return RefundState.PENDING
    return RefundState.FAILED if statuses and "SUCCESS" not in statuses else RefundState.DONE


class _Parts:
    """What a refund says that it pays back for.

    lines: of goods, shipping and duties. shipping_tax: by line id, the tax that Shopify states beside a shipping
    amount.
    """

    def __init__(self, refund: payloads.Refund, minor: Minor) -> None:
        self._minor, self._included = minor, refund.order.taxesIncluded
        self.lines: list[RefundLine] = []
        self.collected = 0
        self.shipping_tax: dict[str, int] = {}
        for position, row in enumerate(refund.refundLineItems.nodes):
            self._add_item(row, position)
        for shipping in refund.refundShippingLines.nodes:
            self._add_shipping(shipping)
        for position, duty in enumerate(refund.duties or ()):
            duty_id = number(duty.originalDuty.id) if duty.originalDuty else f"{position}"
            line_id = f"duty-{duty_id}"
            self._add(RefundLine(line_id=line_id, kind=RefundKind.PRICE, amount=minor(duty.amountSet),
                                 order_line_id=line_id if duty.originalDuty else ""))  # fmt: skip
        self.adjustments = [
            Adjustment(
                line_id=f"adjustment-{number(row.id)}",
                amount=minor(row.amountSet),
                tax=minor(row.taxAmountSet),
                is_pending=row.reason == "PENDING_REFUND_DISCREPANCY",
            )
            for row in refund.orderAdjustments.nodes
        ]

    def _add_item(self, row: payloads.RefundLineItem, position: int) -> None:
        order_line_id = number(row.lineItem.id)
        amount, tax = self._divide(row.subtotalSet, row.totalTaxSet, row.lineItem.taxLines)
        self._add(
            RefundLine(
                line_id=number(row.id) if row.id else f"{order_line_id}-{position}",
                kind=RefundKind.GOODS if row.quantity else RefundKind.PRICE,
                amount=amount,
                tax=tax,
                order_line_id=order_line_id,
                sku=row.lineItem.sku or "",
                quantity=row.quantity,
                is_returned=_COMES_BACK.get(row.restockType) if row.quantity else None,
            )
        )

    def _add_shipping(self, row: payloads.RefundShippingLine) -> None:
        line_id = f"shipping-{number(row.id)}"
        amount, tax = self._divide(row.subtotalAmountSet, row.taxAmountSet, row.shippingLine.taxLines)
        if tax and self._included:
            self.shipping_tax[line_id] = tax
        order_line_id = f"shipping-{number(row.shippingLine.id)}" if row.shippingLine.id else ""
        self._add(RefundLine(line_id=line_id, kind=RefundKind.SHIPPING, amount=amount, tax=tax,
                             order_line_id=order_line_id))  # fmt: skip

    def _add(self, line: RefundLine) -> None:
        if line.amount or line.kind is RefundKind.GOODS:
            self.lines.append(line)

    def _divide(self, subtotal: Bag, stated: Bag, rates: list[payloads.TaxLine]) -> tuple[int, int | None]:
        """The seller's money with its tax; the channel's tax is counted apart. The tax is None where Shopify states
        none of the order's line, so that the rate of the order's line decides."""
        amount, tax = self._minor(subtotal), self._minor(stated)
        liable = {bool(rate.channelLiable) for rate in rates}
        if len(liable) > 1 and tax:
            raise RecordError(
                "mixed_collection",
                "The refund pays back tax of yours and of the channel's, and Shopify states only their sum.",
                fix="Enter the refund in Odoo by hand.",
            )
        if liable == {True}:
            self.collected += tax
            return (amount - tax if self._included else amount), 0
        return (amount if self._included else amount + tax), (tax if rates or tax else None)


def translate_return(record: payloads.Return, *, channel: str) -> Return:
    """Raises RecordError: `bad_payload`."""
    for path in ("returnLineItems", "exchangeLineItems", "reverseFulfillmentOrders"):
        _check_whole(getattr(record, path).pageInfo, "return", path)
    disposals: dict[str, list[payloads.Disposal]] = {}
    for reverse in record.reverseFulfillmentOrders.nodes:
        _check_whole(reverse.lineItems.pageInfo, "return", "reverseFulfillmentOrders.lineItems")
        for line in reverse.lineItems.nodes:
            if line.fulfillmentLineItem:
                disposals.setdefault(line.fulfillmentLineItem.id, []).extend(line.dispositions)
    left = {gid: _Disposed(rows) for gid, rows in disposals.items()}
    lines = [line for row in record.returnLineItems.nodes for line in _read_return_line(row, left)]
    state = _STATES[record.status]
    if state is ReturnState.ANNOUNCED and lines and all(_is_settled(line) for line in lines):
        state = ReturnState.RECEIVED
    tracking = [
        delivery.deliverable.tracking.number
        for reverse in record.reverseFulfillmentOrders.nodes
        for delivery in reverse.reverseDeliveries.nodes
        if delivery.deliverable and delivery.deliverable.tracking and delivery.deliverable.tracking.number
    ]
    return Return(
        channel=channel,
        return_id=number(record.id),
        order_id=number(record.order.id),
        created_at=record.createdAt.astimezone(UTC),
        updated_at=record.order.updatedAt.astimezone(UTC),
        state=state,
        lines=tuple(lines),
        rma=record.name,
        tracking_numbers=tuple(dict.fromkeys(tracking)),
        exchange_skus=_list_nameless(record.exchangeLineItems.nodes),
    )


def _list_nameless(items: list[payloads.ExchangeLineItem]) -> tuple[str, ...]:
    """SKUs of what the buyer gets instead and no line of the order is known for."""
    return tuple(dict.fromkeys(item.variantSku for item in items if item.variantSku and item.is_nameless))


class _Disposed:
    """Units of one line of a parcel that have a disposition, handed out to the return's lines in their order."""

    def __init__(self, rows: list[payloads.Disposal]) -> None:
        self._left = {"MISSING": 0, "RESTOCKED": 0, "": 0}
        for row in rows:
            self._left[row.type if row.type in self._left else ""] += row.quantity

    def take(self, kind: str, most: int) -> int:
        units = min(self._left[kind], most)
        self._left[kind] -= units
        return units


def _read_return_line(row: payloads.ReturnLineItem, left: dict[str, _Disposed]) -> list[ReturnLine]:
    """The line, and a second one for units that never arrived."""
    parcel_line = row.fulfillmentLineItem
    item = parcel_line.lineItem if parcel_line else None
    disposed = left.get(parcel_line.id) if parcel_line else None
    missing = sellable = other = 0
    if disposed:
        missing = disposed.take("MISSING", row.quantity)
        sellable = disposed.take("RESTOCKED", row.quantity - missing)
        other = disposed.take("", row.quantity - missing - sellable)
    line_id, arrived = number(row.id), sellable + other
    reason = row.returnReasonDefinition.handle if row.returnReasonDefinition else ""
    order_line_id, sku = (number(item.id), item.sku or "") if item else ("", "")
    lines = []
    if row.quantity > missing or not row.quantity:
        lines.append(ReturnLine(
            line_id=line_id, quantity=row.quantity - missing, order_line_id=order_line_id, sku=sku, received=arrived,
            disposition=Disposition.SELLABLE if sellable and not other else Disposition.UNKNOWN, reason=reason,
        ))  # fmt: skip
    if missing:
        lines.append(ReturnLine(
            line_id=f"{line_id}-missing", quantity=missing, order_line_id=order_line_id, sku=sku,
            disposition=Disposition.MISSING, reason=reason,
        ))  # fmt: skip
    return lines


def _is_settled(line: ReturnLine) -> bool:
    return line.received >= line.quantity or line.disposition is Disposition.MISSING


def _check_whole(page: PageInfo, what: str, path: str) -> None:
    if page.hasNextPage:
        raise _build_incomplete_error(what, f"{path}.pageInfo")


def _build_incomplete_error(what: str, path: str) -> RecordError:
    return RecordError(
        "bad_payload",
        f"Shopify's {what} cannot be read: `$.{path}` says that something of it is missing.",
        fix=f"Pull the {what}'s day again.",
        subject=path,
    )
