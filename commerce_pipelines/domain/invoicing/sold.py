"""An order with its invoices, as Odoo has it and as the channel has it: what deciding about an invoice needs to know.

What belongs here: the shapes, and sums over them. What does not: reading them (odoo/invoicing/sold.py), what follows
(due_documents.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from ...core.reasons import Reason
from ...core.words import NO_WORDS, Words
from ..orders.order import Payment
from ..sales.draft import slug
from .rules import InvoicingRules


def payment_xid(label: str, order_id: str, invoice_id: int, method: str) -> str:
    """External id of the payment of an invoice by one method of payment."""
    return f"{label}_payment_{slug(order_id)}_{invoice_id}_{slug(method or 'any')}"


class Billing(msgspec.Struct, frozen=True, kw_only=True):
    """Whose orders are invoiced. label: the channel's first name, under which its orders have their external ids.
    today: the business day of the documents."""

    label: str
    zone: ZoneInfo
    today: date
    rules: InvoicingRules


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What the channel says of an order, in minor units. total: what the seller is owed; collected: tax that the
    channel collects and remits itself. problem: the code of an open exception that forbids to invoice, '' for none.
    made: the invoices that were seen in Odoo before. payments: empty where the channel does not tell them. set_off: by
    our credit note, the part of it that pays for goods sold in exchange."""

    order_id: str
    currency: str
    total: int
    collected: int = 0
    problem: str = ""
    made: frozenset[int] = frozenset()
    payments: tuple[Payment, ...] = ()
    set_off: Mapping[int, int] = {}

    @property
    def taken(self) -> int:
        """What the seller got for the order at most, without the channel's tax."""
        if not self.payments:
            return self.total
        return min(self.total, sum(payment.amount for payment in self.payments) - self.collected)


class SoldLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the order. billed: units on invoices less those on credit notes, drafts included. billable: units that
    Odoo's wizard would invoice now."""

    is_goods: bool
    ordered: Decimal
    delivered: Decimal
    billed: Decimal
    billable: Decimal


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice or credit note of the order, in any state, in minor units. by_us: our user created it."""

    odoo_id: int
    name: str
    is_credit: bool
    state: str
    payment_state: str
    total: int
    residual: int
    currency: str
    currency_id: int
    partner_id: int
    by_us: bool
    dated: date | None
    booked: date | None

    @property
    def label(self) -> str:
        """How a person finds it: a draft has no number."""
        return self.name or f"draft {self.odoo_id}"


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What is known besides of an order that sells goods in exchange for others. is_leaving: units are still to go to
    the customer. notes: minor units that are open of our credit notes, by record id."""

    is_leaving: bool
    notes: Mapping[int, int]


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """One order as Odoo has it, with all its invoices and credit notes."""

    order_id: str
    sale_id: int
    name: str
    state: str
    company_id: int
    currency: str
    total: int
    lines: tuple[SoldLine, ...]
    moves: tuple[Invoice, ...]
    exchange: Exchange | None = None

    @property
    def invoices(self) -> list[Invoice]:
        return [move for move in self.moves if not move.is_credit and move.state != "cancel"]

    @property
    def posted(self) -> list[Invoice]:
        return [move for move in self.invoices if move.state == "posted"]

    @property
    def drafts(self) -> list[Invoice]:
        return [move for move in self.invoices if move.state == "draft"]

    @property
    def is_delivered(self) -> bool:
        """Whether all goods have left; true for an order without goods. In an exchange some came back since."""
        if self.exchange:
            return not self.exchange.is_leaving
        return all(line.delivered >= line.ordered for line in self.lines if line.is_goods)

    @property
    def is_billed(self) -> bool:
        """Whether nothing is left to invoice, and something was."""
        if self.exchange and not self.exchange.is_leaving:
            return bool(self.invoices) and not any(line.billable > 0 for line in self.lines)
        return bool(self.invoices) and not any(line.ordered > line.billed for line in self.lines)

    @property
    def is_billable(self) -> bool:
        """Whether Odoo's wizard would invoice all that is left now, and nothing else."""
        if self.exchange and not self.exchange.is_leaving:
            return any(line.billable for line in self.lines) and all(line.billable >= 0 for line in self.lines)
        left = [(line.ordered - line.billed, line.billable) for line in self.lines]
        return any(units for units, _ in left) and all(units == billable for units, billable in left)


class State(StrEnum):
    """How far an order is invoiced."""

    FREE = "free"  # it costs nothing, as goods that are sent again
    OPEN = "open"  # not delivered yet, or Odoo invoices its products only once they are
    HELD = "held"  # the order itself waits in the exceptions
    DRAFT = "draft"  # its invoice waits for a person who posts it
    INVOICED = "invoiced"
    PAID = "paid"
    LEFT = "left"  # a person has credited, cancelled or deleted: what is left is a person's
    REFUSED = "refused"


class InvoiceOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one order. created, posted, registered: invoices and payments of this run. invoiced: minor units
    of its posted invoices; paid: of them what is no longer open. reason: why it was refused, and only then."""

    order_id: str
    state: State
    delivered: bool = False
    created: int = 0
    posted: int = 0
    registered: int = 0
    invoiced: int = 0
    paid: int = 0
    invoices: tuple[tuple[int, str, str], ...] = ()  # (record id, name, state)
    reason: Reason | None = None
    words: Words = NO_WORDS
    flags: tuple[Reason, ...] = ()
