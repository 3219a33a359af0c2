"""Return -> transfers: which units are expected back, which have arrived, and where they go.

What belongs here: these rules, pure. What does not: reading deliveries and making transfers (odoo/returns/).

**Never more than was delivered** less what came back or is on its way back, by whomever made that transfer. A transfer
of ours that stands is not planned again: only what it lacks is added. **Where to**: the warehouse that delivered, so
that the marketplace's own warehouse gets its own units back. Units that the channel calls damaged go to the quarantine;
so do those of which it says nothing, where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from ...core.errors import RecordError
from ...core.reasons import Reason
from .records import Disposition, Return, ReturnLine, ReturnState
from .sale_books import Packs, SaleLine, find_lines

_EXPECTED = frozenset((ReturnState.ANNOUNCED, ReturnState.RECEIVED, ReturnState.CLOSED))
_OVER = frozenset((ReturnState.CLOSED, ReturnState.CANCELLED, ReturnState.DECLINED))


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """Units that a done move brought to the customer. bom_line: the part of a kit that they are, 0 for none."""

    move_id: int
    picking_id: int
    sale_line: int
    product_id: int
    unit_id: int
    bom_line: int
    units: Decimal


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """Units on their way back, or back. product_id: of a kit, that of its part. origin: the move that had delivered
    them, 0 if nobody says. ours: of a transfer of this return. place: the location that they go to. has_lots: lot or
    serial number of every unit is known."""

    move_id: int
    picking_id: int
    origin: int
    product_id: int
    sale_line: int
    bom_line: int
    units: Decimal
    is_done: bool
    place: int
    ours: bool = False
    has_lots: bool = True


class Goods(msgspec.Struct, frozen=True, kw_only=True):
    """An order's deliveries and returns. kits: units of a component in one unit of a kit, by (line, part of the kit).
    transfers: ours of the return, cancelled ones included."""

    label: str
    order_id: str
    name: str
    lines: tuple[SaleLine, ...]
    delivered: tuple[Delivered, ...]
    backs: tuple[Back, ...]
    kits: Mapping[tuple[int, int], Decimal]
    transfers: int = 0


class Receipt(msgspec.Struct, frozen=True):
    """Units of our open moves that have arrived, by move, and whether they go to the quarantine."""

    units: Mapping[int, Decimal]
    to_quarantine: bool


class ReturnPlan(msgspec.Struct, frozen=True, kw_only=True):
    """new: units to expect by delivered move. must_cancel: our open moves will not arrive any more."""

    new: Mapping[int, Decimal] = {}
    must_cancel: bool = False
    is_expected: bool = True


def plan_return(goods: Goods, returned: Return, packs: Packs) -> ReturnPlan:
    """What is to be expected. Raises RecordError where it cannot be."""
    if returned.state not in _EXPECTED:
        return ReturnPlan(must_cancel=returned.state in _OVER and goods.transfers > 0, is_expected=False)
    is_over = returned.state is ReturnState.CLOSED
    if goods.transfers and not any(back.ours for back in goods.backs):
        return ReturnPlan(is_expected=False)  # a person has cancelled it
    new: dict[int, Decimal] = {}
    free = _find_free(goods)
    for sale_line, units in _sum_units(goods, returned, packs, is_over).items():
        for part, wanted in _divide_by_part(goods, sale_line, units):
            missing = wanted - sum(
                back.units for back in goods.backs if back.ours and (back.sale_line, back.bom_line) == (sale_line, part)
            )
            for move in goods.delivered:
                if (move.sale_line, move.bom_line) == (sale_line, part) and missing > 0 and free[move.move_id] > 0:
                    taken = min(missing, free[move.move_id])
                    new[move.move_id] = new.get(move.move_id, Decimal(0)) + taken
                    free[move.move_id] -= taken
                    missing -= taken
            if missing > 0:
                raise _refuse_excess(goods, sale_line, missing)
    return ReturnPlan(new=new, must_cancel=is_over and goods.transfers > 0, is_expected=bool(new or goods.transfers))


def flag_exchange(goods: Goods, returned: Return) -> tuple[Reason, ...]:
    """A note where the buyer gets other goods, or the same again, and Odoo's order does not have them yet: on a line
    that a person added, or sent once more on the order's own."""
    if returned.state not in _EXPECTED:
        return ()
    missing = [sku for sku in returned.exchange_skus if not _is_sent_instead(goods, sku)]
    if not missing:
        return ()
    named = ", ".join(sku[:40] for sku in missing[:5])
    return (
        Reason(
            "exchange_by_hand",
            f"For the return {returned.rma or returned.return_id} of {goods.name} the buyer gets {named}.",
            "The same product at the same price: send it again by Return for Exchange on the delivery. Anything else: "
            "add a line to the sale order at the marketplace's price, deliver and invoice it, and set off the credit "
            "note of what comes back.",
            missing[0][:40],
        ),
    )


def _is_sent_instead(goods: Goods, sku: str) -> bool:
    lines = [line for line in goods.lines if line.is_goods and line.sku == sku]
    if any(not line.xid and line.ordered > 0 for line in lines):
        return True
    ids = {line.line_id for line in lines}
    out = sum(move.units for move in goods.delivered if move.sale_line in ids and not move.bom_line)
    return bool(ids) and out > sum(line.ordered for line in lines)


def plan_receipt(goods: Goods, returned: Return, packs: Packs, quarantine: int, to_quarantine: bool) -> Receipt:
    """The units of our open moves that have arrived for one of the two places and are not received yet. Raises
    RecordError where a person has to decide."""
    units: dict[int, Decimal] = {}
    for sale_line, arrived in _sum_arrived(goods, returned, packs, quarantine, to_quarantine).items():
        for part, wanted in _divide_by_part(goods, sale_line, arrived):
            ours = [back for back in goods.backs if back.ours and (back.sale_line, back.bom_line) == (sale_line, part)]
            wanted -= sum(back.units for back in ours if back.is_done and (back.place == quarantine) is to_quarantine)
            for back in ours:
                if not back.is_done and wanted > 0:
                    if not back.has_lots:
                        raise _refuse_lots(goods, sale_line)
                    units[back.move_id] = min(wanted, back.units)
                    wanted -= units[back.move_id]
    return Receipt(units, to_quarantine)


def plan_scrap(goods: Goods, returned: Return, packs: Packs, quarantine: int) -> dict[int, Decimal]:
    """Damaged units that lie in the quarantine, by the move that brought them there."""
    units: dict[int, Decimal] = {}
    damaged = [line for line in returned.lines if line.disposition is Disposition.DAMAGED]
    alone = msgspec.structs.replace(returned, lines=tuple(damaged))
    for sale_line, count in _sum_arrived(goods, alone, packs, quarantine, True).items():
        for part, left in _divide_by_part(goods, sale_line, count):
            for back in goods.backs:
                is_here = back.ours and back.is_done and back.place == quarantine
                if is_here and (back.sale_line, back.bom_line) == (sale_line, part) and left > 0:
                    units[back.move_id] = min(left, back.units)
                    left -= units[back.move_id]
    return units


def _sum_units(goods: Goods, returned: Return, packs: Packs, is_over: bool) -> dict[int, int]:
    """Units that are expected, by the order's line; of a return that is over, those that arrived."""
    units: dict[int, int] = {}
    for line in returned.lines:
        count = _count_arrived(returned, line) if is_over else line.quantity
        if count and line.disposition is not Disposition.MISSING:
            sold = _find_line(goods, line)
            pack = packs.get((goods.order_id, line.order_line_id), 1)
            units[sold.line_id] = units.get(sold.line_id, 0) + count * pack
    return units


def _sum_arrived(goods: Goods, returned: Return, packs: Packs, quarantine: int, to_quarantine: bool) -> dict[int, int]:
    units: dict[int, int] = {}
    for line in returned.lines:
        count = _count_arrived(returned, line)
        if not count or line.disposition is Disposition.MISSING:
            continue
        if line.disposition is Disposition.DAMAGED and not quarantine:
            raise RecordError(
                "no_quarantine", f"{count} of {line.sku or 'the goods'} came back damaged to {goods.name}.",
                fix="Name a location outside of the warehouses as `quarantine`, or receive them in Odoo by hand.",
                subject=line.sku[:40],
            )  # fmt: skip
        if (bool(quarantine) and line.disposition is not Disposition.SELLABLE) is to_quarantine:
            sold = _find_line(goods, line)
            pack = packs.get((goods.order_id, line.order_line_id), 1)
            units[sold.line_id] = units.get(sold.line_id, 0) + count * pack
    return units


def _count_arrived(returned: Return, line: ReturnLine) -> int:
    """Units of a line that have arrived. A channel that tells of arrival for the whole return names no units."""
    if returned.state is ReturnState.RECEIVED and not any(other.received for other in returned.lines):
        return line.quantity
    return min(line.received, line.quantity)


def _find_line(goods: Goods, line: ReturnLine) -> SaleLine:
    hits = find_lines(goods.lines, goods.label, goods.order_id, line.order_line_id) if line.order_line_id else []
    if not hits and line.sku:
        hits = [sold for sold in goods.lines if sold.is_goods and sold.sku == line.sku]
    if not hits:
        raise RecordError(
            "unknown_return_line", f"Line {line.line_id[:40]} of the return is about no line of {goods.name} in Odoo.",
            fix="Book the return in Odoo by hand.", subject=line.order_line_id[:40] or line.sku[:40],
        )  # fmt: skip
    return max(hits, key=lambda sold: sold.delivered)


def _divide_by_part(goods: Goods, sale_line: int, units: int) -> Iterable[tuple[int, Decimal]]:
    """(part of the kit, units of it); (0, units) where the line is no kit."""
    parts = {part: in_one for (line, part), in_one in goods.kits.items() if line == sale_line}
    return [(part, units * in_one) for part, in_one in parts.items()] or [(0, Decimal(units))]


def _find_free(goods: Goods) -> dict[int, Decimal]:
    """Delivered units that nobody has sent back, by the move that delivered them."""
    free = {move.move_id: move.units for move in goods.delivered}
    for back in goods.backs:
        if back.origin in free:
            free[back.origin] -= back.units
            continue
        for move in goods.delivered:  # which delivery it was does not matter
            if (move.sale_line, move.bom_line) == (back.sale_line, back.bom_line):
                free[move.move_id] -= back.units
                break
    return free


def _refuse_excess(goods: Goods, sale_line: int, missing: Decimal) -> RecordError:
    [line] = [line for line in goods.lines if line.line_id == sale_line]
    hers = sum(back.units for back in goods.backs if back.sale_line == sale_line and not back.ours)
    others = f", and {hers:f} of them other transfers bring back" if hers else ""
    return RecordError(
        "exceeds_delivery",
        f"{missing:f} more of {line.sku or line.name[:40]} come back than are out: {line.delivered:f} are with the "
        f"customer{others}.",
        fix="Validate the delivery first; where a person has booked the return already, leave it.", subject=line.sku,
    )  # fmt: skip


def _refuse_lots(goods: Goods, sale_line: int) -> RecordError:
    [line] = [line for line in goods.lines if line.line_id == sale_line]
    return RecordError(
        "lot_needed", f"{line.sku or line.name[:40]} came back, and which lot or serial number it is nobody says.",
        fix="Enter the numbers in the open return transfer in Odoo, and validate it there.", subject=line.sku,
    )  # fmt: skip
