"""Which country goods left the marketplace's own warehouses from, by its ledger of them. Pure.

    named    the ledger's row of a shipment names the order
    shipped  since the order was placed, and until it was seen as shipped, its SKU left from one country only
    lies     on all days that are known since then, units that can be sold lay in one country only

The first of these that has an answer counts; all SKUs of the order must have the same one. Where the ledger has no word
of a SKU, or none of late, it tells nothing, and the settings count. Where it names several countries, nobody can tell:
the settings count as well, and the order says so. What an order was decided by once stays with it; what later days of
the ledger say against it is told.

What belongs here: this rule and its sentences. What does not: reading the ledger (warehouse/orders/departures.py), what
the VAT follows from the country (domain/vat/).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import msgspec

from ...core.reasons import Reason
from ..orders.order import FulfilledBy, LineKind, Order
from ..vat.territories import vat_country

STALE = timedelta(days=3)  # before an order: what lay there earlier says nothing of it
LONGEST = timedelta(days=14)  # within which an order is shipped
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


class PlaceDay(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A SKU in one country on one day of the ledger, of units that can be sold. units: that lay there at its beginning
    or its end, or were on their way from there; shipped: that left to buyers."""

    day: date
    country: str
    units: int
    shipped: int


class Shipping(msgspec.Struct, frozen=True, kw_only=True):
    """What the rule needs of an order. units: by SKU. shipped_by: the day on which it was seen as shipped, None before.
    Both days are business days of the channel."""

    order_id: str
    placed_on: date
    units: Mapping[str, int]
    shipped_by: date | None = None


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says. days: that are known and complete. of: by SKU. named: countries of shipments that name the
    order, by order id."""

    days: frozenset[date] = frozenset()
    of: Mapping[str, Sequence[PlaceDay]] = {}
    named: Mapping[str, frozenset[str]] = {}


BY_NAME = "the marketplace's ledger, by its row of this order"


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """country: that the ledger tells, '' where it does not. countries: all that it names, where they are several. by:
    how it tells, '' where it has no word. later: what it names since, where that is not what the order was decided
    by."""

    country: str = ""
    countries: tuple[str, ...] = ()
    by: str = ""
    later: tuple[str, ...] = ()


UNTOLD = Departure()


def is_asked(order: Order) -> bool:
    """Whether the ledger is asked: the marketplace ships the order and does not state from where."""
    return order.fulfilled_by is FulfilledBy.CHANNEL and not order.departure_country


def count_units(order: Order) -> dict[str, int]:
    return add_units((line.sku, line.quantity) for line in order.lines if line.kind is LineKind.PRODUCT)


def add_units(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """By SKU. lines: (SKU, units) of goods."""
    units: dict[str, int] = {}
    for sku, quantity in lines:
        if quantity > 0:
            units[sku.strip()] = units.get(sku.strip(), 0) + quantity
    return units


def tell(order: Shipping, places: Places) -> Departure:
    rows_of_order = places.named.get(order.order_id, frozenset())
    named = read_countries(rows_of_order)
    if named:
        if not _is_readable(rows_of_order):
            return UNTOLD
        return _judge(named, BY_NAME)
    first = order.placed_on
    last = max((day for day in places.days if first - STALE <= day <= first + LONGEST), default=None)
    if not order.units or last is None:
        return UNTOLD
    until = min(first + LONGEST, order.shipped_by or date.max)
    span = [day for day in places.days if min(first, last) <= day <= max(until, min(first, last))]
    is_whole = order.shipped_by is not None and order.shipped_by >= first and all(
        first + timedelta(days=n) in places.days for n in range((until - first).days + 1)
    )  # fmt: skip
    countries: set[str] = set()
    for sku, units in order.units.items():
        rows = [row for row in places.of.get(sku, ()) if row.day in span]
        of_sku = _find_shipping(rows, units) if is_whole else ""
        there = {row.country for row in rows if row.units > 0 or row.shipped > 0}
        lying = {of_sku} if of_sku else read_countries(there)
        if not lying or not (of_sku or _is_readable(there)):
            return UNTOLD
        countries |= lying
    return _judge(countries, f"the marketplace's ledger until {max(span)}")


def _find_shipping(rows: Iterable[PlaceDay], units: int) -> str:
    """The only country from which a SKU left, at least so many units; '' for none or several."""
    left: dict[str, int] = {}
    for row in rows:
        if row.shipped > 0:
            left[row.country] = left.get(row.country, 0) + row.shipped
    single = read_countries(left)
    return single.pop() if len(single) == len(left) == 1 and sum(left.values()) >= units else ""


def read_countries(texts: Iterable[str]) -> set[str]:
    """Country codes; what is none, such as the code of a centre, is left out."""
    codes = {text.strip().upper() for text in texts}
    return {vat_country(code, "") for code in codes if _COUNTRY.match(code)}


def _is_readable(places: Iterable[str]) -> bool:
    """Whether each of these is a country: one that cannot be read may be any."""
    return all(read_countries([place]) for place in places)


def _judge(countries: set[str], by: str) -> Departure:
    if len(countries) == 1:
        return Departure(country=next(iter(countries)), by=by)
    return Departure(countries=tuple(sorted(countries)), by=by)


def contradict(used: str, decided: Departure, now: Departure) -> tuple[str, ...]:
    """The countries that the ledger names now, where none of them is the one that an order was decided by; and where
    rows of the order itself name others beside it, so that a part left elsewhere, which was not known then."""
    countries = (now.country,) if now.country else now.countries
    if not used or vat_country(used, "") not in countries:
        return countries if used else ()
    return countries if len(countries) > 1 and now.by == BY_NAME and countries != decided.countries else ()


def describe(by_ledger: Departure) -> str:
    """The source of an order's departure, as its evidence has it."""
    if by_ledger.country or not by_ledger.countries:
        return by_ledger.by
    return f"the settings; {by_ledger.by} names {', '.join(by_ledger.countries)}"


def flag_departure(by_ledger: Departure, country: str) -> tuple[Reason, ...]:
    """The flag of an order whose departure is none of the countries that the ledger names, by the settings or since."""
    if by_ledger.later:
        used, source = country or by_ledger.country, by_ledger.by if by_ledger.country else "the settings"
        origin = f"from {used}, by {source}" if used else "as the settings said then"
        return (
            Reason(
                "departure_unclear",
                f"The order counts as left {origin}; since then the marketplace's ledger names "
                f"{', '.join(by_ledger.later)}.",
                "What was decided stays. Look in the marketplace where the goods left from, and correct the order's "
                "taxes in Odoo if it matters.",
            ),
        )  # fmt: skip
    if by_ledger.country or not by_ledger.countries or country in by_ledger.countries:
        return ()
    return (
        Reason(
            "departure_unclear",
            f"The settings say that the goods left from {country}; {by_ledger.by} names "
            f"{', '.join(by_ledger.countries)}.",
            "Look in the marketplace where they left from, and correct the order's taxes in Odoo if it matters; set "
            "channel_departure_country to where most goods lie.",
        ),
    )  # fmt: skip
