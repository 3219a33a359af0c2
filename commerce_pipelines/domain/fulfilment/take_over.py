"""What the channel has shipped itself, as deliveries in Odoo: how many units of which open move are done.

What belongs here: this pure rule. What does not: reading and validating deliveries (odoo/fulfilment/), which orders are
due (flows/fulfilment/).

Never more than was ordered, and each unit once: what has left in Odoo already, whoever validated it, is subtracted. A
unit whose delivery was cancelled in Odoo stays cancelled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from ...core.reasons import Reason
from .shipment_plan import OrderedGoods

Group = tuple[str, int, int]  # line, product, part of a kit


class StockMove(msgspec.Struct, frozen=True, kw_only=True):
    """Goods of one order line in Odoo, on their way to the customer, or done.

    line: external id of the order line. part: of a kit, 0 for none. units: that have left, or that are to leave, in the
    move's own unit. is_last: it goes to the customer, and not to another place of the warehouse.
    """

    move_id: int
    picking_id: int
    line: str
    product_id: int
    units: Decimal
    part: int = 0
    is_done: bool = False
    is_last: bool = True
    is_tracked: bool = False


class SoldLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the sale order. ordered: units as Odoo counts them."""

    line: str
    name: str
    ordered: Decimal


def plan_take_over(
    goods: OrderedGoods, lines: Sequence[SoldLine], moves: Sequence[StockMove]
) -> dict[int, Decimal] | Reason:
    """Units by open move that the channel has shipped and Odoo has not delivered; or why that cannot be done."""
    sold = {line.line: line for line in lines if line.ordered > 0}
    shipped = {line.line: Decimal(min(line.shown, line.quantity) * line.pack) for line in goods.lines}
    groups: dict[Group, list[StockMove]] = defaultdict(list)
    for move in moves:
        if move.line in sold and shipped.get(move.line):
            groups[move.line, move.product_id, move.part].append(move)
    units: dict[int, Decimal] = {}
    for (line, _, _), of_group in groups.items():
        last = [move for move in of_group if move.is_last]
        whole = sum((move.units for move in last), Decimal(0))
        left = sum((move.units for move in last if move.is_done), Decimal(0))
        due = whole * min(shipped[line], sold[line].ordered) / sold[line].ordered - left
        if not last and any(not move.is_done for move in of_group):
            return _explain(
                sold[line], "its warehouse delivers in several steps",
                "Deliver from the marketplace's warehouse in one step, or do these steps by hand.",
            )  # fmt: skip
        for move in last:
            taken = min(move.units, due) if not move.is_done else Decimal(0)
            if taken > 0 and move.is_tracked:
                return _explain(
                    sold[line], "nobody says which lot or serial number left",
                    "Enter the numbers in the delivery in Odoo and validate it.",
                )  # fmt: skip
            if taken > 0:
                units[move.move_id] = taken
                due -= taken
    return units


def _explain(line: SoldLine, why: str, fix: str) -> Reason:
    return Reason("not_taken_over", f"{line.name[:40]} was shipped by the marketplace, and {why}.", fix, line.name[:40])
