"""What the amounts of a refund are for: Amazon's tree of breakdowns, sorted by the names of its leaves.

What belongs here: the names that we know, and the sums. What does not: lines of a refund (refund_translate.py).

Amazon publishes no list of these names. A leaf that is not known, and is not zero, stops its refund: money of unknown
kind is not guessed. A branch must come to its leaves. `Sales` and `Expenses` say only whether an amount is positive:
refunded prices stand under Expenses. Below a fee nothing is looked at, because its parts (Base, Tax) are fees too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from ....core.errors import RecordError
from ....core.legible import one_word
from ....domain.money import to_minor
from .transactions import Breakdown, Currency


class Part(StrEnum):
    """What a part of a refund pays back for."""

    GOODS = "goods"
    SHIPPING = "shipping"
    WRAP = "wrap"
    GOODWILL = "goodwill"
    RESTOCKING = "restocking"  # what the seller keeps


class Sums(msgspec.Struct):
    """Minor units as Amazon signs them (a refund is negative), by part: without tax, tax, and tax that Amazon had
    withheld and gives back itself. fees: what Amazon gives back, or keeps, of its own fees."""

    net: dict[Part, int] = {}
    tax: dict[Part, int] = {}
    withheld: dict[Part, int] = {}
    fees: int = 0

    def total(self) -> int:
        return sum(sum(group.values()) for group in (self.net, self.tax, self.withheld)) + self.fees


_NET = {
    "OurPricePrincipal": Part.GOODS,
    "OurPriceDiscount": Part.GOODS,
    "ProductCharges": Part.GOODS,
    "Principal": Part.GOODS,
    "Promo": Part.GOODS,
    "PromoRebates": Part.GOODS,
    "Shipping": Part.SHIPPING,
    "ShippingPrincipal": Part.SHIPPING,
    "ShippingDiscount": Part.SHIPPING,
    "Giftwrap": Part.WRAP,
    "GiftwrapPrincipal": Part.WRAP,
    "GiftwrapDiscount": Part.WRAP,
    "GoodwillPrincipal": Part.GOODWILL,
    "RestockingDeductionPrincipal": Part.RESTOCKING,
}
_TAX = {
    "Tax": Part.GOODS,
    "OurPriceTax": Part.GOODS,
    "OurPriceTaxDiscount": Part.GOODS,
    "ShippingTax": Part.SHIPPING,
    "ShippingTaxDiscount": Part.SHIPPING,
    "GiftwrapTax": Part.WRAP,
    "GiftwrapTaxDiscount": Part.WRAP,
    "GoodwillTax": Part.GOODWILL,
    "RestockingDeductionTax": Part.RESTOCKING,
}
_FEE = re.compile(r"[A-Za-z]*(?:Fees?|Commission|Chargeback|FeeRefund)\Z")
_WITHHELD = re.compile(r"(?:MarketplaceFacilitator(?:Tax|VAT)|LowValueGoodsTax)-([A-Za-z]+)\Z")
_WITHHELD_FOR = {"Principal": Part.GOODS, "Shipping": Part.SHIPPING, "Giftwrap": Part.WRAP, "Goodwill": Part.GOODWILL}


def sum_up(breakdowns: Sequence[Breakdown], currency: str) -> Sums:
    """Raises RecordError: `unknown_charge`, `unbalanced`, `mixed_currency`, `bad_amount`."""
    sums = Sums()
    others: list[int] = []
    for breakdown in breakdowns:
        _add(breakdown, currency, sums, others)
    if others:  # of gift wrap, if there is any; Amazon calls it `Other`
        part = Part.WRAP if sums.tax.get(Part.WRAP) else Part.GOODS
        sums.withheld[part] = sums.withheld.get(part, 0) + sum(others)
    return sums


def sum_prices(breakdowns: Sequence[Breakdown], total: int, currency: str) -> int | None:
    """A transaction's total without fees and withheld tax, whatever the other amounts are called; None where parts
    differ from their whole. Raises RecordError as `sum_up`."""
    amounts = [(breakdown, read_minor(breakdown.breakdown_amount, currency)) for breakdown in breakdowns]
    if sum(amount for _, amount in amounts) != total:
        return None
    prices = 0
    for breakdown, amount in amounts:
        if _FEE.match(breakdown.breakdown_type) or _WITHHELD.match(breakdown.breakdown_type):
            continue
        of_parts = sum_prices(breakdown.breakdowns, amount, currency) if breakdown.breakdowns else amount
        if of_parts is None:
            return None
        prices += of_parts
    return prices


def read_minor(amount: Currency, currency: str) -> int:
    if amount.currency_code != currency:
        raise RecordError(
            "mixed_currency",
            f"The refund has amounts in {currency} and {amount.currency_code}.",
            fix="Compare the refund in Seller Central and enter it in Odoo by hand.",
            subject=amount.currency_code,
        )
    return to_minor(f"{amount.currency_amount:f}", currency)


def _add(breakdown: Breakdown, currency: str, sums: Sums, others: list[int]) -> None:
    name, amount = breakdown.breakdown_type, read_minor(breakdown.breakdown_amount, currency)
    if _FEE.match(name):
        sums.fees += amount
        return
    if parts := breakdown.breakdowns:
        off = amount - sum(read_minor(part.breakdown_amount, currency) for part in parts)
        if off:
            raise RecordError(
                "unbalanced",
                f"The parts of {one_word(name) or 'an amount'} differ from it by {off} minor units of {currency}.",
                fix="Compare the refund in Seller Central and enter it in Odoo by hand.",
                subject=one_word(name),
            )
        for part in parts:
            _add(part, currency, sums, others)
    elif amount:
        _sort_leaf(name, amount, sums, others)


def _sort_leaf(name: str, amount: int, sums: Sums, others: list[int]) -> None:
    group, part = (sums.net, _NET.get(name)) if name in _NET else (sums.tax, _TAX.get(name))
    if part is None and (hit := _WITHHELD.match(name)):
        group, part = sums.withheld, _WITHHELD_FOR.get(hit[1])
        if part is None:
            others.append(amount)
            return
    if part is None:
        raise RecordError(
            "unknown_charge",
            f"The refund has an amount called {one_word(name) or 'by no word'}, whose meaning we do not know.",
            fix="Report the name; until then enter the refund in Odoo by hand.",
            subject=one_word(name),
        )
    group[part] = group.get(part, 0) + amount
