"""The price of a product under a pricelist of Odoo's, computed here because Odoo offers no call for it.

What belongs here: Odoo 19's rules (product/models/product_pricelist.py and product_pricelist_item.py), and the price
that a channel shows by them. What does not: reading pricelists (odoo/catalogue/prices.py).

Prices are floats on the way, as in Odoo, and rounded once at the end: whoever rounded in between would differ by a
cent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from ..money import digits, to_decimal, to_minor

MOST_CHAINED = 20  # pricelists that build on one another; Odoo refuses a circle


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One product.pricelist.item, under Odoo's names. path: of its category, `1/4/9/`. starts, ends: None for always.
    base_pricelist: 0 for none."""

    id: int
    applied_on: str
    compute_price: str
    base: str = "list_price"
    base_pricelist: int = 0
    product_id: int = 0
    template_id: int = 0
    path: str = ""
    min_quantity: float = 0.0
    starts: datetime | None = None
    ends: datetime | None = None
    fixed_price: float = 0.0
    percent_price: float = 0.0
    price_discount: float = 0.0
    price_markup: float = 0.0
    price_round: float = 0.0
    price_surcharge: float = 0.0
    price_min_margin: float = 0.0
    price_max_margin: float = 0.0


class Pricelist(msgspec.Struct, frozen=True, kw_only=True):
    """rules: in the order in which Odoo tries them (`sort_rules`)."""

    id: int
    currency: str
    rules: tuple[Rule, ...] = ()


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a price is made of. list_price: with the extra prices of the attribute values. path: of the category, ''
    for a product without one. currency: of list_price; cost_currency: of cost."""

    product_id: int
    template_id: int
    list_price: float
    cost: float = 0.0
    path: str = ""
    currency: str = "EUR"
    cost_currency: str = "EUR"


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """pricelists: by record id, those that others build on included. rates: by (from, to) currency. now: by which rules
    count."""

    pricelists: Mapping[int, Pricelist]
    rates: Mapping[tuple[str, str], float]
    now: datetime


class Tax(msgspec.Struct, frozen=True, kw_only=True):
    """A product's sales taxes. percent: all of them together. included: whether Odoo's prices hold all of them. plain:
    whether they are percentages of the same price and nothing else."""

    percent: float = 0.0
    included: bool = False
    plain: bool = True


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """The price of one unit, not rounded, as Odoo's taxes have it: with those that prices include."""

    amount: float
    currency: str
    digits: int = 2


def sort_rules(rules: list[Rule]) -> tuple[Rule, ...]:
    """In Odoo's order: `applied_on, min_quantity desc, categ_id desc, id desc`. Of the categories of one product, each
    is within the next, and Odoo sorts them by their complete name: the innermost first."""
    return tuple(sorted(rules, key=lambda rule: (rule.applied_on, -rule.min_quantity, -rule.path.count("/"), -rule.id)))


def applies(rule: Rule, product: Figures, quantity: float, now: datetime) -> bool:
    """Whether a rule is for so many of a product now."""
    if (rule.starts and rule.starts > now) or (rule.ends and rule.ends < now):
        return False
    if rule.min_quantity and quantity < rule.min_quantity:
        return False
    match rule.applied_on:
        case "0_product_variant":
            return rule.product_id == product.product_id
        case "1_product":
            return rule.template_id == product.template_id
        case "2_product_category":
            return bool(rule.path and product.path.startswith(rule.path))
    return True


def compute_price(market: Market, pricelist: int, product: Figures, quantity: float = 1.0) -> float:
    """The price of one unit in the pricelist's currency, not rounded, as Odoo's `_get_product_price` gives it. Raises
    LookupError for a pricelist or an exchange rate that is not among the market's."""
    return _compute(market, market.pricelists[pricelist], product, quantity, MOST_CHAINED)


def _compute(market: Market, pricelist: Pricelist, product: Figures, quantity: float, depth: int) -> float:
    rule = next((rule for rule in pricelist.rules if applies(rule, product, quantity, market.now)), None)
    if rule is None:
        return _convert(market, product.list_price, product.currency, pricelist.currency)
    if rule.compute_price == "fixed":
        return rule.fixed_price
    base = _compute_base(market, pricelist, rule, product, quantity, depth)
    if rule.compute_price == "percentage":
        return (base - (base * (rule.percent_price / 100))) or 0.0
    if rule.compute_price != "formula":
        return base
    discount = rule.price_discount if rule.base != "standard_price" else -rule.price_markup
    price = base - (base * (discount / 100))
    if rule.price_round:
        price = round_float(price, rule.price_round)
    price += rule.price_surcharge
    if rule.price_min_margin:
        price = max(price, base + rule.price_min_margin)
    if rule.price_max_margin:
        price = min(price, base + rule.price_max_margin)
    return price


def _compute_base(
    market: Market, pricelist: Pricelist, rule: Rule, product: Figures, quantity: float, depth: int
) -> float:  # fmt: skip
    """What a rule starts from, in the currency of its pricelist."""
    if rule.base == "pricelist" and rule.base_pricelist:
        if not depth:
            raise LookupError("Pricelists build on one another in a circle.")
        below = market.pricelists[rule.base_pricelist]
        return _convert(
            market, _compute(market, below, product, quantity, depth - 1), below.currency, pricelist.currency
        )
    if rule.base == "standard_price":
        return _convert(market, product.cost, product.cost_currency, pricelist.currency)
    return _convert(market, product.list_price, product.currency, pricelist.currency)


def _convert(market: Market, price: float, source: str, target: str) -> float:
    return price if source == target or not price else price * market.rates[source, target]


def round_float(value: float, step: float) -> float:
    """The multiple of a step that is nearest, halves away from zero. Odoo's float_round (odoo/tools/float_utils.py),
    which adds a little because 2.675 is stored as 2.67499…"""
    if not step or not value:
        return 0.0
    factor = float(1 / Decimal(repr(step))) if step < 1 else step
    normal = value * factor if step < 1 else value / factor
    epsilon = 2 ** (math.log2(abs(normal)) - 50)
    whole = round(normal + math.copysign(epsilon, normal))
    return whole / factor if step < 1 else whole * factor


def write_price(amount: str, currency: str) -> str:
    """A channel's price in the form of `show_price`; '' for none, and for one that is not above 0. Raises RecordError
    for what is no amount of that currency."""
    minor = to_minor(amount, currency) if amount else 0
    return f"{to_decimal(minor, currency)} {currency}" if minor > 0 else ""


def read_amount(price: str) -> tuple[str, str]:
    """(amount, currency) of a price in that form."""
    amount, _, currency = price.partition(" ")
    return amount, currency


def show_price(price: Price, tax: Tax, *, includes_tax: bool) -> str:
    """The price as a channel shows it, `11.90 EUR`: with or without tax, each rounded to the digits that Odoo gives the
    currency, as it adds up a line of one unit, and written with those of ISO 4217. '' for a price that is not above 0,
    which says that nobody has set one. Raises ValueError for taxes from which the price cannot be told."""
    step = Decimal(1).scaleb(-price.digits)
    amount = Decimal(repr(round_float(price.amount, float(step)))).quantize(step)
    if amount <= 0:
        return ""
    if not tax.plain and not (tax.included and includes_tax):
        raise ValueError("These taxes are no percentage of the price.")
    rate = Decimal(repr(tax.percent)) / 100
    if includes_tax and not tax.included:
        amount += (amount * rate).quantize(step, ROUND_HALF_UP)
    elif tax.included and not includes_tax:
        amount = (amount / (1 + rate)).quantize(step, ROUND_HALF_UP)
    amount = amount.quantize(Decimal(1).scaleb(-digits(price.currency)), ROUND_HALF_UP)
    return f"{amount} {price.currency}" if amount > 0 else ""
