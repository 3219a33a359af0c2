"""Amazon's refund transactions -> the domain's refunds. Pure.

What belongs here: which lines a refund has. What does not: the types (transactions.py), what an amount is for
(breakdowns.py), what follows in Odoo.

The posted amount is what the seller loses, fees included; the refund is what the buyer gets back of the seller: prices,
their tax, shipping, less what the seller keeps. Fees that Amazon gives back are no part of it. Tax that Amazon had
withheld is `collected`. A deferred refund counts as done, because only the seller's payout is deferred.

Amazon names the SKU, not the order's item, and the units that were *shipped*: the number of units is theirs, and
whether they come back is said by a return only.
"""

from __future__ import annotations

from datetime import UTC

from ....core.errors import RecordError
from ....domain.returns.records import Outline, Refund, RefundKind, RefundLine, RefundState
from . import transactions
from .breakdowns import Part, Sums, read_minor, sum_prices, sum_up

PRODUCT = "ProductContext"
_KINDS = {
    Part.SHIPPING: RefundKind.SHIPPING,
    Part.WRAP: RefundKind.PRICE,
    Part.GOODWILL: RefundKind.GOODWILL,
    Part.RESTOCKING: RefundKind.GOODWILL,
}


def translate(transaction: transactions.Transaction, channel: str) -> Refund:
    """Raises RecordError: `bad_payload`, `bad_amount`, `mixed_currency`, `unbalanced`, `unknown_charge`."""
    currency = transaction.total_amount.currency_code
    items = transaction.items or []
    lines: list[RefundLine] = []
    collected = posted = 0
    if any(item.breakdowns for item in items):
        for number, item in enumerate(items, 1):
            sums = _sum_up_item(item, currency)
            posted += sums.total()
            collected += sum(sums.withheld.values())
            lines += _build_lines(sums, _name(item, number, lines), _find_product(item))
    else:  # some kinds of transactions break down only their whole
        sums = sum_up(transaction.breakdowns or [], currency)
        posted = sums.total()
        collected = sum(sums.withheld.values())
        product = _find_product(items[0]) if len(items) == 1 else transactions.Context()
        lines = _build_lines(sums, "all", product)
    off = read_minor(transaction.total_amount, currency) - posted
    if off:
        raise _build_unbalanced_error("refund", off, currency)
    posted_at = transaction.posted_date.astimezone(UTC)
    return Refund(
        channel=channel,
        refund_id=transactions.key_of(transaction.transaction_id, transaction.related_identifiers),
        order_id=transactions.order_id_of(transaction.related_identifiers),
        created_at=posted_at,
        updated_at=posted_at,
        state=RefundState.DONE,
        currency=currency,
        total=sum(line.amount for line in lines),
        lines=tuple(lines),
        collected=collected,
    )


def outline(transaction: transactions.Transaction) -> Outline:
    """The total without Amazon's fees and its own tax, where the parts come to it; an amount of an unknown name counts
    for the buyer."""
    currency = transaction.total_amount.currency_code
    of_items = [part for item in transaction.items or [] for part in item.breakdowns or []]
    try:
        back = sum_prices(of_items or transaction.breakdowns or [], read_minor(transaction.total_amount, currency),
                          currency)  # fmt: skip
    except RecordError:
        back = None
    return Outline(
        order_id=transactions.order_id_of(transaction.related_identifiers), currency=currency,
        total=None if back is None else -back,
    )  # fmt: skip


def _sum_up_item(item: transactions.Item, currency: str) -> Sums:
    sums = sum_up(item.breakdowns or [], currency)
    off = read_minor(item.total_amount, currency) - sums.total() if item.total_amount else 0
    if off:
        raise _build_unbalanced_error("refund's item", off, currency)
    return sums


def _build_lines(sums: Sums, name: str, product: transactions.Context) -> list[RefundLine]:
    """One line for each part that is worth something. Amazon's minus is what the buyer gets."""
    lines = []
    sku, units = product.sku or "", abs(product.quantity_shipped or 0)
    for part in Part:
        net, tax, withheld = sums.net.get(part, 0), sums.tax.get(part), sums.withheld.get(part, 0)
        amount = -(net + (tax or 0) + withheld)
        if not amount:
            continue
        is_goods = part is Part.GOODS
        kind = _KINDS.get(part) or (RefundKind.GOODS if units else RefundKind.PRICE)
        lines.append(
            RefundLine(
                line_id=name if is_goods else f"{name}-{part.value}",
                kind=kind,
                amount=amount,
                tax=None if tax is None else -(tax + withheld),
                sku=sku,
                quantity=units if kind is RefundKind.GOODS else 0,
            )
        )
    return lines


def _name(item: transactions.Item, number: int, lines: list[RefundLine]) -> str:
    """Amazon's id of the item's adjustment, else its place."""
    ids = [
        row.item_related_identifier_value
        for row in item.related_identifiers or ()
        if row.item_related_identifier_name == "ORDER_ADJUSTMENT_ITEM_ID"
    ]
    name = ids[0] if ids and ids[0] else str(number)
    return f"{name}#{number}" if any(line.line_id.startswith(name) for line in lines) else name


def _find_product(item: transactions.Item) -> transactions.Context:
    contexts = [context for context in item.contexts or () if context.context_type == PRODUCT]
    return contexts[0] if contexts else transactions.Context()


def _build_unbalanced_error(what: str, off: int, currency: str) -> RecordError:
    return RecordError(
        "unbalanced",
        f"The parts of the {what} differ from its total by {off} minor units of {currency}.",
        fix="Compare the refund in Seller Central and enter it in Odoo by hand.",
        subject=currency,
    )
