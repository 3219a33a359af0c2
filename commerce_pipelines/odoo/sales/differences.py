"""A draft held against the order that Odoo has: what has to happen, and what to tell a person. Pure.

    no order             ──▶ create
    quotation            ──▶ go on: bring in line, confirm
    confirmed, the same  ──▶ keep
    confirmed, differs   ──▶ edit in place; reopen where Odoo forbids it (another product or currency)
                             flag if anything was delivered or invoiced, or if it is locked
    cancelled by us      ──▶ reopen; flag if it was a person, if it is locked or anything was delivered

What belongs here: that table and the comparison of lines. What does not: reading (booked.py), writing (batch.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from ...domain.money import to_decimal
from ...domain.sales.draft import Flag, SaleDraft, line_xid
from .booked import OPEN, Booked, BookedLine
from .rows import Resolved, rounding_xid


class Way(StrEnum):
    CREATE = "create"
    GO_ON = "go on"
    KEEP = "keep"
    EDIT = "edit"
    REOPEN = "reopen"
    FLAG = "flag"


class Difference(msgspec.Struct, frozen=True):
    """One line that differs. text: SKU, was, is. in_place False: Odoo does not let a confirmed line become that."""

    xid: str
    text: str
    in_place: bool = True


class Verdict(msgspec.Struct, frozen=True):
    way: Way
    differences: tuple[Difference, ...] = ()
    flags: tuple[Flag, ...] = ()


def decide(draft: SaleDraft, booked: Booked | None, ids: Resolved, moved: bool) -> Verdict:
    """moved: the channel's address is another than the one that the order goes to."""
    if booked is None:
        return Verdict(Way.CREATE)
    sale = booked.sale
    if sale.state in OPEN:
        return Verdict(Way.GO_ON)
    found = tuple(differences(draft, booked, ids))
    if sale.state == "cancel":
        if booked.by_us and not booked.locked and not sale.delivered:
            return Verdict(Way.REOPEN, found)
        return Verdict(Way.FLAG, found, (_cancelled(),))
    same_total = (sale.currency, sale.total) == (draft.currency, draft.total)
    if not found and same_total and (not moved or sale.delivered or booked.picked or booked.locked):
        return Verdict(Way.KEEP)
    flag = _untouchable(booked, found)
    if flag:
        return Verdict(Way.FLAG, found, (flag,))
    if sale.currency != draft.currency or not all(one.in_place for one in found):
        return Verdict(Way.REOPEN, found)
    return Verdict(Way.EDIT, found)


def differences(draft: SaleDraft, booked: Booked, ids: Resolved) -> Iterator[Difference]:
    """Lines that are new, changed or gone; the rounding line follows from the total and is none of them."""
    wanted = {rounding_xid(draft)}
    for line in draft.lines:
        name = line_xid(draft.channel, draft.order_id, line.line_id)
        wanted.add(name)
        product_id, tax_id = ids.lines[line.line_id]
        label = line.product_code or line.name
        now = f"{line.quantity} for {to_decimal(line.amount, draft.currency)} {draft.currency}"
        was = booked.lines.get(name)
        if was is None:
            yield Difference(name, f"{label}: was not there, is {now}")
        elif was.product_id != product_id:
            yield Difference(name, f"{label}: was another product, is {now}", in_place=False)
        elif (was.quantity, was.amount) != (line.quantity, line.amount):
            yield Difference(name, f"{label}: was {_said(was, booked)}, is {now}")
        elif was.taxes != frozenset({tax_id} if tax_id else ()):
            yield Difference(name, f"{label}: bears another tax")
    for name, was in booked.lines.items():
        if name not in wanted and was.quantity:
            yield Difference(name, f"{was.name.splitlines()[0]}: was {_said(was, booked)}, is gone")


def _said(line: BookedLine, booked: Booked) -> str:
    return f"{line.quantity.normalize():f} for {to_decimal(line.amount, booked.sale.currency)} {booked.sale.currency}"


def _untouchable(booked: Booked, found: tuple[Difference, ...]) -> Flag | None:
    """Why a confirmed order that differs must be left to a person."""
    said = "; ".join(one.text for one in found) or "the total"
    fix = "Settle the difference by hand in Odoo: deliver or return the rest, or credit it."
    if booked.sale.delivered or booked.picked:
        when = "shipped" if booked.sale.delivered else "picked"
        return Flag("edited_after_shipping", f"The channel changed the order after it was {when}: {said}.", fix)
    if booked.invoiced:
        return Flag("edited_after_invoicing", f"The channel changed the order after it was invoiced: {said}.", fix)
    if booked.locked:
        return Flag("order_locked", f"The channel changed the order, which is locked in Odoo: {said}.",
                    "Unlock the sale order in Odoo, then replay; or change it by hand.")  # fmt: skip
    if booked.foreign and not found:
        return Flag("changed_in_odoo", "The total of the sale order was changed in Odoo by lines that a person added.",
                    "If that is right, note it there; if not, set their quantity to 0.")  # fmt: skip
    return None


def _cancelled() -> Flag:
    return Flag(
        "cancelled_in_odoo",
        "The order is paid in the channel, but was cancelled in Odoo.",
        "Cancel it in the channel as well, or set the sale order back to quotation in Odoo and replay.",
    )
