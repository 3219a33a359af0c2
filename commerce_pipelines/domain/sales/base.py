"""An order as the channel had it when we last loaded it (its base), with which the channel's newest answer is compared.

    the channel then (base) ── the channel now ──▶ what the channel changed: only that is written to Odoo
              └─────────────── Odoo now ─────────▶ what a person changed: it stays, and is noted

A confirmed order keeps the product, the taxes and the warehouse that it was sold with; a SKU, rate or setting that has
changed since counts for new orders only. A field that is empty or withheld in the answer is no change.

What belongs here: the base's shape, making it, and what an answer changes. What does not: drafting with it
(order_to_draft.py), Odoo's side (odoo/sales/differences.py), its column (warehouse/orders/ledger.py).

The base is stored unencrypted and holds no personal data: contacts are keyed hashes, one for each field, so that a
field that the answer leaves out can be told from a field that changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from ..orders.order import Address, Buyer, Order, OrderLine
from ..products import Product
from ..vat.keys import TaxKey
from ..vat.territories import territory
from .departures import UNTOLD, Departure
from .reductions import Reduction, reduce_lines, sum_total

Seal = Callable[[str], str]  # a short keyed hash of a text

PLACE = ("street", "street2", "city", "postcode", "state", "country")
_NAMES = ("name", "company", "phone")
_BUYER = ("name", "email", "phone", "company", "vat_number")
# What marketplaces write in place of data that they withhold.
_FILLERS = frozenset(
    ("anonymized", "anonymised", "redacted", "[redacted]", "deleted", "removed", "withheld", "gdpr", "n/a", "unknown")
)


class SoldProduct(msgspec.Struct, frozen=True, array_like=True):
    """What a product line was sold as: the channel's SKU and units of Odoo's product for one unit of it."""

    sku: str
    units: int
    product_id: int
    code: str
    rates: tuple[int, ...] = ()
    unit_id: int = 0


class SoldLine(msgspec.Struct, frozen=True, array_like=True):
    """One line as it was loaded. fact: what the channel said of the line's tax (see `tax_fact`). unit_id: 0 for the
    product's own unit, and where the line was loaded before units were kept."""

    product_id: int
    quantity: int
    amount: int
    fact: str
    tax: tuple[str, int, bool, str] | None
    unit_id: int = 0


class LastLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What drafting needs of an order's last load. base: None for an order that is new or was loaded before bases
    existed. sold: whether Odoo has it confirmed, so that it keeps what it was sold with. accepted: a person has let it
    go on although the marketplace calls it risky. reductions: what refunds take off it. departure: where it left
    from, by the marketplace's ledger of its own warehouses."""

    seal: Seal
    base: Base | None = None
    sold: bool = False
    accepted: bool = False
    reductions: tuple[Reduction, ...] = ()
    departure: Departure = UNTOLD


class Base(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """facts: digest of what the channel charges. case: what the VAT decision rests on, in clear. contacts: keyed hash
    by field, as in `shipping.street`. shipping_id, invoice_id: the partners that we gave the order, 0 where a person
    had chosen another already. at: when we gave them. reductions: what refunds had taken off the order by then, which
    `total` and `lines` still contain."""

    facts: str
    currency: str
    total: int
    case: tuple[str, ...]
    products: dict[str, SoldProduct]  # by the channel's line id
    lines: dict[str, SoldLine]  # by the draft's line id
    regime: str = ""
    tax_country: str = ""
    fiscal_position: str = ""
    warehouse: str = ""
    service: str = ""
    fulfilled_by: str = ""
    contacts: dict[str, str] = msgspec.field(default_factory=dict, name="told")
    shipping_id: int = 0
    invoice_id: int = 0
    at: datetime | None = None
    reductions: tuple[Reduction, ...] = ()

    @property
    def total_left(self) -> int:
        return self.total - sum_total(self.reductions)

    @property
    def lines_left(self) -> dict[str, SoldLine]:
        """The lines less the reductions, as Odoo has them."""
        return reduce_lines(self.lines, self.reductions, lambda cut: SoldLine(0, 1, 0, "", cut.tax))


def tax_of(line: SoldLine) -> TaxKey | None:
    return TaxKey(*line.tax) if line.tax else None


def facts_of(order: Order) -> str:
    """Digest of everything that lines and totals follow from; titles, tags and payments are not part of it."""
    lines = [
        (line.line_id, line.kind.value, line.sku, line.quantity, line.amount, line.tax, line.rate, line.of)
        for line in order.lines
    ]
    whole = (order.currency, order.total, order.collected, order.prices_include_tax, lines)
    return hashlib.sha256(msgspec.json.encode(whole)).hexdigest()[:24]


def tax_fact(line: OrderLine) -> str:
    """What the channel says of a line's tax: the stated rate, else whether any tax is stated."""
    return str(line.rate) if line.rate is not None else "taxed" if line.tax else ""


def case_of(order: Order) -> tuple[str, ...]:
    """What the VAT decision rests on besides contacts: (destination, territory, whether tax is collected, by which
    scheme, departure, whether prices include tax, whether the buyer is a business)."""
    place = order.destination
    return (
        place.country,
        territory(place.country, place.postcode),
        "collected" if order.collected or order.collected_as else "",
        order.collected_as,
        order.departure_country,
        "included" if order.prices_include_tax else "on top",
        "business" if order.buyer.is_business else "",
    )


class Contacts(Protocol):
    """An order, or a draft of one."""

    @property
    def order_id(self) -> str: ...
    @property
    def buyer(self) -> Buyer: ...
    @property
    def shipping(self) -> Address | None: ...
    @property
    def billing(self) -> Address | None: ...


def contacts_of(order: Contacts, seal: Seal) -> dict[str, str]:
    """Keyed hash of every contact field that the order states; blanks and case do not count."""
    parts = {}
    for part, place in (("shipping", order.shipping), ("billing", order.billing)):
        for field in (*PLACE, *_NAMES) if place else ():
            parts[f"{part}.{field}"] = str(getattr(place, field))
    for field in _BUYER:
        parts[f"buyer.{field}"] = str(getattr(order.buyer, field))
    if order.buyer.email_is_relay:
        del parts["buyer.email"]
    return {
        name: seal("\x1f".join((order.order_id, name.rpartition(".")[2], text)))
        for name, text in ((name, " ".join(value.split()).casefold()) for name, value in parts.items())
        if text and text not in _FILLERS
    }


def changed(base: Base, contacts: Mapping[str, str]) -> frozenset[str]:
    """The contact fields that the channel now states differently. A delivery or billing address that was missing before
    is compared with the other one, because the order went there."""
    before = dict(base.contacts)
    for part, other in (("shipping", "billing"), ("billing", "shipping")):
        if not _has_part(base.contacts, part):
            before |= {f"{part}.{field}": base.contacts.get(f"{other}.{field}", "") for field in (*PLACE, *_NAMES)}
    return frozenset(name for name, sealed in contacts.items() if before.get(name, "") != sealed)


def not_followed(base: Base, now: Base, changes: Collection[str]) -> list[str]:
    """What the channel changed and Odoo's order does not take over, in words. A contact field that was missing before
    is not a change."""
    parts = []
    if now.service != base.service:
        parts.append(f"the shipping service was {base.service or 'none'}, is {now.service or 'none'}")
    if now.fulfilled_by != base.fulfilled_by:
        parts.append(f"it is fulfilled by the {now.fulfilled_by} now")
    contacts = sorted(name for name in changes if name in base.contacts and _is_contact(name))
    return [*parts, *(f"the {name.replace('.', ' ').replace('_', ' ')}" for name in contacts)]


def _is_contact(name: str) -> bool:
    part, _, field = name.partition(".")
    return part == "buyer" or field == "phone"


def same_case(base: Base, order: Order, changes: Collection[str]) -> bool:
    """Whether the VAT decision still stands: nothing that it rests on has changed."""
    place, area, *more, business = case_of(order)
    case = base.case
    part = order.shipping or (None if _has_part(base.contacts, "shipping") else order.billing)
    if part is None or not part.country:
        place, area = case[:2]
    elif place == case[0] and not part.postcode.strip():
        area = case[1]
    return (
        (place, area, *more) == tuple(case[:-1])
        and (not business or business == case[-1])
        and "buyer.vat_number" not in changes
    )


def kept_products(base: Base, lines: Iterable[OrderLine]) -> dict[str, tuple[Product, int]]:
    """(product, units of it) by line id, for the lines whose SKU is still the one that they were sold with."""
    products = {}
    for line in lines:
        sold = base.products.get(line.line_id)
        if sold and sold.sku == line.sku:
            product = Product(
                product_id=sold.product_id, code=sold.code, name="", rates=sold.rates, unit_id=sold.unit_id
            )
            products[line.line_id] = (product, sold.units)
    return products


def merge(old: Base | None, new: Base, kept: Collection[str]) -> Base:
    """The base after a load. kept: the parts of the answer that were not carried out, whose old values therefore stay:
    `lines`, `shipping`, `billing`, `rest` (see `not_followed`). Fields that the answer leaves out keep their old
    values."""
    if old is None:
        return new
    contacts = dict(old.contacts)
    for name, sealed in new.contacts.items():
        stays = name.partition(".")[0] in kept or ("rest" in kept and name in old.contacts and _is_contact(name))
        contacts[name] = old.contacts.get(name, "") if stays else sealed
    contacts = {name: sealed for name, sealed in contacts.items() if sealed}
    if "rest" in kept:
        new = msgspec.structs.replace(new, service=old.service, fulfilled_by=old.fulfilled_by)
    case = new.case if new.case[0] else (*old.case[:2], *new.case[2:])
    merged = msgspec.structs.replace(new, contacts=contacts, case=case)
    if "lines" not in kept:
        return merged
    return msgspec.structs.replace(
        old, contacts=contacts, shipping_id=new.shipping_id, invoice_id=new.invoice_id, at=new.at, service=new.service,
        fulfilled_by=new.fulfilled_by,
    )  # fmt: skip


def _has_part(contacts: Mapping[str, str], part: str) -> bool:
    return any(name.startswith(f"{part}.") for name in contacts)
