"""A credit note's lines -> lines of the channel's order, to the minor unit.

What belongs here: this mapping, pure. What does not: whether the credit note is paid back at all (refund_plan.py), what
a marketplace makes of the lines (channels/*/refunding/).

A line is the order's line that it is linked to; without a link, the one line with its product; without a product, it
is goodwill. A discount belongs to the line that it reduced. Units are told only where their money is what the order
charged for them: any other amount is a part of the price, because the channel would pay back the units' own price.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from ...core.errors import RecordError
from ..orders.order import LineKind, Order, OrderLine
from ..returns.records import RefundKind
from ..returns.sale_books import Move, MoveLine, SaleBooks
from .buyer_refunds import PaidLine


class _Sum(msgspec.Struct, kw_only=True):
    """What a credit note says of one line of the order. units: of Odoo's product."""

    amount: int = 0
    units: Decimal = Decimal(0)


def map_credit_lines(books: SaleBooks, move: Move, order: Order, packs: Mapping[str, int]) -> tuple[PaidLine, ...]:
    """The lines that the channel pays back; they add up to the credit note. packs: units of Odoo's product in one unit
    sold, by the order's line, where it is not one. Raises RecordError(`unmapped_credit_line`)."""
    lines = {line.line_id: line for line in order.lines}
    origins = {sold.line_id: line for line in order.lines for sold in books.lines_of(line.line_id)}
    sums: dict[str, _Sum] = {}
    goodwill = move.total - sum(part.total for part in move.lines)  # what Odoo's rounding of the taxes adds
    for part in move.lines:
        line = _find_line(books, move, part, origins)
        target = _find_target(line, lines) if line else None
        if target is None:
            goodwill += part.total
            continue
        of_line = sums.setdefault(target.line_id, _Sum())
        of_line.amount += part.total
        of_line.units += part.quantity if line is target else 0
    mapped = [
        _build_line(lines[line_id], of_line, order, packs.get(line_id, 1))
        for line_id, of_line in sums.items() if of_line.amount
    ]  # fmt: skip
    extra = [PaidLine(kind=RefundKind.GOODWILL, amount=goodwill)] if goodwill else []
    return (*mapped, *extra)


def _find_line(books: SaleBooks, move: Move, part: MoveLine, origins: Mapping[int, OrderLine]) -> OrderLine | None:
    """The order's line that a credit note's line is about; None for money for no line."""
    linked = part.sale_lines
    if not linked and part.product_id:
        linked = frozenset(sold.line_id for sold in books.lines if sold.product_id == part.product_id)
    if not linked and not part.product_id:
        return None
    hits = {origins[sold].line_id: origins[sold] for sold in linked if sold in origins}
    if len(hits) != 1 or not linked <= origins.keys():
        raise RecordError(
            "unmapped_credit_line",
            f"A line of the credit note {move.label} is about no line of the order in the channel, or about several.",
            fix="Pay it back in the marketplace yourself: the credit note is recognised when the refund is reported.",
            subject=move.label,
        )  # fmt: skip
    return next(iter(hits.values()))


def _find_target(line: OrderLine, lines: Mapping[str, OrderLine]) -> OrderLine | None:
    """The line that the money counts for: a discount's is the line that it reduced, and of the whole order none."""
    if line.kind is LineKind.DISCOUNT:
        return lines.get(line.of)
    return None if line.kind is LineKind.ROUNDING else line


def _build_line(line: OrderLine, of_line: _Sum, order: Order, pack: int) -> PaidLine:
    if line.kind is LineKind.SHIPPING:
        return PaidLine(kind=RefundKind.SHIPPING, amount=of_line.amount, order_line_id=line.line_id)
    quantity = _count_units(line, of_line, order, pack) if line.kind is LineKind.PRODUCT else 0
    kind = RefundKind.GOODS if quantity else RefundKind.PRICE
    return PaidLine(kind=kind, amount=of_line.amount, order_line_id=line.line_id, quantity=quantity)


def _count_units(line: OrderLine, of_line: _Sum, order: Order, pack: int) -> int:
    """Units sold whose charge is the amount, to the minor unit that rounding may take; 0 where it is another."""
    units, rest = divmod(of_line.units, pack)
    quantity = int(units)
    if rest or units != quantity or not 0 < quantity <= line.quantity:
        return 0
    charged = [line, *(other for other in order.lines if other.kind is LineKind.DISCOUNT and other.of == line.line_id)]
    whole = sum(part.amount + (0 if order.prices_include_tax else part.tax) for part in charged)
    return quantity if abs(of_line.amount * line.quantity - whole * quantity) <= line.quantity else 0
