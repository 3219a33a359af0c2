"""The sale order as Odoo shall have it: what `odoo/sales/sales.py` loads and nothing it has to decide.

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
from ..orders.order import Address, Buyer, LineKind
from ..vat.keys import TaxKey
from .base import Base

MODULE = "commerce_pipelines"
Flag = Reason  # of a code whose effect is a note: a person should look, while the order goes its way
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def slug(text: str) -> str:
    """Text as part of an external id: injective, because anything replaced or long leaves a digest behind."""
    clean = _UNSAFE.sub("_", text)[:60]
    return clean if clean == text else f"{clean}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def order_xid(channel: str, order_id: str) -> str:
    """External id (within module `commerce_pipelines`) of an order's sale.order."""
    return f"{channel}_order_{slug(order_id)}"


def line_xid(channel: str, order_id: str, line_id: str) -> str:
    return f"{order_xid(channel, order_id)}_line_{slug(line_id)}"


class DraftLine(msgspec.Struct, frozen=True, kw_only=True):
    """product_id: of the product for PRODUCT lines; 0 for every other kind, which has its own service product."""

    line_id: str
    kind: LineKind
    product_id: int
    product_code: str
    name: str
    quantity: int  # units of the Odoo product (packs resolved), of `unit_id` where that is set
    amount: int  # minor units for the whole quantity, in the draft's price basis
    tax: TaxKey | None  # None: no tax at all
    unit_id: int = 0  # the unit of measure in Odoo, 0 for the product's own


class SaleDraft(msgspec.Struct, frozen=True, kw_only=True):
    """One order, ready to load. Names (team, warehouse …) are as in Odoo; '' means: leave it to Odoo.

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
    regime: str = ""  # domestic, oss, reverse_charge, export, marketplace …: which fiscal position, see domain/vat/
    tax_country: str = ""
    fiscal_position: str = ""  # by name, where settings name one; '' = the regime's own
    tolerance: int = 0  # minor units that a visible rounding line may bridge
    history: bool = False  # already shipped: confirmed without reservation, delivery or message
    evidence: dict[str, str] = {}  # why regime, rates and warehouse are what they are; no personal data
    flags: tuple[Flag, ...] = ()  # what a person should look at although the order is loaded
    before: Base | None = None  # the order as it was last loaded
    base: Base | None = None  # the order as this draft has it: what the ledger keeps once it is loaded
    changes: frozenset[str] = (
        frozenset()
    )  # contact fields that are told otherwise than in `before`, as in shipping.city


class Action(StrEnum):
    """What became of one order in a run."""

    CREATED = "created"  # new in Odoo, and confirmed
    CONFIRMED = "confirmed"  # was a draft of ours already
    CHANGED = "changed"  # an edit before shipping
    UNCHANGED = "unchanged"
    CANCELLED = "cancelled"
    REFUSED = "refused"  # waits in exceptions
    FLAGGED = "flagged"  # left as it is in Odoo; `flags` say why
    WAITING = "waiting"  # not paid yet
    NOT_A_SALE = "not_a_sale"  # another channel's
    TEST = "test"


class SaleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one draft. reason: why it was refused, and only then."""

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
    flags: tuple[Flag, ...] = ()  # oversold, edited_after_shipping, cancelled_after_shipping, duplicate_partner …
    kept: frozenset[str] = frozenset()  # news that was not carried out: lines, shipping, billing
    shipping_id: int = 0  # the partner that we gave the order as delivery address, 0 if none
    invoice_id: int = 0

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
    delivered: bool  # any unit of it has left (qty_delivered > 0 or a done outgoing picking)
    lines: int = 0
