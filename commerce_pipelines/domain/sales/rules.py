"""How one channel's orders become sales in Odoo: the mapping keys of commerce.yaml, which every channel inherits.

What belongs here: keys that a merchant sets per channel and that drafting, VAT and routing read; their own checks. What
does not: how a channel is reached (channels/settings.py), whether a name exists in Odoo (odoo/readiness.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import structs
from msgspec.structs import force_setattr

from ...core.section import Section, is_country, no_country
from ..keys import fold, key, key_of
from ..vat.decision import REGIMES


class TaxMapping(Section, kw_only=True, frozen=True):
    """Which Odoo tax stands for one rate of one country. It overrides the tax that we would find or create."""

    country: str  # ISO 3166-1 alpha-2
    rate: Decimal  # percent, e.g. 19 or 8.1
    tax: str  # name of the sale tax in Odoo
    included: bool = True  # whether the tax is for channels whose prices include tax


class Pack(Section, kw_only=True, frozen=True):
    """What one unit sold is: several of one product, `{product: TEA-50, quantity: 6}`, or so many of a unit that Odoo
    knows, `{product: ROPE, quantity: 5, unit: m}`."""

    product: str = ""  # default_code in Odoo; default: the SKU itself
    quantity: int = 1  # units of the product in one unit sold
    unit: str = ""  # unit of measure by its name in Odoo; default: the product's own, the piece for dozens and packs


class Route(Section, kw_only=True, frozen=True):
    """Orders that leave from another warehouse. All given conditions must hold; the first route that fits wins."""

    warehouse: str  # name or code in Odoo
    countries: tuple[str, ...] = ()  # destination, ISO 3166-1 alpha-2
    services: tuple[str, ...] = ()  # the channel's shipping service or level
    skus: tuple[str, ...] = ()  # all products of the order must be among these (default_code)
    marketplaces: tuple[str, ...] = ()  # Amazon marketplace id, EBAY_DE, …
    departure_country: str = ""  # the country that goods leave this warehouse from, if it is not the channel's


class SaleRules(Section, kw_only=True, frozen=True):
    """Names are written as a person reads them in Odoo; '' leaves the choice to Odoo."""

    company: str = ""  # the company in Odoo whose orders these are; default: odoo.company
    sales_team: str = ""
    analytic: dict[str, float] = {}  # analytic account -> percent; the percents must add up to 100
    tags: tuple[str, ...] = ()
    pricelists: dict[str, str] = {}  # currency -> pricelist; by default one per currency is found or created
    guest: str = "Marketplace guest"  # the partner of orders whose buyer is unknown

    warehouse: str = ""  # name or code; default: the company's first
    channel_warehouse: str = ""  # for orders that the marketplace fulfils (FBA); required once such orders arrive
    routes: tuple[Route, ...] = ()
    carriers: dict[str, str] = {}  # the channel's shipping service -> delivery method in Odoo
    carrier_fallback: str = ""  # for services that are not listed; empty: the order gets no delivery method

    skus: dict[str, str | Pack] = {}  # the channel's SKU -> default_code, or a pack of one
    # For lines without SKU: a title, in which * and ? stand for any text -> default_code or pack.
    titles: dict[str, str | Pack] = {}
    sku_file: str = ""  # a CSV file with the columns sku, product, quantity, unit, for many aliases
    sku_fold_case: bool = False

    taxes: tuple[TaxMapping, ...] = ()
    fiscal_positions: dict[str, str] = {}  # tax regime, or regime and country as in oss_FR -> name in Odoo
    departure_country: str = ""  # the country that goods leave from; default: seller_country of `vat`
    channel_departure_country: str = ""  # the country that the marketplace's own warehouse (FBA) ships from
    # The same by marketplace id, because Amazon does not name the country.
    channel_departure_countries: dict[str, str] = {}

    risky: Literal["confirm", "hold_delivery", "wait"] = "confirm"  # for orders that the marketplace calls risky
    rounding_tolerance: int = 2  # minor units: the largest rounding line that may bring Odoo's total to the channel's
    on_payment_lost: Literal["note", "block"] = "note"  # block: its delivery is put on hold, see docs/life-cycle.md
    history_before: date | None = None  # orders placed earlier and already shipped get no delivery and no reservation

    def __post_init__(self) -> None:
        """Aliases and services in the spelling by which they are looked up."""
        skus = {key_of(sku, self.sku_fold_case): _name_product(sku, pack) for sku, pack in self.skus.items()}
        force_setattr(self, "skus", skus)
        force_setattr(self, "titles", {fold(title): pack for title, pack in self.titles.items()})
        force_setattr(self, "carriers", {key(service): name for service, name in self.carriers.items()})

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another."""
        if any(not 0 < percent <= 100 for percent in self.analytic.values()):
            yield "analytic", "may hold percentages above 0 and up to 100 only."
        elif self.analytic and abs(sum(self.analytic.values()) - 100) > 1e-9:
            yield "analytic", f"must add up to 100 percent; it adds up to {sum(self.analytic.values())}."
        for where, country in self._list_countries():
            if not is_country(country):
                yield where, no_country(country)
        for index, mapping in enumerate(self.taxes):
            if not (mapping.rate.is_finite() and 0 <= mapping.rate <= 100):
                yield f"taxes[{index}].rate", "must lie between 0 and 100 percent."
        for sku, pack in self.skus.items():
            if isinstance(pack, Pack) and pack.quantity < 1:
                yield f"skus.{sku}.quantity", "must be at least 1."
        for title, pack in self.titles.items():
            if isinstance(pack, Pack) and pack.quantity < 1:
                yield f"titles.{title}.quantity", "must be at least 1."
            if isinstance(pack, Pack) and not pack.product:
                yield f"titles.{title}", "names no product: give its internal reference in Odoo as `product`."
        if self.rounding_tolerance < 0:
            yield "rounding_tolerance", "must be 0 or more minor units."
        for name in self.fiscal_positions:
            regime, _, country = name.rpartition("_")
            if name not in REGIMES and not (regime in REGIMES and is_country(country)):
                yield (
                    f"fiscal_positions.{name}",
                    f"is no tax regime; write one of {', '.join(REGIMES)}, or as in oss_FR.",
                )

    def _list_countries(self) -> Iterator[tuple[str, str]]:
        """Every country that the keys name, with its path."""
        yield from ((f"taxes[{index}].country", mapping.country) for index, mapping in enumerate(self.taxes))
        for index, route in enumerate(self.routes):
            yield from ((f"routes[{index}].countries", country) for country in route.countries)
            if route.departure_country:
                yield f"routes[{index}].departure_country", route.departure_country
        for name in ("departure_country", "channel_departure_country"):
            if country := getattr(self, name):
                yield name, country
        for marketplace, country in self.channel_departure_countries.items():
            yield f"channel_departure_countries.{marketplace}", country


def _name_product(sku: str, pack: str | Pack) -> str | Pack:
    """An alias that names no product is about the product whose internal reference the SKU is."""
    return structs.replace(pack, product=sku) if isinstance(pack, Pack) and not pack.product else pack
