"""Refund -> credit note: how much, of which lines, with which taxes; or why not yet.

What belongs here: these rules, pure. What does not: what is booked (sale_books.py), which Odoo calls make a credit note
(odoo/returns/credit_notes.py).

**Invoice first.** Odoo would invoice units again that were credited before they were invoiced. A refund without a
posted invoice waits, and so do units that were neither sent nor invoiced, of a line of which others were: those that
the buyer keeps are not credited for them. **Never more** than was invoiced less what was credited, by whomever; drafts
count. A credit note of a person, or of Odoo's own invoicing, stands for the refund of its amount; one of another amount
about the same lines is for a person to sort out.

**Taxes** are those of the line, of shipping or goods. Money for no line is divided by tax: over what is left of the
invoices; where the seller keeps money of what he refunds, over what is refunded beside it.

**Links.** Odoo counts a linked credit note's units as not invoiced. That is right for units that came back where a
product is invoiced as it is delivered, and for units that were taken off the order after they were invoiced; it is
wrong in every other case: the units would be invoiced again. Units that are still on their way, or that were never sent
and a person may take off the order yet, get a line each, so that each can be linked then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from ...core.errors import RecordError
from ...core.reasons import Reason
from ..money import allocate, to_decimal
from ..orders.order import business_day
from .by_hand import names_refund
from .credit_reasons import compare_note, refuse_returned, refuse_unbilled, refuse_uninvoiced, refuse_unsent
from .outcomes import Edited
from .records import Refund, RefundKind, RefundLine, RefundState
from .sale_books import Move, Packs, SaleBooks, SaleLine, TaxIds, credit_xid, read_units_of
from .shares import Share, divide_by_tax, divide_by_unit, round_off

MOST_UNIT_LINES = 50  # units on their way that get a line each; more than these share one line


class CreditLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a credit note. amount: minor units with tax. of: the order's line that it is about, 0 for none;
    has_units: it credits units of that line; may_link: it is linked to that line when they come back; is_linked: they
    have. product_id: 0 where no goods come back, so that no cost of sales does."""

    line_id: str
    name: str
    amount: int
    taxes: TaxIds
    rate: int = 0  # of its taxes, parts per million
    included: bool = True
    quantity: int = 1
    product_id: int = 0
    unit_id: int = 0
    account_id: int = 0
    analytic: str = ""
    of: int = 0
    has_units: bool = False
    may_link: bool = False
    is_linked: bool = False


class CreditNote(msgspec.Struct, frozen=True, kw_only=True):
    """A credit note as Odoo shall have it. invoice: the posted invoice that it corrects. total: minor units."""

    xid: str
    refund_id: str
    order_id: str
    day: date
    ref: str
    origin: str  # the sale order's name
    total: int
    currency: str
    invoice: Move
    lines: tuple[CreditLine, ...]


class Standing(msgspec.Struct, frozen=True):
    """The credit note that stands for a refund already. ours: whether we made it. flags: what a person should see."""

    move: Move
    ours: bool
    flags: tuple[Reason, ...] = ()


class NotDue(msgspec.Struct, frozen=True):
    """No credit note is owed. done: whether the money has moved."""

    done: bool


Plan = CreditNote | Standing | NotDue | RecordError


def plan_credit_notes(
    books: SaleBooks, refunds: Sequence[Refund], packs: Packs, zone: ZoneInfo, issued: Mapping[str, int] | None = None,
    edited: Edited | None = None,
) -> dict[str, Plan]:  # fmt: skip
    """What each refund of one order becomes, by refund id. refunds: all that the order has. issued, edited: as in
    `Books`."""
    plans: dict[str, Plan] = {}
    planner = _Planner(books, packs, zone, issued or {})
    if edited:
        planner.leave_out(edited)
    for refund in sorted(refunds, key=lambda refund: (refund.created_at, refund.refund_id)):
        try:
            plans[refund.refund_id] = planner.plan(refund)
        except RecordError as error:
            plans[refund.refund_id] = error
    return plans


class _Planner:
    """Plans the refunds of one order one after the other; what one takes is no longer there for the next."""

    def __init__(self, books: SaleBooks, packs: Packs, zone: ZoneInfo, issued: Mapping[str, int]) -> None:
        self._books, self._packs, self._zone = books, packs, zone
        self._by_xid = {move.xid: move for move in books.moves if move.xid}
        by_id = {move.move_id: move for move in books.credits if not move.xid}
        self._issued = {refund_id: by_id[move_id] for refund_id, move_id in issued.items() if move_id in by_id}
        taken = {move.move_id for move in self._issued.values()}
        self._free = [move for move in by_id.values() if move.move_id not in taken]  # standing for no refund so far
        self._left = sum(map(books.worth, books.invoices)) - sum(map(books.worth, books.credits))
        self._left_by_tax = books.sum_left_by_tax()
        self._units = {line.line_id: books.count_creditable(line) for line in books.lines}
        self._home = {line.line_id: books.count_home(line) for line in books.lines}
        self._unsent = {line.line_id: books.count_unsent(line) for line in books.lines}
        self._unsold = 0  # what the buyer paid for units that an edit took off the order before they were invoiced
        self._came_back = {line.line_id: line.came_back for line in books.lines}
        quantity = {line.line_id: line.quantity for move in books.credits for line in move.lines}
        for credit_line, of in plan_links(books):
            self._came_back[of] -= int(quantity[credit_line])

    def leave_out(self, edited: Edited) -> None:
        """What the buyer paid and nobody will invoice needs no credit note when it is paid back."""
        billed = sum(
            self._books.worth(move) for move in self._books.moves if not move.is_credit and move.state != "cancel"
        )
        self._unsold = max(0, edited.paid - max(edited.total, billed))

    def plan(self, refund: Refund) -> Plan:
        if refund.state is not RefundState.DONE or refund.total == 0:
            return NotDue(done=refund.state is RefundState.DONE)
        own = self._by_xid.get(credit_xid(self._books.label, refund.refund_id))
        if own and own.state == "draft" and not own.name and own.total != refund.total:
            self._forget(own)
        elif own:
            return Standing(own, True, tuple(compare_note(own, refund)))
        if note := self._issued.get(refund.refund_id):
            return Standing(note, False, tuple(compare_note(note, refund)))
        stands_for = (refund.total, refund.currency)
        named = [move for move in self._free if names_refund(move, refund.refund_id)]
        for move in named or [move for move in self._free if (self._books.worth(move), move.currency) == stands_for]:
            self._free.remove(move)
            return Standing(move, False, tuple(compare_note(move, refund)) if named else ())
        if 0 < refund.total <= self._unsold and not any(line.kind is RefundKind.GOODS for line in refund.lines):
            self._unsold -= refund.total
            return NotDue(done=True)
        if self._books.state == "cancel" and not any(not move.is_credit for move in self._books.moves):
            return NotDue(done=True)
        return self._plan_new(refund)

    def _forget(self, draft: Move) -> None:
        """A draft of ours that is to be written again does not count."""
        self._left += self._books.worth(draft)
        for line in draft.lines:
            self._left_by_tax[line.taxes] = self._left_by_tax.get(line.taxes, 0) + line.total
            if of := read_units_of(line.xid)[0]:
                self._units[of] = self._units.get(of, 0) + int(line.quantity)

    def _plan_new(self, refund: Refund) -> CreditNote:
        invoices = self._books.invoices
        if not invoices:
            raise refuse_uninvoiced(self._books)
        if any(invoice.currency != refund.currency for invoice in invoices):
            raise RecordError(
                "wrong_currency",
                f"The refund is in {refund.currency}, the invoice {invoices[0].name} in {invoices[0].currency}.",
                fix="Credit the invoice in Odoo by hand.", subject=refund.currency,
            )  # fmt: skip
        if refund.total < 0:
            raise RecordError(
                "negative_refund", "The refund takes more from the buyer than it pays back.",
                fix="Look at the refund in the marketplace; invoice in Odoo by hand what the buyer owes.",
            )  # fmt: skip
        pairs = self._find_taken_off(refund) or [(line, self._find_lines(line)) for line in refund.lines]
        self._ensure_not_credited(pairs)
        lines = tuple(self._draft_lines(refund, pairs))
        if refund.total > self._left:
            raise RecordError(
                "exceeds_invoice",
                f"The refund is {to_decimal(refund.total, refund.currency)} {refund.currency}, and of what "
                f"{self._books.name} was invoiced {to_decimal(max(0, self._left), refund.currency)} are left.",
                fix="Compare the order's invoices and credit notes in Odoo with its refunds in the marketplace.",
                subject=self._books.name,
            )  # fmt: skip
        self._left -= refund.total
        self._take(lines)
        invoice = self._choose_invoice(lines)
        day = business_day(refund.created_at, self._zone)
        return CreditNote(
            xid=credit_xid(self._books.label, refund.refund_id), refund_id=refund.refund_id, order_id=refund.order_id,
            day=max(day, invoice.dated or day), ref=refund.refund_id, origin=self._books.name, total=refund.total,
            currency=refund.currency,
            invoice=invoice, lines=lines,
        )  # fmt: skip

    def _find_taken_off(self, refund: Refund) -> list[tuple[RefundLine, list[SaleLine]]]:
        """The units that were taken off the order after they were invoiced, where their worth is exactly what the
        refund pays back without naming units; else none."""
        if any(line.kind is RefundKind.GOODS for line in refund.lines):
            return []
        pairs = []
        for sold in self._books.lines:
            units, billed = self._came_back[sold.line_id], self._units[sold.line_id]
            if 0 < units <= billed and not sold.by_delivery:
                worth = allocate(self._books.sum_billed(sold), [units, billed - units])[0]
                line = RefundLine(line_id=f"taken-off-{sold.line_id}", kind=RefundKind.GOODS, amount=worth,
                                  quantity=units, is_returned=False)  # fmt: skip
                pairs.append((line, [sold]))
        return pairs if sum(line.amount for line, _ in pairs) == refund.total else []

    def _find_lines(self, line: RefundLine) -> list[SaleLine]:
        """The order's lines that money is paid back for; none where it is for no line."""
        if line.kind is RefundKind.GOODWILL:
            return []
        hits = self._books.lines_of(line.order_line_id) if line.order_line_id else []
        if not hits and line.kind is RefundKind.SHIPPING:
            return [shipping for shipping in self._books.lines if shipping.is_shipping]
        if not hits and line.sku:
            hits = [goods for goods in self._books.lines if goods.is_goods and goods.sku == line.sku]
            hits = [max(hits, key=lambda goods: self._units[goods.line_id])] if hits else []
        if not hits:
            raise RecordError(
                "unknown_refund_line",
                f"Line {line.line_id[:40]} of the refund is about no line of {self._books.name} in Odoo.",
                fix="Credit the invoice in Odoo by hand; our lane recognises a credit note of the same amount.",
                subject=line.order_line_id[:40] or line.sku[:40],
            )  # fmt: skip
        return hits

    def _ensure_not_credited(self, pairs: Iterable[tuple[RefundLine, Sequence[SaleLine]]]) -> None:
        """Refuse what a credit note of somebody else is about already."""
        about = {line.line_id for _, lines in pairs for line in lines}
        for move in self._free:
            if any(line.sale_lines & about for line in move.lines):
                raise RecordError(
                    "credited_already",
                    f"The credit note {move.label} in Odoo is about the same lines, for "
                    f"{to_decimal(self._books.worth(move), move.currency)} {move.currency}.",
                    fix="Correct it to the refund's amount, or delete it if it is a draft; then replay the refund.",
                    subject=move.label,
                )  # fmt: skip

    def _draft_lines(self, refund: Refund, pairs: Sequence[tuple[RefundLine, Sequence[SaleLine]]]) -> list[CreditLine]:
        lines: list[CreditLine] = []
        for line, sold in pairs:
            if line.kind is RefundKind.GOODS:
                self._ensure_billed(refund, line, sold[0])
                lines += self._draft_goods(line, sold[0])
            elif sold and line.amount:
                lines += self._draft_parts(line, sold)
        for line, sold in sorted(pairs, key=lambda pair: -pair[0].amount):
            if not sold and line.amount:
                lines += self._draft_goodwill(line, lines)
        lines = [self._add_rate(line) for line in lines]
        off = round_off([(line.amount, line.rate, line.included) for line in lines], self._books.per_line)
        if off:
            lines.append(CreditLine(line_id="rounding", name="Rounding difference", amount=-off, taxes=(),
                                    account_id=self._find_account(0, ())[0]))  # fmt: skip
        return lines

    def _add_rate(self, line: CreditLine) -> CreditLine:
        rate, included = self._books.rate(line.taxes)
        return msgspec.structs.replace(line, rate=rate, included=included)

    def _count_units(self, line: RefundLine) -> int:
        """Units of Odoo's product."""
        return line.quantity * self._packs.get((self._books.order_id, line.order_line_id), 1)

    def _ensure_billed(self, refund: Refund, line: RefundLine, sold: SaleLine) -> None:
        """Refuse what was never invoiced. Units that came back before that, or were never sent, reduce the order
        instead (uninvoiced.py)."""
        units, home, unsent = self._count_units(line), self._home[sold.line_id], self._unsent[sold.line_id]
        if home and line.is_returned is not False and not refund.set_off:
            self._home[sold.line_id] -= min(units, home)
            raise refuse_returned(self._books, sold, units, home)
        if unsent and line.is_returned is False and not refund.set_off:
            self._unsent[sold.line_id] -= min(units, unsent)
            raise refuse_unsent(self._books, sold, units, unsent)
        if units > self._units[sold.line_id]:
            raise refuse_unbilled(self._books, sold, units, self._units[sold.line_id])

    def _draft_goods(self, line: RefundLine, sold: SaleLine) -> list[CreditLine]:
        units = self._count_units(line)
        account, analytic = self._find_account(sold.line_id, sold.taxes)
        comes_back = line.is_returned is not False
        back = min(units, self._came_back[sold.line_id]) if comes_back or not sold.by_delivery else 0
        may_link = comes_back == sold.by_delivery and sold.is_goods
        waiting = units - back if may_link else 0
        parts = [back, *([1] * waiting if waiting <= MOST_UNIT_LINES else [waiting]), units - back - waiting]
        amounts = divide_by_unit(line.amount, parts)
        return [
            CreditLine(
                line_id=f"{line.line_id}-{count}" if count else line.line_id, name=sold.name, amount=amount,
                taxes=sold.taxes, quantity=quantity, account_id=account, analytic=analytic, of=sold.line_id,
                product_id=sold.product_id if comes_back else 0, unit_id=sold.unit_id if comes_back else 0,
                has_units=True, may_link=may_link or (back > 0 and count == 0), is_linked=back > 0 and count == 0,
            )
            for count, (quantity, amount) in enumerate(zip(parts, amounts, strict=True)) if quantity
        ]  # fmt: skip

    def _draft_parts(self, line: RefundLine, sold: Sequence[SaleLine]) -> list[CreditLine]:
        """Money for shipping, or for a part of a price."""
        weights = [(part.taxes, max(0, self._books.sum_billed(part))) for part in sold]
        of = {part.taxes: part for part in reversed(sold)}
        return [
            self._draft_share(line, share, of[share.taxes].name, count, of[share.taxes])
            for count, share in enumerate(divide_by_tax(line.amount, weights))
        ]

    def _draft_goodwill(self, line: RefundLine, beside: Sequence[CreditLine]) -> list[CreditLine]:
        positive = [(part.taxes, part.amount) for part in beside if part.amount > 0]
        left = dict(self._left_by_tax)
        for part in beside:
            left[part.taxes] = left.get(part.taxes, 0) - part.amount
        weights = positive if line.amount < 0 and positive else list(left.items())
        name = "Refund" if line.amount > 0 else "Deduction"
        shares = divide_by_tax(line.amount, [(taxes, max(0, amount)) for taxes, amount in weights])
        return [self._draft_share(line, share, name, count, None) for count, share in enumerate(shares)]

    def _draft_share(self, line: RefundLine, share: Share, name: str, count: int, sold: SaleLine | None) -> CreditLine:
        account, analytic = self._find_account(sold.line_id if sold else 0, share.taxes)
        return CreditLine(
            line_id=f"{line.line_id}-{count}" if count else line.line_id, name=name, amount=share.amount,
            taxes=share.taxes, account_id=account, analytic=analytic, of=sold.line_id if sold else 0,
            product_id=sold.product_id if sold and not sold.is_goods else 0,
        )  # fmt: skip

    def _find_account(self, sale_line: int, taxes: TaxIds) -> tuple[int, str]:
        """(account, analytic distribution) of the invoice's line, else of the largest one with the same taxes, else of
        the largest."""
        lines = [line for move in self._books.invoices for line in self._books.own_lines(move)]
        lines.sort(key=lambda line: (sale_line in line.sale_lines, line.taxes == taxes, line.total, -line.line_id))
        return (lines[-1].account_id, lines[-1].analytic) if lines else (0, "")

    def _take(self, lines: Iterable[CreditLine]) -> None:
        for line in lines:
            self._left_by_tax[line.taxes] = self._left_by_tax.get(line.taxes, 0) - line.amount
            if line.has_units:
                self._units[line.of] -= line.quantity
            if line.is_linked:
                self._came_back[line.of] -= line.quantity

    def _choose_invoice(self, lines: Iterable[CreditLine]) -> Move:
        """The posted invoice that most of the money is about; the first one of several."""
        worth = {
            invoice.move_id: sum(
                line.amount for line in lines if any(line.of in billed.sale_lines for billed in invoice.lines)
            )
            for invoice in self._books.invoices
        }
        return max(self._books.invoices, key=lambda invoice: (worth[invoice.move_id], -invoice.move_id))


def plan_links(books: SaleBooks) -> list[tuple[int, int]]:
    """(credit note's line, order's line) for units of our credit notes that have come back since."""
    came_back = {line.line_id: line.came_back for line in books.lines}
    links = []
    for line in sorted((line for move in books.credits for line in move.lines), key=lambda line: line.line_id):
        of, may_link = read_units_of(line.xid)
        if may_link and not line.sale_lines and 0 < line.quantity <= came_back.get(of, 0):
            came_back[of] -= int(line.quantity)
            links.append((line.line_id, of))
    return links
