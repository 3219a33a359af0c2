"""Return -> claims: what the module `rma` of the Odoo Community Association shows of it, where that is installed.

What belongs here: which claims a return has and in which state each is, pure. What does not: reading and writing them
(odoo/returns/claims.py), the goods (goods.py), the money (credit.py).

A claim is about units of one delivered move. It moves no goods and no money: the transfer and the credit note are those
of the return and the refund, and the claim points to them. A claim only advances, and one that a person took further,
or called off, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from ..sales.draft import slug
from .goods import Delivered, Goods
from .outcomes import CreditOutcome
from .records import Refund, RefundKind, Return, ReturnState
from .sale_books import Packs, SaleLine, find_lines


class ClaimState(StrEnum):
    """Of the module's states those that a return leads to; the others are a person's."""

    DRAFT = "draft"
    CONFIRMED = "confirmed"  # the goods are expected
    RECEIVED = "received"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


_RANK = {state: rank for rank, state in enumerate(ClaimState)}
_CALLED_OFF = frozenset((ReturnState.CANCELLED, ReturnState.DECLINED, ReturnState.CLOSED))


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One claim as it shall be. move: the delivered move that its units come from. place: where they go. reception: the
    move that brought the last of them back, 0 while some are still to come. note: the credit note, 0 for none."""

    name: str
    state: ClaimState
    move: Delivered
    units: Decimal
    place: int
    reception: int = 0
    note: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One claim as it is in Odoo."""

    claim_id: int
    name: str
    state: str
    units: Decimal
    reception: int
    note: int


def begin_names(label: str, return_id: str) -> str:
    """How the external ids of a return's claims begin."""
    return f"{label}_rma_{slug(return_id)}_"


def plan_claims(goods: Goods, returned: Return, notes: Mapping[int, int]) -> list[Claim]:
    """A claim for each delivered move that units of the return come from. goods: as of `plan_return`. notes: the credit
    note that pays back the return's units of a line of the order, see `find_notes`."""
    claims = []
    for move in goods.delivered:
        backs = [back for back in goods.backs if back.ours and back.origin == move.move_id]
        if not backs:
            continue
        done = [back for back in backs if back.is_done]
        all_back = len(done) == len(backs)
        note = notes.get(move.sale_line, 0)
        state = ClaimState.CONFIRMED if not all_back else ClaimState.REFUNDED if note else ClaimState.RECEIVED
        claims.append(Claim(
            name=f"{begin_names(goods.label, returned.return_id)}{move.move_id}", state=state, move=move,
            units=sum((back.units for back in backs), Decimal(0)), place=backs[-1].place,
            reception=done[-1].move_id if all_back else 0, note=note,
        ))  # fmt: skip
    return claims


def find_changes(claim: Claim, standing: Standing) -> dict[str, str | int | float]:
    """Odoo's fields in which a claim that is there has to change."""
    if standing.state not in (ClaimState.DRAFT, ClaimState.CONFIRMED, ClaimState.RECEIVED):
        return {}
    changes: dict[str, str | int | float] = {}
    if _RANK[claim.state] > _RANK[ClaimState(standing.state)]:
        changes["state"] = claim.state.value
    if claim.units != standing.units:
        changes["product_uom_qty"] = float(claim.units)
    if claim.reception and claim.reception != standing.reception:
        changes["reception_move_id"] = claim.reception
    if claim.note and claim.note != standing.note:
        changes["refund_id"] = claim.note
    return changes


def is_called_off(returned: Return, standing: Standing, wanted: Iterable[Claim]) -> bool:
    """Whether nothing of a claim will come any more. An order that was not read as a whole calls nothing off."""
    is_open = standing.state in (ClaimState.DRAFT, ClaimState.CONFIRMED)
    return returned.state in _CALLED_OFF and is_open and standing.name not in {claim.name for claim in wanted}


def find_notes(
    sales: Mapping[str, Goods],
    returns: Sequence[Return],
    refunds: Sequence[Refund],
    credited: Mapping[str, CreditOutcome],
    packs: Packs,
) -> dict[str, dict[int, int]]:
    """The credit note that pays back a return's units, by return and line of the sale order.

    sales: as of each return, by its id. A refund that names its return pays for that one first; others pay for the
    order's returns in turn. A line whose units no refund pays back whole has none, and money without units counts for
    none.
    """
    left = _count_credited(sales, refunds, credited, packs)
    result: dict[str, dict[int, int]] = {}
    for returned in sorted(returns, key=lambda returned: (returned.created_at, returned.return_id)):
        if goods := sales.get(returned.return_id):
            own = _count_expected(goods)
            result[returned.return_id] = {
                line: note for line, units in own.items() if (note := _take(left, returned, line, units))
            }
    return result


class _Credit(msgspec.Struct):
    order_id: str
    return_id: str
    line: int
    units: Decimal
    note: int


def _count_credited(
    sales: Mapping[str, Goods], refunds: Sequence[Refund], credited: Mapping[str, CreditOutcome], packs: Packs
) -> list[_Credit]:
    """Units on credit notes, by refund and line of the sale order."""
    by_order = {goods.order_id: goods for goods in sales.values()}
    credits = []
    for refund in refunds:
        outcome, goods = credited.get(refund.refund_id), by_order.get(refund.order_id)
        if not outcome or not outcome.odoo_id or outcome.reason or not goods:
            continue
        for part in refund.lines:
            hits = _match_line(goods, part.order_line_id, part.sku) if part.kind is RefundKind.GOODS else []
            units = Decimal(part.quantity * packs.get((refund.order_id, part.order_line_id), 1))
            credits += [_Credit(refund.order_id, refund.return_id, hit.line_id, units, outcome.odoo_id) for hit in hits]
    return credits


def _match_line(goods: Goods, line_id: str, sku: str) -> list[SaleLine]:
    hits = find_lines(goods.lines, goods.label, goods.order_id, line_id) if line_id else []
    if not hits and sku:
        hits = [sold for sold in goods.lines if sold.is_goods and sold.sku == sku]
    return [max(hits, key=lambda sold: sold.delivered)] if hits else []


def _count_expected(goods: Goods) -> dict[int, Decimal]:
    """Units of the return by line of the sale order; of a kit, whole kits by their first part."""
    units: dict[tuple[int, int], Decimal] = {}
    for back in goods.backs:
        if back.ours:
            key = back.sale_line, back.bom_line
            units[key] = units.get(key, Decimal(0)) + back.units / goods.kits.get(key, Decimal(1))
    by_line: dict[int, Decimal] = {}
    for (line, _), count in units.items():
        by_line.setdefault(line, count)
    return by_line


def _take(left: Sequence[_Credit], returned: Return, line: int, units: Decimal) -> int:
    """The credit note that pays for the last of these units, 0 where some are not paid back; paid units are used up."""
    fitting = [
        credit for credit in left
        if credit.order_id == returned.order_id and credit.line == line and credit.units > 0
        and credit.return_id in ("", returned.return_id)
    ]  # fmt: skip
    if sum(credit.units for credit in fitting) < units:
        return 0
    note = 0
    for credit in sorted(fitting, key=lambda credit: credit.return_id == ""):
        if units > 0:
            taken = min(units, credit.units)
            credit.units, units, note = credit.units - taken, units - taken, credit.note
    return note
