"""What the channel changed on an order since its last load, and what a person changed in Odoo meanwhile. Pure.

    then = now                  nothing is written, whatever Odoo has; a difference in Odoo is a person's change
    then ≠ now, Odoo as then    to be written
    then ≠ now, Odoo as now     done already: by a person, or by a run that died before it wrote its ledger
    then ≠ now, Odoo neither    both changed it: a person decides, no line is written

For an order without a base (loaded before bases existed) Odoo's state counts as the last load: quantities and amounts
are compared, products and taxes are not, because today's meaning of a SKU says nothing of an earlier sale.

What belongs here: this comparison of lines. What does not: what follows from it (next_step.py), addresses
(moved_addresses.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from ...domain.money import MILLION, to_decimal
from ...domain.sales.base import SoldLine
from ...domain.sales.draft import DraftLine, SaleDraft, line_xid
from .booked import Booked, BookedLine
from .rows import rounding_xid


class Who(StrEnum):
    CHANNEL = "channel"
    BOTH = "both"
    PERSON = "person"
    DONE = "done"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One changed line. text: SKU, old and new figures. line: the line as the channel has it, None if it is gone.
    in_place: False if Odoo does not let a confirmed line change so. same_tax: the line keeps its taxes in Odoo. gross:
    minor units by which writing the line changes the total."""

    xid: str
    text: str
    who: Who
    line: DraftLine | None = None
    in_place: bool = True
    same_product: bool = True
    same_tax: bool = True
    gross: int = 0


class _Figures(NamedTuple):
    """The figures of a line that are compared."""

    product_id: int
    quantity: int | Decimal
    amount: int


_NOTHING = _Figures(0, 0, 0)


def differences(draft: SaleDraft, booked: Booked) -> list[Difference]:
    """The lines that the channel or a person changed, without the rounding line, which follows from the total."""
    now = {line_xid(draft.channel, draft.order_id, line.line_id): line for line in draft.lines}
    if draft.before is None:
        return list(_compare_without_base(draft, booked, now))
    then = {line_xid(draft.channel, draft.order_id, key): line for key, line in draft.before.lines_left.items()}
    compared = [_compare(draft, booked, name, then.get(name), now.get(name)) for name in dict.fromkeys((*now, *then))]
    return [*filter(None, compared), *_find_added(booked, {*now, *then, rounding_xid(draft)})]


def _compare(
    draft: SaleDraft, booked: Booked, name: str, then: SoldLine | None, now: DraftLine | None
) -> Difference | None:
    has = booked.lines.get(name)
    was, wanted = _read_sold(then), _read_drafted(now)
    there = _read_booked(has, bool(was.product_id or wanted.product_id))
    same_tax = then is not None and now is not None and then.tax == _build_tax_key(now)
    news = wanted != was or not (same_tax or now is None)
    if not news:
        if there == was:
            return None
        return Difference(xid=name, who=Who.PERSON, text=_describe_difference(booked, has, now, there, wanted))
    text = f"{_name_line(now, has)}: was {_describe_figures(was, booked)}, is {_describe_figures(wanted, booked)}"
    if wanted == was:
        text = f"{_name_line(now, has)}: has another tax"
    if there == wanted and wanted != was:
        return Difference(
            xid=name, who=Who.DONE, text=text, line=now, gross=_compute_gross(now) - _compute_gross_sold(then)
        )
    if there != was:
        text = f"{text}; in Odoo it is {_describe_figures(there, booked)}"
        return Difference(xid=name, who=Who.BOTH, text=text, line=now)
    same_product = not (was.quantity and wanted.quantity) or was.product_id == wanted.product_id
    if not same_product:
        text = f"{_name_line(now, has)}: was another product, is {_describe_figures(wanted, booked)}"
    return Difference(
        xid=name, who=Who.CHANNEL, text=text, line=now, in_place=same_product, same_product=same_product,
        same_tax=same_tax, gross=_compute_gross(now) - _compute_gross_sold(then),
    )  # fmt: skip


def _compare_without_base(draft: SaleDraft, booked: Booked, now: dict[str, DraftLine]) -> Iterator[Difference]:
    for name, line in now.items():
        has = booked.lines.get(name)
        there, wanted = _read_booked(has, bool(line.product_id)), _read_drafted(line)
        if there[1:] == wanted[1:]:
            continue
        text = (
            f"{_name_line(line, has)}: was {_describe_figures(there, booked)}, is {_describe_figures(wanted, booked)}"
        )
        other = has is not None and bool(has.quantity) and there.product_id != wanted.product_id
        gross = _compute_gross(line) - (_compute_gross(line, there.amount) if there.quantity else 0)
        yield Difference(
            xid=name, who=Who.BOTH if other and line.product_id else Who.CHANNEL, line=line, text=text, gross=gross,
            same_tax=there.quantity > 0,
        )  # fmt: skip
    for name, has in booked.lines.items():
        if name not in now and name != rounding_xid(draft) and has.quantity:
            text = f"{_name_line(None, has)}: was {_describe_figures(_read_booked(has, True), booked)}, is gone"
            yield Difference(xid=name, who=Who.CHANNEL, text=text, gross=-has.amount)
    yield from _find_added(booked, set(booked.lines))


def _find_added(booked: Booked, ours: set[str]) -> Iterator[Difference]:
    """Lines that a person added. A line of ours that no answer contains any more counts as theirs too."""
    for name, line in booked.lines.items():
        if name not in ours and line.quantity:
            yield Difference(xid=name, who=Who.PERSON, text=f"{_name_line(None, line)} was added")
    for line_id in booked.foreign:
        yield Difference(xid=str(line_id), who=Who.PERSON, text="a line was added")


def _describe_difference(
    booked: Booked, has: BookedLine | None, now: DraftLine | None, there: _Figures, wanted: _Figures
) -> str:  # fmt: skip
    if there[1:] == wanted[1:]:
        return f"{_name_line(now, has)}: another product"
    return f"{_name_line(now, has)}: {_describe_figures(there, booked)} instead of {_describe_figures(wanted, booked)}"


def _name_line(line: DraftLine | None, has: BookedLine | None) -> str:
    if line is not None and (line.product_code or line.name):
        return line.product_code or line.name
    return has.name.splitlines()[0] if has and has.name else "a line"


def _describe_figures(figures: _Figures, booked: Booked) -> str:
    if not figures.quantity:
        return "nothing"
    currency = booked.sale.currency
    return f"{Decimal(figures.quantity).normalize():f} for {to_decimal(figures.amount, currency)} {currency}"


def _read_sold(line: SoldLine | None) -> _Figures:
    return _Figures(line.product_id, line.quantity, line.amount) if line else _NOTHING


def _read_drafted(line: DraftLine | None) -> _Figures:
    return _Figures(line.product_id, line.quantity, line.amount) if line else _NOTHING


def _read_booked(line: BookedLine | None, is_product: bool) -> _Figures:
    """is_product: the line sells a product. For any other kind of line, Odoo decides which service product it has."""
    if line is None or not line.quantity:
        return _NOTHING
    return _Figures(line.product_id if is_product else 0, line.quantity, line.amount)


def _build_tax_key(line: DraftLine) -> tuple[str, int, bool, str] | None:
    tax = line.tax
    return (tax.country, tax.rate, tax.included, tax.regime) if tax else None


def _compute_gross(line: DraftLine | None, amount: int | None = None) -> int:
    """Minor units that the buyer pays for a line. The rounding bound covers the differences of rounding a tax on
    top."""
    if line is None:
        return 0
    return _add_tax(line.amount if amount is None else amount, _build_tax_key(line))


def _compute_gross_sold(line: SoldLine | None) -> int:
    return _add_tax(line.amount, line.tax) if line else 0


def _add_tax(amount: int, tax: tuple[str, int, bool, str] | None) -> int:
    if tax is None or tax[2]:
        return amount
    return round(Decimal(amount) * (MILLION + tax[1]) / MILLION)
