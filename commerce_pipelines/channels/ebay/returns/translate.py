"""eBay's refunds -> the domain's. Pure.

What belongs here: what a refunded amount was for, which eBay does not say. What does not: the shapes and which parts
are one refund (payloads.py), what follows in Odoo.

eBay states amounts, never units. The amount of a line with or without its delivery is that line as a whole; the
delivery's own amount is shipping; any other amount is a part of the line's price. An amount for the order is read line
by line if it is the whole order, or all goods, or all delivery; otherwise it belongs to no line. "The refund amount
shown is the seller's net amount … eBay-collected tax will not be included": so the amounts are compared without it.
"""

from __future__ import annotations

from datetime import UTC

import msgspec

from ....core.errors import RecordError
from ....domain.money import to_minor
from ....domain.returns.records import Outline, Refund, RefundKind, RefundLine, RefundState
from ..api.payloads import Amount
from . import payloads

CANCELLED = frozenset(("CANCELED", "CANCELLED"))


def translate(record: payloads.Record, channel: str) -> Refund:
    """Raises RecordError: `mixed_currency`, `bad_amount`, `bad_payload`, `unbalanced`."""
    order = record.order
    currency = order.pricing_summary.total.currency
    of_lines = [part for part in record.parts if part.line_item_id]
    of_order = [part for part in record.parts if not part.line_item_id]
    reader = _Reader(order, currency)
    for part in of_lines or of_order:
        amount = _read_minor(part.refund.amount, currency)
        reader.read(amount, part.line_item_id)
    total = sum(line.amount for line in reader.lines)
    stated = sum(_read_minor(part.refund.amount, currency) for part in of_order)
    if of_lines and of_order and stated != total:
        raise RecordError(
            "unbalanced",
            f"The refund of the lines and of the order differ by {stated - total} minor units of {currency}.",
            fix="Compare the refund in Seller Hub and enter it in Odoo by hand.",
            subject=currency,
        )
    return Refund(
        channel=channel,
        refund_id=f"{order.order_id}:{record.key}",
        order_id=order.order_id,
        created_at=payloads.date_of(record),
        updated_at=order.last_modified_date.astimezone(UTC),
        state=_find_state(record),
        currency=currency,
        total=total,
        lines=tuple(reader.lines),
    )


def outline(record: payloads.Record) -> Outline:
    """The amount where all that eBay states of the refund agrees on one."""
    order = record.order
    currency = order.pricing_summary.total.currency
    amounts = set()
    try:
        for group in ([part for part in record.parts if part.line_item_id],
                      [part for part in record.parts if not part.line_item_id]):  # fmt: skip
            if group:
                amounts.add(sum(_read_minor(part.refund.amount, currency) for part in group))
    except RecordError:
        amounts.clear()
    total = amounts.pop() if len(amounts) == 1 else None
    is_failed = _find_state(record) is RefundState.FAILED
    return Outline(order_id=order.order_id, currency=currency, total=0 if is_failed else total)


def _find_state(record: payloads.Record) -> RefundState:
    """A refund of a line has no status: its date is "not returned until the refund has been issued"."""
    statuses = {part.refund.refund_status for part in record.parts} - {None}
    if statuses:
        if "PENDING" in statuses:
            return RefundState.PENDING
        return RefundState.FAILED if "FAILED" in statuses else RefundState.DONE
    issued = all(part.refund.refund_date for part in record.parts)
    return RefundState.DONE if issued else RefundState.PENDING


class _Worth:
    """What a line of the order is worth to the seller: goods, delivery, and the whole with the seller's own tax."""

    def __init__(self, line: payloads.Line, currency: str) -> None:
        self.line = line
        delivery = line.delivery_cost or payloads.DeliveryCost()
        self.goods = _read_minor(line.discounted_line_item_cost or line.line_item_cost, currency)
        self.delivery = (
            _read_minor(delivery.shipping_cost, currency)
            + _read_minor(delivery.handling_cost, currency)
            - abs(_read_minor(delivery.discount_amount, currency))
        )
        remitted = sum(_read_minor(tax.amount, currency) for tax in line.ebay_collect_and_remit_taxes or ())
        self.whole = _read_minor(line.total, currency) - remitted if line.total else self.goods + self.delivery


class _Reader:
    """Amounts as lines of a refund."""

    def __init__(self, order: payloads.Order, currency: str) -> None:
        self._worths = [_Worth(line, currency) for line in order.line_items]
        cancelled = order.cancel_status is not None and order.cancel_status.cancel_state in CANCELLED
        never_sent = cancelled and order.order_fulfillment_status == "NOT_STARTED"
        self._is_returned = False if never_sent else None
        self.lines: list[RefundLine] = []

    def read(self, amount: int, line_item_id: str) -> None:
        if line_item_id or len(self._worths) == 1:
            self._read_of_line(amount, line_item_id or self._worths[0].line.line_item_id)
        elif amount == sum(worth.whole for worth in self._worths):
            for worth in self._worths:
                self._read_of_line(worth.whole, worth.line.line_item_id, worth)
        elif amount == sum(worth.goods for worth in self._worths):
            for worth in self._worths:
                self._add_goods(worth, worth.goods)
        elif amount == sum(worth.delivery for worth in self._worths):
            self._add("shipping", RefundKind.SHIPPING, amount)
        elif amount:
            self._add("order", RefundKind.GOODWILL, amount)

    def _read_of_line(self, amount: int, line_item_id: str, worth: _Worth | None = None) -> None:
        if not amount:
            return
        worth = worth or next((w for w in self._worths if w.line.line_item_id == line_item_id), None)
        if worth is None:
            self._add(line_item_id, RefundKind.GOODWILL, amount)
        elif amount == worth.goods + worth.delivery and worth.delivery > 0:
            self._add_goods(worth, worth.goods)
            self._add(f"{line_item_id}_shipping", RefundKind.SHIPPING, worth.delivery, f"{line_item_id}_shipping")
        elif amount in (worth.whole, worth.goods):
            self._add_goods(worth, amount)
        elif amount == worth.delivery:
            self._add(f"{line_item_id}_shipping", RefundKind.SHIPPING, amount, f"{line_item_id}_shipping")
        else:
            self._add(line_item_id, RefundKind.PRICE, amount, line_item_id, worth.line.sku or "")

    def _add_goods(self, worth: _Worth, amount: int) -> None:
        line = worth.line
        if amount and line.quantity > 0:
            self._add_line(RefundLine(
                line_id=line.line_item_id, kind=RefundKind.GOODS, amount=amount, order_line_id=line.line_item_id,
                sku=line.sku or "", quantity=line.quantity, is_returned=self._is_returned,
            ))  # fmt: skip

    def _add(self, line_id: str, kind: RefundKind, amount: int, order_line_id: str = "", sku: str = "") -> None:
        self._add_line(RefundLine(line_id=line_id, kind=kind, amount=amount, order_line_id=order_line_id, sku=sku))

    def _add_line(self, line: RefundLine) -> None:
        """A line that is there already gets a number, because some orders repeat a line."""
        same = sum(other.line_id.partition("#")[0] == line.line_id for other in self.lines)
        if same:
            line = msgspec.structs.replace(line, line_id=f"{line.line_id}#{same + 1}")
        self.lines.append(line)


def _read_minor(amount: Amount | None, currency: str) -> int:
    """Minor units of the order's currency, 0 for no amount. Refunds are stated in the currency of the seller's payout,
    with the order's currency beside it."""
    if amount is None:
        return 0
    if amount.currency == currency:
        return to_minor(amount.value, currency)
    if amount.converted_from_value and amount.converted_from_currency == currency:
        return to_minor(amount.converted_from_value, currency)
    raise RecordError(
        "mixed_currency",
        f"The order has amounts in {currency} and {amount.currency}.",
        fix="Compare the order in Seller Hub and enter its refund in Odoo by hand.",
        subject=amount.currency,
    )
