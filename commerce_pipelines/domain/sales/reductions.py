"""What refunds took off an order before anything of it was sent or invoiced: fewer units, less shipping, a discount.

The channel goes on stating what was ordered. Both sides of every comparison, the order as it was loaded last and the
channel's newest answer, are therefore taken less these reductions, so that a later answer raises nothing again.

What belongs here: their shape, and orders' lines less them. What does not: what a refund takes off
(domain/returns/uninvoiced.py), their table (warehouse/orders/reductions.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

Line = TypeVar("Line", bound=Any)
Tax = tuple[str, int, bool, str]  # the fields of a TaxKey


class Cut(msgspec.Struct, frozen=True, array_like=True):
    """A part of a reduction. line_id: of the draft. units: of Odoo's product. amount: minor units taken off in the
    order's price basis, negative where they are put on. is_new: the order has no such line: it gets one, with this
    tax."""

    line_id: str
    units: int
    amount: int
    is_new: bool = False
    tax: Tax | None = None


class Reduction(msgspec.Struct, frozen=True, kw_only=True):
    """What one refund took off its order. total: minor units with tax."""

    refund_id: str
    total: int
    cuts: tuple[Cut, ...]


def sum_total(reductions: Iterable[Reduction]) -> int:
    return sum(reduction.total for reduction in reductions)


def is_whole(reductions: Collection[Reduction], total: int) -> bool:
    """Whether they take everything off an order of this total."""
    return bool(reductions) and sum_total(reductions) == total


def reduce_lines(
    lines: Mapping[str, Line], reductions: Iterable[Reduction], make: Callable[[Cut], Line]
) -> dict[str, Line]:
    """Lines with `quantity` and `amount`, by id, less these reductions; nothing is left of a line whose units, or whose
    money alone, are all taken off. make: a new line of nothing, for a cut that has no line."""
    left = dict(lines)
    for cut in (cut for reduction in reductions for cut in reduction.cuts):
        line = left.get(cut.line_id)
        if line is None and cut.is_new:
            line = make(cut)
        if line is None:  # the channel has taken the line out of the order since
            continue
        line = msgspec.structs.replace(line, quantity=line.quantity - cut.units, amount=line.amount - cut.amount)
        if line.quantity <= 0 or not (cut.units or line.amount):
            left.pop(cut.line_id, None)
        else:
            left[cut.line_id] = line
    return left
