"""The money of one line: its price, discounts and taxes as Shopify states them, as lines of the domain's Order.

What belongs here: arithmetic of one charge, and of the units that edits removed. What does not: which charges an
order has and what it is worth (translate.py, whose opening explains the rules), the shapes (payloads.py).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ....core.errors import RecordError
from ....domain import money
from ....domain.orders.order import LineKind, OrderLine
from ..api.money import Minor
from ..api.payloads import number
from . import payloads

# Index of the discount application -> (its name, the minor units that it takes off).
Discounts = dict[int, tuple[str, int]]


class Taxes(msgspec.Struct, frozen=True, gc=False):
    """One line's tax lines: the seller's tax and its rate in ppm (None: not stated), and what the channel remits."""

    tax: int
    rate: int | None
    collected: int


class Removed(msgspec.Struct):
    """Units of one line that edits removed, and what Shopify says they were worth after discounts."""

    quantity: int = 0
    subtotal: int = 0
    tax: int = 0


NOTHING = Taxes(0, None, 0)


def taxes_of(lines: list[payloads.TaxLine], minor: Minor) -> Taxes:
    """The sum of the line's taxes. If one of the seller's tax lines states no rate, the whole rate is unknown."""
    if not lines:
        return NOTHING
    tax = rate = collected = 0
    complete = True
    for line in lines:
        if line.channelLiable:
            collected += minor(line.priceSet)
            continue
        tax += minor(line.priceSet)
        if line.rate is None:
            complete = False
        else:
            rate += round(line.rate * money.MILLION)
    return Taxes(tax, rate if complete else None, collected)


def discounts_of(allocations: list[payloads.DiscountAllocation], minor: Minor) -> Discounts:
    """Amounts by discount application; an application that takes nothing off is left out."""
    discounts: Discounts = {}
    for allocation in allocations:
        if amount := minor(allocation.allocatedAmountSet):
            by = allocation.discountApplication
            if by.index in discounts:
                amount += discounts[by.index][1]
            discounts[by.index] = (by.code or by.title or "", amount)
    return discounts


def charge(line: OrderLine, discounts: Discounts, taxes: Taxes, *, included: bool, untaxed: bool) -> list[OrderLine]:
    """One charge and its discounts as lines. line: the charge before discounts and without tax. included: prices
    include tax.

    untaxed: a charge without tax lines has the rate 0, not an unknown rate (except a charge that is given away, whose
    rate stays unknown).
    """
    rate, gross = taxes.rate, line.amount
    net = gross - sum([amount for _, amount in discounts.values()]) if discounts else gross
    if rate is None and untaxed and net and not taxes.tax:
        rate = 0
    if included:
        gross -= taxes.collected
    tax = taxes.tax
    reductions = []
    for index, (name, amount) in discounts.items():
        share = _compute_tax_within(amount, net, taxes.tax, rate, included)
        tax += share
        reductions.append(
            OrderLine(
                line_id=f"{line.line_id}-d{index}",
                kind=LineKind.DISCOUNT,
                title=f"Discount {name}" if name else "Discount",
                quantity=1,
                amount=-amount,
                tax=-share,
                rate=rate,
                of=line.line_id,
                is_exchange=line.is_exchange,
            )
        )
    return [msgspec.structs.replace(line, amount=gross, tax=tax, rate=rate), *reductions]


def _compute_tax_within(amount: int, net: int, net_tax: int, rate: int | None, included: bool) -> int:
    """The tax that a discount of `amount` took off, to the nearest minor unit."""
    if rate is None:
        part, whole = net_tax, net
    else:
        part, whole = rate, money.MILLION + rate if included else money.MILLION
    return (2 * amount * part + whole) // (2 * whole) if whole > 0 else 0


def removals_of(order: payloads.Order, minor: Minor) -> dict[str, Removed]:
    """What edits removed, by line id. Units that come back stay sold, in an exchange, too, which may move no money:
    their refund belongs to a return. Raises RecordError(`unknown_edit`) for missing units that no refund explains."""
    removed: dict[str, Removed] = {}
    explained: dict[str, int] = {}
    for refund in order.refunds:
        moved = minor(refund.totalRefundedSet)
        if refund.refundLineItems.pageInfo.hasNextPage:
            raise _build_unknown_edit_error("refunds")
        for row in refund.refundLineItems.nodes:
            line_id = number(row.lineItem.id)
            explained[line_id] = explained.get(line_id, 0) + row.quantity
            if not moved and not refund.return_:
                entry = removed.setdefault(line_id, Removed())
                entry.quantity += row.quantity
                entry.subtotal += minor(row.subtotalSet)
                entry.tax += minor(row.totalTaxSet)
    for item in order.lineItems.nodes:
        line_id = number(item.id)
        if (
            item.quantity - item.currentQuantity > explained.get(line_id, 0)
            or explained.get(line_id, 0) > item.quantity
        ):
            raise _build_unknown_edit_error(line_id)
    return removed


def without(
    removed: Removed, unit: int, discounts: Discounts, taxes: Taxes, *, included: bool, line_id: str
) -> tuple[Discounts, Taxes, int]:
    """The line's discounts and taxes without those of the removed units, and what these units were worth with tax.

    Where prices include tax, and the stated subtotal would leave more discount than the line has, the subtotal was
    stated without its tax.
    """
    price = unit * removed.quantity
    amounts = [amount for _, amount in discounts.values()]
    worth, off = removed.subtotal, price - removed.subtotal
    if included and off > sum(amounts):
        worth, off = worth + removed.tax, off - removed.tax
    if not 0 <= off <= sum(amounts) or not 0 <= removed.tax <= taxes.tax + taxes.collected:
        raise _build_unknown_edit_error(line_id)
    if taxes.collected and removed.tax:
        raise _build_unknown_edit_error(line_id)  # nothing states whose tax it was
    if off:
        parts = money.allocate(off, amounts)
        discounts = {
            index: (name, amount - part) for (index, (name, amount)), part in zip(discounts.items(), parts, strict=True)
        }
    kept = {index: (name, amount) for index, (name, amount) in discounts.items() if amount}
    return kept, Taxes(taxes.tax - removed.tax, taxes.rate, taxes.collected), worth + (0 if included else removed.tax)


def _build_unknown_edit_error(subject: str) -> RecordError:
    return RecordError(
        "unknown_edit",
        "The order was edited in a way whose worth Shopify does not state per line.",
        fix="Compare the order in Shopify and enter it in Odoo by hand.",
        subject=subject,
    )


def stands_alone(lines: Iterable[OrderLine], kind: LineKind) -> bool:
    """Whether no line is of this kind yet."""
    return all(line.kind is not kind for line in lines)
