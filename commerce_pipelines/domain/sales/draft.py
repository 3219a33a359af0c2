"""The sale order as Odoo shall have it: `odoo/sales/sale_orders.py` loads the draft and decides nothing.

What belongs here: the draft's shape and the pure step Order -> SaleDraft (names, SKUs, tax keys, external ids). What
does not: record ids of one Odoo (odoo/reference/names.py), VAT rules (vat/decision.py).
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from enum import StrEnum

import msgspec

from ...core.reasons import Reason
from ...core.words import NO_WORDS, Words
from ..orders.order import Address, Buyer, LineKind
from ..vat.keys import TaxKey
from .base import Base
from .reductions import Cut, Reduction, reduce_lines, sum_total

MODULE = "commerce_pipelines"
Flag = Reason  # a reason whose effect is a note: the order is loaded, and a person should look at it
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def slug(text: str) -> str:
    """Text as part of an external id. Different texts give different slugs: where characters are replaced or cut off, a
    digest follows."""
    clean = _UNSAFE.sub("_", text)[:60]
    return clean if clean == text else f"{clean}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def order_xid(channel: str, order_id: str) -> str:
    """External id (within module `commerce_pipelines`) of an order's sale.order."""
    return f"{channel}_order_{slug(order_id)}"


def line_xid(channel: str, order_id: str, line_id: str) -> str:
    return f"{order_xid(channel, order_id)}_line_{slug(line_id)}"


class DraftLine(msgspec.Struct, frozen=True, kw_only=True):
    """product_id: the product of a PRODUCT line; 0 for every other kind, which has its own service product."""

    line_id: str
    kind: LineKind
    product_id: int
    product_code: str
    name: str
    quantity: int  # units of the Odoo product (packs resolved), of `unit_id` where that is set
    amount: int  # minor units for the whole quantity, in the draft's price basis
    tax: TaxKey | None  # None: no tax at all
    unit_id: int = 0  # the unit of measure in Odoo, 0 for the product's own
    is_exchange: bool = False  # sold for goods of the order that come back


class SaleDraft(msgspec.Struct, frozen=True, kw_only=True):
    """One order, ready to load. Names (team, warehouse …) are spelled as in Odoo; '' leaves the choice to Odoo.

    total: what Odoo's amount_total must be, in minor units of `currency`. expected_tax: what the channel stated, None
    if it stated nothing. subject: hex of the vault's subject id, the external id of the buyer's partner.
    """

    channel: str
    order_id: str
    number: str
    placed_at: datetime
    currency: str
    total: int
    expected_tax: int | None
    lines: tuple[DraftLine, ...]
    subject: str
    buyer: Buyer
    billing: Address | None
    shipping: Address | None
    guest: str = "Marketplace guest"
    team: str = ""
    analytic: dict[str, float] = {}
    tags: tuple[str, ...] = ()
    warehouse: str = ""
    carrier: str = ""
    pricelist: str = ""
    # Domestic, oss, reverse_charge, export, marketplace …: it decides the fiscal position, see domain/vat/.
    regime: str = ""
    tax_country: str = ""
    fiscal_position: str = ""  # its name, where settings name one; '' = the regime's own
    tolerance: int = 0  # minor units that a visible rounding line may bridge
    customer: str = ""  # keyed hash of the marketplace's own id of the customer, '' if it gives none
    address_secret: str = ""  # what the external ids of its addresses are made with; a secret of the vault
    customer_partner: int = 0  # the partner of the customer's earlier orders in Odoo, 0 if unknown
    replaces: str = ""  # the channel's order whose goods this one sends again or exchanges
    history: bool = False  # already shipped: confirmed without reservation, delivery or message
    evidence: dict[str, str] = {}  # why regime, rates and warehouse are what they are; no personal data
    flags: tuple[Flag, ...] = ()  # what a person should look at, although the order is loaded
    before: Base | None = None  # the order as it was last loaded
    base: Base | None = None  # the order as this draft has it, which the ledger keeps after the load
    changes: frozenset[str] = frozenset()  # contact fields that differ from `before`, as in shipping.city


def reduce_draft(draft: SaleDraft, reductions: tuple[Reduction, ...]) -> SaleDraft:
    """The draft less what refunds take off it. What the channel stated as tax is no longer comparable then."""
    if not reductions:
        return draft
    lines = reduce_lines({line.line_id: line for line in draft.lines}, reductions, _draft_new_line)
    total = draft.total - sum_total(reductions)
    return msgspec.structs.replace(draft, lines=tuple(lines.values()), total=total, expected_tax=None)


def _draft_new_line(cut: Cut) -> DraftLine:
    """A line of nothing for money that a refund pays back, or keeps, apart from the order's lines."""
    kind, name = (LineKind.DISCOUNT, "Refund") if cut.amount > 0 else (LineKind.FEE, "Deduction")
    tax = TaxKey(*cut.tax) if cut.tax else None
    return DraftLine(
        line_id=cut.line_id, kind=kind, product_id=0, product_code="", name=name, quantity=1, amount=0, tax=tax
    )


class Action(StrEnum):
    """What became of one order in a run."""

    CREATED = "created"  # new in Odoo, and confirmed
    CONFIRMED = "confirmed"  # our quotation was already there
    CHANGED = "changed"  # the channel changed it before it was shipped
    UNCHANGED = "unchanged"
    CANCELLED = "cancelled"
    REFUSED = "refused"  # waits in exceptions
    FLAGGED = "flagged"  # left as it is in Odoo; `flags` say why
    WAITING = "waiting"  # not paid yet
    NOT_A_SALE = "not_a_sale"  # another channel sold it
    TEST = "test"


class SaleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one draft. reason: why it was refused, and only then; words: what Odoo said to it then."""

    channel: str
    order_id: str
    action: Action
    odoo_id: int = 0
    name: str = ""
    amount_total: int = 0  # minor units, as Odoo computed it
    amount_tax: int = 0
    rounding: int = 0  # minor units of the visible rounding line
    state: str = ""  # sale.order state
    reason: Reason | None = None
    words: Words = NO_WORDS
    flags: tuple[Flag, ...] = ()  # oversold, edited_after_shipping, cancelled_after_shipping, duplicate_partner …
    kept: frozenset[str] = frozenset()  # changes of the channel that were not carried out: lines, shipping, billing
    shipping_id: int = 0  # the partner that we gave the order as delivery address, 0 if none
    invoice_id: int = 0
    partner_id: int = 0  # the partner whose order it is, if the order itself identifies the buyer; 0 for a guest

    @property
    def code(self) -> str:
        return self.reason.code if self.reason else ""

    @property
    def message(self) -> str:
        return self.reason.message if self.reason else ""


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """One order of ours as Odoo has it now. Money in minor units of `currency`."""

    order_id: str
    odoo_id: int
    name: str
    state: str  # draft, sent, sale, cancel
    currency: str
    total: int
    tax: int
    delivered: bool  # at least one unit has left (qty_delivered > 0 or a done outgoing picking)
    lines: int = 0
    company_id: int = 0  # the company in Odoo that the order belongs to
