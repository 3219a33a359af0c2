"""The sale order as Odoo shall have it: what `odoo/sales.py` loads and nothing it has to decide.

What belongs here: the draft's shape and the pure step Order -> SaleDraft (names, SKUs, tax keys, external ids). What
does not: record ids of one Odoo (odoo/reference.py), VAT rules (vat.py).
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

import msgspec

from .orders import Address, Buyer, LineKind

MODULE = "commerce_pipelines"
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


class TaxKey(msgspec.Struct, frozen=True):
    """Which tax a line carries: rate in parts per million of one country, inside the price or on top.

    A rate of 0 with a `regime` (reverse_charge, export, marketplace …) is that regime's zero tax.
    """

    country: str
    rate: int
    included: bool
    regime: str = ""


class DraftLine(msgspec.Struct, frozen=True, kw_only=True):
    """product_code: default_code for PRODUCT lines; '' for every other kind, which has its own service product."""

    line_id: str
    kind: LineKind
    product_code: str
    name: str
    quantity: int
    amount: int  # minor units for the whole quantity, in the order's price basis
    tax: TaxKey | None


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
    fiscal_position: str = ""
    tolerance: int = 0  # minor units that a visible rounding line may bridge


class SaleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one draft. code/message/fix are empty unless action is `refused`."""

    channel: str
    order_id: str
    action: str  # created | confirmed | unchanged | cancelled | refused | flagged
    odoo_id: int = 0
    name: str = ""
    amount_total: int = 0  # minor units, as Odoo computed it
    amount_tax: int = 0
    state: str = ""  # sale.order state
    code: str = ""
    message: str = ""
    fix: str = ""
    subject: str = ""
