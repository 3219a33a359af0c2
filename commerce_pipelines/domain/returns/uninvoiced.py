"""Refund -> what it takes off an order of which it pays back what nobody has and nobody invoiced; or nothing.

What belongs here: this rule, pure. What does not: refunds of what was invoiced (credit.py), the shape of a reduction
(domain/sales/reductions.py), carrying it out (flows/returns/reduce.py).

**Not delivered** is what both sides say: Odoo delivered no such unit, and the channel shipped none, because Odoo may
hear of a parcel later than of the refund. **Back** is what Odoo received again, where nothing of the line is on its way
to the customer: Odoo would not invoice these units any more. **Not invoiced** includes drafts. Where any is in doubt,
nothing is reduced, and the refund waits for the invoice.

**To the minor unit, and by tax**: units go at their price, and what the refund leaves of it goes back to their
discounts; shipping gets less; money for a part of a price, or for no line, becomes a line of its own with the taxes of
what it is about. What the seller keeps of it is a line, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from ..money import MILLION, allocate
from ..orders.order import LineKind, Order, OrderStatus, Shipped
from ..sales.base import Base, SoldLine
from ..sales.draft import line_xid
from ..sales.order_to_draft import spread
from ..sales.reductions import Cut, Reduction, Tax
from .records import Refund, RefundKind, RefundLine, RefundState
from .sale_books import SaleBooks, SaleLine

_CONFIRMED = ("sale", "done")


class SoldOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a refund's order. order: the channel's newest answer. base: as it was loaded last. earlier: what
    other refunds take off it. has_return: goods of it are on their way back, so that they were sent."""

    order: Order
    base: Base
    books: SaleBooks
    earlier: tuple[Reduction, ...] = ()
    has_return: bool = False


def plan_reduction(refund: Refund, sold: SoldOrder) -> Reduction | None:
    """What the refund takes off its order, None where it has to wait for an invoice."""
    left = msgspec.structs.replace(sold.base, reductions=sold.earlier)
    if (
        refund.state is not RefundState.DONE
        or not 0 < refund.total <= left.total_left
        or refund.currency != left.currency
        or sold.books.state not in _CONFIRMED
        or sold.order.status is not OrderStatus.PAID
    ):
        return None
    if _is_edited(sold.order) and not any(line.kind is RefundKind.GOODS for line in refund.lines):
        return None  # it pays back what an edit has taken off the order already
    if refund.total == left.total_left:
        return _take_everything(refund, left, sold)
    try:
        cuts = tuple(_Cutter(refund, left, sold).cut())
    except _InDoubtError:
        return None
    if _is_included(left) and sum(cut.amount for cut in cuts) != refund.total:
        return None
    return Reduction(refund_id=refund.refund_id, total=refund.total, cuts=cuts)


def _is_edited(order: Order) -> bool:
    """Whether the buyer paid more than the order is worth without its refunds."""
    paid = sum(payment.amount for payment in order.payments)
    return paid > order.total + order.collected


class _InDoubtError(Exception):
    """The order cannot be reduced by this refund."""


def _take_everything(refund: Refund, left: Base, sold: SoldOrder) -> Reduction | None:
    """All that is left of the order, of which nothing was delivered and nothing invoiced."""
    goods = [line for line in refund.lines if line.kind is RefundKind.GOODS]
    unsent = bool(goods) and all(line.is_returned is False for line in goods)
    back = any(line.is_returned for line in goods) or sold.has_return
    is_unsent = not back and (unsent or sold.order.shipped is Shipped.NO)
    if not _is_untouched(sold) or not (is_unsent or (_is_home(sold) and not refund.set_off)):
        return None
    cuts = tuple(
        Cut(line_id, line.quantity if line.product_id else 0, line.amount) for line_id, line in left.lines_left.items()
    )
    return Reduction(refund_id=refund.refund_id, total=refund.total, cuts=cuts)


def _is_untouched(sold: SoldOrder) -> bool:
    """Whether nothing of the order was delivered, and it has no invoice, not even a draft."""
    delivered = any(line.delivered > 0 for line in sold.books.lines)
    return not delivered and not any(move.state != "cancel" for move in sold.books.moves)


def _is_home(sold: SoldOrder) -> bool:
    """Whether all goods of the order came back."""
    goods = [line for line in sold.books.lines if line.is_goods]
    return bool(goods) and all(line.is_home and line.delivered <= 0 for line in goods)


def _is_included(base: Base) -> bool:
    return all(line.tax is None or line.tax[2] for line in base.lines.values())


class _Cutter:
    """Divides one refund over the lines of its order; what one line of the refund takes is not there for the next."""

    def __init__(self, refund: Refund, left: Base, sold: SoldOrder) -> None:
        self._refund, self._base, self._sold = refund, left, sold
        self._cuts: list[Cut] = []
        self._lines: Mapping[str, SoldLine] = left.lines_left
        self._of = {line.line_id: line for line in spread(sold.order)}
        self._by_xid = {line.xid: line for line in sold.books.lines if line.xid}

    def cut(self) -> Sequence[Cut]:
        """Raises _InDoubtError."""
        by_kind = sorted(self._refund.lines, key=lambda line: (line.kind is RefundKind.GOODWILL, -line.amount))
        for line in by_kind:
            if line.kind is RefundKind.GOODS:
                self._cut_goods(line)
            elif line.amount:
                self._cut_money(line)
        return self._cuts

    def _add(self, cut: Cut) -> None:
        self._cuts.append(cut)
        reduction = Reduction(refund_id=self._refund.refund_id, total=0, cuts=tuple(self._cuts))
        base = msgspec.structs.replace(self._base, reductions=(*self._base.reductions, reduction))
        self._lines = base.lines_left

    def _add_line(self, amount: int, tax: Tax | None) -> None:
        """A line of the order's for money that belongs to none of it."""
        count = sum(cut.is_new for cut in self._cuts)
        if amount:
            self._add(Cut(f"refund-{self._refund.refund_id}-{count}", 0, amount, True, tax))

    def _cut_goods(self, line: RefundLine) -> None:
        line_id = line.order_line_id or self._find_by_sku(line.sku)
        sold, product = self._lines.get(line_id), self._base.products.get(line_id)
        if sold is None or product is None:
            raise _InDoubtError
        units = line.quantity * product.units
        self._ensure_unsent(line, line_id, sold.quantity - units)
        price = allocate(sold.amount, [sold.quantity - units, units])[1]
        wanted = _take_tax_off(line.amount, line.tax, sold.tax)
        discounts = {
            key: part for key, part in self._lines.items()
            if part.amount < 0 and (of := self._of.get(key)) and of.kind is LineKind.DISCOUNT and of.of == line_id
        }  # fmt: skip
        most = -sum(part.amount for part in discounts.values())
        if any(self._read_booked(key).billed for key in discounts):
            most = 0  # what is invoiced stays: the rest of the discount becomes a line
        lifted = most if units == sold.quantity else min(most, max(0, price - wanted))
        self._add(Cut(line_id, units, price))
        shares = allocate(lifted, [-part.amount for part in discounts.values()]) if lifted else []
        for key, share in zip(discounts, shares, strict=False):
            self._add(Cut(key, 0, -share))
        self._add_line(wanted - (price - lifted), sold.tax)

    def _find_by_sku(self, sku: str) -> str:
        """The one line of goods of this SKU."""
        hits = [line_id for line_id, product in self._base.products.items() if sku and product.sku == sku]
        return hits[0] if len(hits) == 1 else ""

    def _read_booked(self, line_id: str) -> SaleLine:
        """The order's line in Odoo."""
        booked = self._by_xid.get(line_xid(self._sold.books.label, self._sold.books.order_id, line_id))
        if booked is None:
            raise _InDoubtError
        return booked

    def _ensure_unsent(self, line: RefundLine, line_id: str, left: int) -> None:
        """left: units of Odoo's product that would be left of the order's line."""
        booked, order = self._read_booked(line_id), self._sold.order
        is_back = self._is_back(line_id)
        billed = self._sold.books.count_invoiced(booked) if is_back else booked.billed
        if left < 0 or max(booked.delivered, billed) > left or (line.is_returned and not is_back):
            raise _InDoubtError
        if is_back:
            return
        if line.is_returned is None and (self._sold.has_return or order.shipped is not Shipped.NO):
            of, product = self._of.get(line_id), self._base.products[line_id]
            counted = of and of.shipped and order.shipped is Shipped.PARTLY and not self._sold.has_return
            if not (of and counted and of.shipped * product.units <= left):
                raise _InDoubtError

    def _is_back(self, line_id: str) -> bool:
        """Whether units of this line came back, and none is on its way. What pays for other goods of an exchange is a
        credit note."""
        return self._read_booked(line_id).is_home and not self._refund.set_off

    def _ensure_money_free(self) -> None:
        """Money without goods takes something off an untouched order only, or, beside goods that came back, off one
        that is not invoiced."""
        goods = [line for line in self._refund.lines if line.kind is RefundKind.GOODS]
        if any(self._is_back(line.order_line_id or self._find_by_sku(line.sku)) for line in goods):
            if any(move.state != "cancel" for move in self._sold.books.moves):
                raise _InDoubtError
        elif not _is_untouched(self._sold) or self._sold.order.shipped is not Shipped.NO or self._sold.has_return:
            raise _InDoubtError

    def _cut_money(self, line: RefundLine) -> None:
        self._ensure_money_free()
        about = self._find_charged(line)
        if line.kind is RefundKind.SHIPPING and len(about) == 1:
            [(line_id, part)] = about.items()
            wanted = _take_tax_off(line.amount, line.tax, part.tax)
            if 0 < wanted <= part.amount:
                return self._add(Cut(line_id, 0, wanted))
        weights = _sum_by_tax(about.values())
        if line.kind is RefundKind.GOODWILL and line.amount < 0 and any(cut.amount > 0 for cut in self._cuts):
            weights = self._sum_cuts_by_tax()
        if not any(weights.values()):
            raise _InDoubtError
        for tax, share in zip(weights, allocate(line.amount, list(weights.values())), strict=True):
            self._add_line(_take_tax_off(share, line.tax if len(weights) == 1 else None, tax), tax)
        return None

    def _find_charged(self, line: RefundLine) -> dict[str, SoldLine]:
        """The order's lines that money is paid back for: one, its parts by rate, all of shipping, or all."""
        if line.kind is RefundKind.GOODWILL:
            return dict(self._lines)
        of = line.order_line_id or (self._find_by_sku(line.sku) if line.sku else "")
        hits = {key: part for key, part in self._lines.items() if of and (key == of or key.startswith(f"{of}-"))}
        hits = {of: hits[of]} if of in hits else {key: part for key, part in hits.items() if part.amount > 0}
        if not hits and line.kind is RefundKind.SHIPPING:
            shipping = {key for key, part in self._of.items() if part.kind is LineKind.SHIPPING}
            hits = {key: part for key, part in self._lines.items() if key in shipping}
        if not hits:
            raise _InDoubtError
        return hits

    def _sum_cuts_by_tax(self) -> dict[Tax | None, int]:
        """Money of the cuts so far, with tax."""
        taken: dict[Tax | None, int] = {}
        for cut in self._cuts:
            tax = cut.tax if cut.is_new else self._base.lines[cut.line_id].tax
            taken[tax] = taken.get(tax, 0) + _add_tax(cut.amount, tax)
        return {tax: amount for tax, amount in taken.items() if amount > 0}


def _sum_by_tax(lines: Iterable[SoldLine]) -> dict[Tax | None, int]:
    """Money with tax, by tax, what is positive of it."""
    sums: dict[Tax | None, int] = {}
    for line in lines:
        sums[line.tax] = sums.get(line.tax, 0) + _add_tax(line.amount, line.tax)
    return {tax: amount for tax, amount in sums.items() if amount > 0}


def _add_tax(amount: int, tax: Tax | None) -> int:
    return amount if tax is None or tax[2] else round(Fraction(amount * (MILLION + tax[1]), MILLION))


def _take_tax_off(amount: int, stated: int | None, tax: Tax | None) -> int:
    """An amount with tax in the price basis of a line with this tax. stated: the tax in it, None if not stated."""
    if tax is None or tax[2]:
        return amount
    return amount - (round(Fraction(amount * tax[1], MILLION + tax[1])) if stated is None else stated)
