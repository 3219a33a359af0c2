"""From the channel's words to the merchant's: SKU -> product, shipping service -> carrier, order -> warehouse.

What belongs here: the pure choices, each with the reason when there is none. What does not: the keys themselves
(rules.py), reading products (odoo/reference/products.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec

from ...core.errors import RecordError
from ..keys import fold, key, key_of, shown
from ..orders.order import FulfilledBy, LineKind, Order
from ..products import Product, SoldUnit
from .departures import UNTOLD, Departure
from .rules import Pack, Route, SaleRules


class Goods(NamedTuple):
    """What one unit sold is: `quantity` of the product with the default_code `code`, counted in `unit` by its name in
    Odoo, '' for the product's own."""

    code: str
    quantity: int = 1
    unit: str = ""

    @property
    def measure(self) -> str:
        """What one unit sold measures, as in `5 m`; '' where it is counted in the product's own unit."""
        return f"{self.quantity} {self.unit}" if self.unit else ""


def goods_of(sku: str, title: str, rules: SaleRules) -> Goods:
    """What a channel's SKU means. Invisible characters do not count, nor does case with `sku_fold_case`. An alias names
    a product, never another alias. A line without SKU stands for the goods of the first pattern of `titles` that fits,
    for none (code '') if none does."""
    code = key(sku)
    if code:
        target = rules.skus.get(fold(code) if rules.sku_fold_case else code) or code
    else:
        seen = fold(title)
        target = next((pack for pattern, pack in rules.titles.items() if fnmatchcase(seen, pattern)), "")
    if isinstance(target, Pack):
        return Goods(key(target.product), target.quantity, key(target.unit))
    return Goods(key(target))


def alias(sku: str, rules: SaleRules) -> tuple[str, int]:
    """(default_code as a key, units of it per unit sold) of a channel's SKU."""
    return goods_of(sku, "", rules)[:2]


def alias_of(sku: str, title: str, rules: SaleRules) -> tuple[str, int]:
    """As `alias`, for a line that may have no SKU."""
    return goods_of(sku, title, rules)[:2]


def measured(rules: SaleRules) -> set[Goods]:
    """All goods that the settings count in a unit by its name."""
    goods = {goods_of(sku, "", rules) for sku in rules.skus}
    goods |= {Goods(key(pack.product), pack.quantity, key(pack.unit)) for pack in rules.titles.values()
              if isinstance(pack, Pack)}  # fmt: skip
    return {some for some in goods if some.unit}


def codes_of(orders: Iterable[Order], rules: SaleRules) -> set[str]:
    """Every default_code that these orders need."""
    codes = {
        alias_of(line.sku, line.title, rules)[0]
        for order in orders
        for line in order.lines
        if line.kind is LineKind.PRODUCT
    }
    return codes - {""}


def choose(
    sku: str, rules: SaleRules, catalogue: Mapping[str, Sequence[Product]], title: str = ""
) -> tuple[Product, int]:
    """The one product that a SKU means, or the title of a line without SKU, in the unit that it is sold in; and how
    many of these one unit sold is.

    catalogue: products by the codes of `codes_of`. Raises RecordError: `no_sku`, `unknown_sku`, `ambiguous_sku`,
    `archived_product`, `unsellable_product`, `unknown_unit`.
    """
    goods = goods_of(sku, title, rules)
    code, units = goods.code, goods.quantity
    if not code:
        raise RecordError(
            "no_sku", "A line of the order has no SKU.",
            fix="Give the listing a SKU in the marketplace, or name a product for its title under `titles`.",
        )  # fmt: skip
    candidates = catalogue.get(code, ())
    active = [product for product in candidates if product.active]
    if len(active) == 1 and active[0].saleable:
        unit_id = sold_unit(goods, active[0].units).unit_id if goods.unit else active[0].unit_id
        return msgspec.structs.replace(active[0], unit_id=unit_id), units
    named = code if code == sku or not key(sku) else f"{code} (SKU {shown(sku)})"
    if len(active) > 1:
        spelt = {product.code for product in active}
        hidden = f", as {' and '.join(sorted(map(shown, spelt)))}" if spelt != {code} else ""
        error = (
            "ambiguous_sku",
            f"{len(active)} products in Odoo have the internal reference {named}{hidden}.",
            "Give each its own internal reference, or map the SKU under the channel's skus.",
        )
    elif active:
        error = (
            "unsellable_product",
            f"The product {named} may not be sold in Odoo.",
            "Tick 'Sales' on the product in Odoo.",
        )
    elif candidates:
        error = (
            "archived_product",
            f"The product {named} is archived in Odoo.",
            "Unarchive it, or map the SKU to its successor.",
        )
    else:
        error = (
            "unknown_sku",
            f"No product in Odoo has the internal reference {named}.",
            "Create the product with this internal reference, or map the SKU under the channel's skus.",
        )
    raise RecordError(error[0], error[1], fix=error[2], subject=code)


def sold_unit(goods: Goods, units: Mapping[str, tuple[SoldUnit, ...]]) -> SoldUnit:
    """The unit that goods are counted in, of those that their product can be. Raises RecordError(`unknown_unit`)."""
    named, fits = f"unit of measure {shown(goods.unit)}", units.get(goods.unit)
    if fits is not None and len(fits) == 1 and goods.quantity >= fits[0].least:
        return fits[0]
    if fits is None:
        why, fix = f"Odoo has no {named} that {goods.code} can be counted in", "Create it there"
    elif not fits:
        why, fix = f"The {named} is archived in Odoo", "Unarchive it"
    elif len(fits) > 1:
        why, fix = f"Odoo has {len(fits)} units of measure named {shown(goods.unit)}", "Give each a name of its own"
    else:
        why = f"{goods.quantity} {goods.unit} of {goods.code} is less than Odoo can count"
        fix = "Raise the decimal accuracy of `Product Unit` there"
    there = ", ".join(sorted(name for name, them in units.items() if len(them) == 1)) or "none"
    raise RecordError(
        "unknown_unit", f"{why}.", fix=f"{fix}, or correct the SKU's `unit` in the settings; Odoo has: {there}.",
        subject=goods.code,
    )  # fmt: skip


def carrier(service: str, rules: SaleRules) -> str:
    """The delivery method's name in Odoo, '' for none."""
    return rules.carriers.get(key(service), rules.carrier_fallback)


def route(order: Order, codes: Iterable[str], rules: SaleRules) -> Route:
    """Where an order leaves from; a `Route.warehouse` of '' is the company's first warehouse.

    An order that the marketplace fulfils leaves from the marketplace's own warehouse. Any other order leaves by the
    first route whose conditions all hold, else from the default warehouse. Raises RecordError(`no_channel_warehouse`).
    """
    if order.fulfilled_by is FulfilledBy.CHANNEL:
        if not rules.channel_warehouse:
            raise RecordError(
                "no_channel_warehouse", "The marketplace ships this order, and no warehouse is set for its stock.",
                fix="Create a warehouse for it in Odoo and name it in the channel's channel_warehouse.",
            )  # fmt: skip
        return Route(warehouse=rules.channel_warehouse)
    fold_case = rules.sku_fold_case
    skus = {key_of(code, fold_case) for code in codes}
    for candidate in rules.routes:
        if (
            (not candidate.countries or order.destination.country in candidate.countries)
            and (not candidate.services or key(order.service) in map(key, candidate.services))
            and (not candidate.marketplaces or order.marketplace in candidate.marketplaces)
            and (not candidate.skus or (skus and skus <= {key_of(code, fold_case) for code in candidate.skus}))
        ):
            return candidate
    return Route(warehouse=rules.warehouse)


def departure(
    order: Order, chosen: Route, rules: SaleRules, seller_country: str, by_ledger: Departure = UNTOLD
) -> str:  # fmt: skip
    """The country that the goods leave from. by_ledger: by the marketplace's ledger of its own warehouses. Raises
    RecordError(`unknown_departure`) for the marketplace's own stock where neither it nor the marketplace nor a setting
    names the country."""
    if order.departure_country:
        return order.departure_country
    if order.fulfilled_by is FulfilledBy.CHANNEL:
        if by_ledger.country:
            return by_ledger.country
        country = rules.channel_departure_countries.get(order.marketplace, rules.channel_departure_country)
        if not country:
            raise RecordError(
                "unknown_departure", "The marketplace ships this order and does not state from which country."
                + (f" Its ledger names {', '.join(by_ledger.countries)}." if by_ledger.countries else ""),
                fix="Set channel_departure_country, or channel_departure_countries by marketplace, for this channel.",
                subject=order.marketplace,
            )  # fmt: skip
        return country
    return chosen.departure_country or rules.departure_country or seller_country
