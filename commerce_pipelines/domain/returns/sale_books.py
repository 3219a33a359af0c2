"""A sale as Odoo has it, with its invoices and credit notes: what planning a credit note needs to know.

What belongs here: the shapes, and sums over them. What does not: reading them (odoo/returns/invoiced_orders.py), what
is planned (credit.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

import msgspec

from ..sales.draft import line_xid, slug

TaxIds = tuple[int, ...]
Packs = Mapping[tuple[str, str], int]  # (order id, line id) -> units of Odoo's product in one unit sold, where not 1


_UNITS = re.compile(r"_([ub])(\d+)$")


def credit_xid(label: str, refund_id: str) -> str:
    """External id of a refund's credit note."""
    return f"{label}_refund_{slug(refund_id)}"


def credit_line_xid(note: str, line_id: str, units_of: int, may_link: bool) -> str:
    """External id of a credit note's line. It says of which line of the order it credits units, and whether it is to be
    linked to that line when they come back."""
    suffix = f"_{'b' if may_link else 'u'}{units_of}" if units_of else ""
    return f"{note}_line_{slug(line_id)}{suffix}"


def read_units_of(xid: str) -> tuple[int, bool]:
    """(the order's line of which a credit note's line credits units, 0 for none; whether it may be linked to it)."""
    hit = _UNITS.search(xid)
    return (int(hit[2]), hit[1] == "b") if hit else (0, False)


class Tax(msgspec.Struct, frozen=True):
    """rate: parts per million. is_percent: whether the rate says all about it."""

    rate: int
    included: bool
    is_percent: bool = True


class SaleLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the sale order. xid: '' for a line that a person added. by_delivery: invoiced as it is delivered.
    billed: units on invoices less units on credit notes, drafts included, as Odoo counts them. is_home: units of it
    came back, and none is on its way to the customer. is_leaving: a transfer is still to bring units of it there."""

    line_id: int
    xid: str
    name: str
    product_id: int
    sku: str
    unit_id: int
    by_delivery: bool
    is_goods: bool
    is_shipping: bool
    ordered: Decimal
    delivered: Decimal
    billed: Decimal
    taxes: TaxIds
    is_home: bool = False
    is_leaving: bool = False

    @property
    def came_back(self) -> int:
        """Units that came back, or, where a product is invoiced as it is ordered, that were taken off the order since,
        and that are on no credit note that Odoo counts."""
        due = self.delivered if self.by_delivery else self.ordered
        return max(0, int(self.billed - due)) if self.is_goods else 0


def find_lines(lines: Iterable[SaleLine], label: str, order_id: str, line_id: str) -> list[SaleLine]:
    """The order's lines that the channel's line became: one, or one for each rate."""
    name = line_xid(label, order_id, line_id)
    ours = [line for line in lines if line.xid.startswith(name)]
    return [line for line in ours if line.xid == name] or [line for line in ours if line.xid.startswith(f"{name}-")]


class MoveLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an invoice or credit note. total: minor units with tax. sale_lines: of any order. product_id: 0 for
    none."""

    line_id: int
    xid: str
    sale_lines: frozenset[int]
    quantity: Decimal
    total: int
    taxes: TaxIds
    account_id: int
    analytic: str
    product_id: int = 0


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice or credit note. xid: '' for one that we did not make. Amounts are minor units of its currency. ref:
    its reference, as people write it."""

    move_id: int
    xid: str
    name: str
    is_credit: bool
    state: str
    payment_state: str
    total: int
    tax: int
    residual: int
    currency: str
    currency_id: int
    partner_id: int
    journal_id: int
    position_id: int
    dated: date | None
    booked: date | None
    reversed_id: int
    lines: tuple[MoveLine, ...]
    ref: str = ""

    @property
    def label(self) -> str:
        """How a person finds it: a draft has no number."""
        return self.name or f"draft {self.move_id}"


class SaleBooks(msgspec.Struct, frozen=True, kw_only=True):
    """One order with all its invoices and credit notes that are not cancelled, and our own cancelled ones. per_line:
    the company rounds taxes line by line. sold: units that the channel sold, less refunds, by external id of the line,
    as far as that is known: a person may have changed the order's line since."""

    label: str
    order_id: str
    sale_id: int
    name: str
    state: str
    company_id: int
    lines: tuple[SaleLine, ...]
    moves: tuple[Move, ...]
    taxes: Mapping[int, Tax]
    per_line: bool = False
    sold: Mapping[str, int] = {}

    def lines_of(self, line_id: str) -> list[SaleLine]:
        return find_lines(self.lines, self.label, self.order_id, line_id)

    @property
    def invoices(self) -> list[Move]:
        return [move for move in self.moves if not move.is_credit and move.state == "posted"]

    @property
    def credits(self) -> list[Move]:
        """Credit notes that count: posted ones and drafts."""
        return [move for move in self.moves if move.is_credit and move.state != "cancel"]

    def count_invoiced(self, sold: SaleLine) -> Decimal:
        """Units of a line on invoices, drafts included, whatever was credited of them since."""
        invoices = [move for move in self.moves if not move.is_credit and move.state != "cancel"]
        return sum(
            (line.quantity for move in invoices for line in move.lines if sold.line_id in line.sale_lines), Decimal(0)
        )

    def count_home(self, sold: SaleLine) -> int:
        """Units of a line that came back before they were invoiced: nobody has them, and no invoice, not even a
        draft."""
        if not sold.is_home:
            return 0
        return max(0, int(sold.ordered - max(sold.delivered, self.count_invoiced(sold))))

    def count_unsent(self, sold: SaleLine) -> int:
        """Units of a line that were sold and neither delivered nor invoiced, not even by a draft."""
        if not sold.is_goods:
            return 0
        units = self.sold.get(sold.xid, sold.ordered)
        return max(0, int(units - max(sold.delivered, self.count_invoiced(sold))))

    def count_creditable(self, sold: SaleLine) -> int:
        """Units of a line that may be credited: invoiced, and on no credit note, ours without a link included."""
        units = sum(
            (line.quantity for move in self.invoices for line in move.lines if sold.line_id in line.sale_lines),
            Decimal(0),
        )
        for move in self.credits:
            units -= sum(
                line.quantity for line in move.lines
                if sold.line_id in line.sale_lines or read_units_of(line.xid)[0] == sold.line_id
            )  # fmt: skip
        return int(units)

    def sum_billed(self, sold: SaleLine) -> int:
        """Minor units of a line on posted invoices."""
        return sum(line.total for move in self.invoices for line in move.lines if sold.line_id in line.sale_lines)

    def sum_left_by_tax(self) -> dict[TaxIds, int]:
        """Minor units of the invoices less the credit notes, by taxes."""
        left: dict[TaxIds, int] = {}
        for sign, moves in ((1, self.invoices), (-1, self.credits)):
            for move in moves:
                for line in self.own_lines(move):
                    left[line.taxes] = left.get(line.taxes, 0) + sign * line.total
        return left

    def own_lines(self, move: Move) -> Iterator[MoveLine]:
        """The lines of a move that are about this order. A line without a link to any order counts where the move, or
        the invoice that it reverses, is about no other order."""
        ids = {line.line_id for line in self.lines}
        alone = not self._is_shared(move, ids)
        for line in move.lines:
            if line.sale_lines & ids or (not line.sale_lines and alone):
                yield line

    def _is_shared(self, move: Move, ids: set[int]) -> bool:
        about = [move, *(other for other in self.moves if other.move_id == move.reversed_id)]
        return any(line.sale_lines and not line.sale_lines & ids for part in about for line in part.lines)

    def worth(self, move: Move) -> int:
        """Minor units of a move that are about this order: its own total where it is about nothing else."""
        lines = list(self.own_lines(move))
        return move.total if len(lines) == len(move.lines) else sum(line.total for line in lines)

    def rate(self, taxes: TaxIds) -> tuple[int, bool]:
        """(rate in parts per million, whether prices include it)."""
        parts = [self.taxes[tax] for tax in taxes if tax in self.taxes]
        return sum(tax.rate for tax in parts), all(tax.included for tax in parts)
