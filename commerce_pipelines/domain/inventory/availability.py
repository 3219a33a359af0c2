"""From free stock to the quantity that each listing shall show: kits, packs, unshipped orders, reserve, share, cap,
threshold.

What belongs here: the pure rule, over whole tables of listings at once, in integers. What does not: the settings'
shapes (listings.py), publishing a difference (push_plan.py), reading anything. Import it inside functions: it loads
pandas.

Quantities inside are millionths of a unit as int64, because Odoo counts in floats and a kilogram may be divided.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from ...core.errors import SettingsError
from ..keys import key, key_of
from ..orders.order import FulfilledBy, Sold
from ..sales.mapping import Goods, goods_of
from ..sales.rules import SaleRules
from .kits import MICRO
from .listings import UNREADABLE_KEY, InventoryRules, share_ppm

MOST_UNITS = 1_000_000_000_000  # units; a larger figure is a fault, not a quantity

# The reasons for which a listing gets no target and keeps what it shows.
SKIPS = (
    *("unreadable", "channel_fulfilled", "no_sku", "unlinked", "ambiguous", "unmapped_location", "unknown_unit"),
    "not_read",
)
# Millionths of a product that goods take which settings count in a unit by its name, by product id and measure
# (sales/mapping.py); None where Odoo cannot count the product so.
Sizes = Mapping[tuple[int, str], int | None]
Ordered = Mapping[int, int | Fraction]  # units by product id
STOCK_COLUMNS = ("product_id", "code", "kind", "warehouse", "on_hand", "reserved", "demand", "incoming", "free",
                 "negative", "components", "category")  # fmt: skip


class Place(msgspec.Struct, frozen=True):
    """A warehouse of Odoo."""

    code: str
    name: str


class Pipe(msgspec.Struct, frozen=True):
    """Units that one channel sold and that a stock read cannot contain yet. sales: what the channel's SKUs mean."""

    sales: SaleRules
    units: Mapping[Sold, int]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What the targets of one channel are computed from.

    levels: STOCK_COLUMNS of a stock read that began at `taken_at` and counted `read` products with stock. pipes: what
    all channels sold and this read cannot contain yet. sizes: as this read found them.
    """

    channel: str
    rules: InventoryRules
    sales: SaleRules
    listings: pd.DataFrame
    levels: pd.DataFrame
    places: Sequence[Place]
    taken_at: datetime
    read: int
    pipes: Sequence[Pipe]
    sizes: Sizes = {}


def micro(units: Any) -> Any:
    """Odoo's units, which are floats, as millionths. They are rounded here, because 0.1 + 0.2 means 0.3."""
    return np.rint(np.asarray(units, dtype="float64") * MICRO).astype("int64")


def feeds(
    name: str, rules: InventoryRules, sales: SaleRules, warehouses: Sequence[Place], locations: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """The codes of the warehouses that feed each location of the channel; a location that no warehouse feeds is left
    out.

    The default of `inventory.locations` feeds at most one location that is not named there, because two locations would
    offer the same stock twice. Raises SettingsError, which names the key, for an unknown warehouse and where a person
    has to choose.
    """
    where = f"channels[{name}].inventory.locations"
    named = {place: _find_warehouses(feeding, where, warehouses) for place, feeding in rules.locations.items()}
    fed = {place: codes for place, codes in named.items() if place}
    others = sorted(set(locations) - set(fed))
    if len(others) > 1:  # the channel's own default location, if it has one among several
        others = [place for place in others if place == ""]
    if others:
        default = _choose_default(name, rules, sales, warehouses)
        taken = {code for codes in fed.values() for code in codes}
        if default and not taken & set(default):
            fed[others[0]] = default
    places = sorted(set(locations))
    if places and not fed.keys() & set(places):
        own = [place.code for place in warehouses if sales.channel_warehouse not in (place.code, place.name)]
        wanted = [code for codes in rules.locations.values() for code in codes] or [sales.warehouse, *own]
        raise SettingsError(
            f"{where}: the channel keeps stock at {', '.join(map(repr, places))}, and no warehouse feeds any of these; "
            f"write which do, as in {{{places[0]!r}: [{next(filter(None, wanted), 'WH')}]}}."
        )
    owners: dict[str, str] = {}
    for place, feeding in fed.items():
        for code in feeding:
            if owners.setdefault(code, place) != place:
                raise SettingsError(
                    f"{where}: warehouse {code} would be offered twice, at {owners[code]!r} and {place!r}."
                )
    return fed


def _choose_default(name: str, rules: InventoryRules, sales: SaleRules, warehouses: Sequence[Place]) -> tuple[str, ...]:
    """The warehouses that feed the place that no key names: those of `locations['']`, else the orders' own warehouse,
    else the only one in Odoo beside the marketplace's. None where other places are named."""
    where = f"channels[{name}].inventory.locations"
    if "" in rules.locations:
        return _find_warehouses(rules.locations[""], where, warehouses)
    if sales.warehouse:
        return _find_warehouses((sales.warehouse,), f"channels[{name}].warehouse", warehouses)
    if rules.locations:
        return ()
    own = [place.code for place in warehouses if sales.channel_warehouse not in (place.code, place.name)]
    if len(own) != 1:
        raise SettingsError(
            f"{where}: Odoo has {len(own)} warehouses ({', '.join(own)}); "
            "write which of them feed this channel, as in {'': [WH]}."
        )
    return (own[0],)


def _find_warehouses(named: Iterable[str], where: str, warehouses: Sequence[Place]) -> tuple[str, ...]:
    """The codes of warehouses that a key names by name or code. where: the key. Raises SettingsError for one that Odoo
    does not have."""
    codes = {place.name: place.code for place in warehouses} | {place.code: place.code for place in warehouses}
    for name in named:
        if name not in codes:
            raise SettingsError(f"{where}: Odoo has no warehouse {name!r}; it has {', '.join(sorted(codes))}.")
    return tuple(dict.fromkeys(codes[name] for name in named))


def targets(offer: Offer) -> pd.DataFrame:
    """What each listing of an offer shall show: `feeds` of the channel's locations that hold our stock, then `decide`.
    Raises SettingsError where a person has to choose a warehouse."""
    own = offer.listings["fulfilled_by"] != FulfilledBy.CHANNEL.value
    locations = offer.listings.loc[own, "location"].fillna("").unique().tolist()
    fed = feeds(offer.channel, offer.rules, offer.sales, offer.places, locations)
    ordered = units_by_product(offer.pipes, offer.levels, offer.sizes)
    return decide(offer.listings, offer.levels, ordered, offer.rules, offer.sales, fed, offer.sizes)


def units_by_product(pipes: Iterable[Pipe], stock: pd.DataFrame, sizes: Sizes) -> Ordered:
    """The units in these pipes by product id. What has no product in Odoo takes nothing from the stock; what is sold in
    a unit that Odoo lacks is held back as if it were the product's own."""
    products = _select_products(stock)
    ids = products["product_id"].tolist()
    ordered: dict[int, int | Fraction] = {}
    for pipe in pipes:
        if pipe.units:
            goods, rows, _ = _find_goods(pipe.units, products, pipe.sales)
            for row, some, quantity in zip(rows.tolist(), goods, pipe.units.values(), strict=True):
                if row >= 0:
                    size = some.unit and sizes.get((ids[row], some.measure))
                    needs = Fraction(size, MICRO) if size else some.quantity
                    ordered[ids[row]] = ordered.get(ids[row], 0) + quantity * needs
    return ordered


def decide(
    listings: pd.DataFrame,
    stock: pd.DataFrame,
    ordered: Ordered,
    rules: InventoryRules,
    sales: SaleRules,
    fed: Mapping[str, tuple[str, ...]],
    sizes: Sizes = {},  # noqa: B006 - never written to
) -> pd.DataFrame:
    """What each listing shall show, one row per listing in the listings' order.

    listings: key, sku, location, fulfilled_by. stock: STOCK_COLUMNS, one row per product and warehouse (warehouse ''
    for a product that lies nowhere); kits carry their exploded content as `components`, JSON of millionths by product.
    ordered: sold and not in Odoo yet. fed: the result of `feeds`.

    target is in the listing's own units. It is null where `reason` is one of SKIPS; otherwise 0 <= target * units <=
    free. free and in_pipe are whole units of the product; where settings name a unit, whole units of the listing.
    """
    skus = [key(sku) for sku in listings["sku"].tolist()]
    products = _select_products(stock)
    goods, row, ambiguous = _find_goods([(sku, "") for sku in skus], products, sales)
    codes = np.array([some.code for some in goods], dtype=object)
    units, size, unmeasured = _find_measures(goods, row, products, sizes)
    place = listings["location"].fillna("").to_numpy(dtype=object)
    amounts, negative = _compute_amounts(place, row, stock, products, fed)
    content = {product: msgspec.json.decode(text, type=dict[int, int]) for product, text in _list_kits(products)}
    pipe = _compute_pipe(ordered, content, products)[row]
    share, reserve, cap, end_below = _apply_rules(skus, codes, row, products, rules)
    skipped = _find_skips(listings, codes, products, row, ambiguous, fed, unmeasured)
    sums, linked = _Sums(amounts, pipe, reserve, share, size * units, cap, end_below), skipped == ""
    reason = np.where(linked, sums.reasons(negative), skipped)
    ids = np.append(products["product_id"].to_numpy(dtype="int64"), 0)[row]
    return pd.DataFrame(
        {
            "key": listings["key"].array,
            "sku": listings["sku"].array,
            "location": place,
            "product_id": _make_nullable(ids, row >= 0),
            "code": codes,
            "units": units,
            "free": _make_nullable(amounts // size, linked),
            "in_pipe": _make_nullable(-(-pipe // size), linked),
            "reserve": _make_nullable(reserve, linked),
            "share": _make_nullable(share, linked),
            "cap": _make_nullable(cap, linked & (cap < MOST_UNITS)),
            "end_below": _make_nullable(end_below, linked),
            "target": _make_nullable(sums.final, linked),
            "reason": reason,
        }
    )


class _Sums:
    """The steps from what is free to what is shown, listing by listing. amounts, pipe: millionths of the product.
    share: ppm. reserve: units of the product. cap, end_below: units of the listing; each is `size` millionths of the
    product."""

    def __init__(
        self, amounts: np.ndarray, pipe: np.ndarray, reserve: np.ndarray, share: np.ndarray, size: np.ndarray,
        cap: np.ndarray, end_below: np.ndarray,
    ) -> None:  # fmt: skip
        self._amounts = amounts
        self._after_pipe = np.maximum(amounts - pipe, 0)
        self._after_reserve = np.maximum(self._after_pipe - reserve * MICRO, 0)
        whole, rest = np.divmod(self._after_reserve, MICRO)
        # The division rounds down once; rounding down in several steps gives the same integer. Units times ppm are
        # millionths of a unit.
        self._shared = (whole * share + rest * share // MICRO) // size
        self._capped = np.minimum(self._shared, cap)
        self._ended = self._capped < end_below
        self.final = np.where(self._ended, 0, self._capped)

    def reasons(self, negative: np.ndarray) -> np.ndarray:
        """The rule that lowered each figure: the first one that did."""
        none = self._amounts <= 0
        held = [none & negative, none, self._after_pipe <= 0, self._after_reserve <= 0]
        held += [self._ended & (self._capped > 0), self._capped < self._shared]
        names = ["negative", "no_stock", "in_pipe", "reserve", "end_below", "cap"]
        return np.select(held, names, default="share")


def _find_skips(
    listings: pd.DataFrame,
    codes: np.ndarray,
    products: pd.DataFrame,
    row: np.ndarray,
    ambiguous: np.ndarray,
    fed: Mapping[str, tuple[str, ...]],
    unmeasured: np.ndarray,
) -> np.ndarray:
    """Why a listing gets no target: the first of SKIPS that holds; '' where it gets one. unmeasured: see
    `_find_measures`."""
    merchant = listings["fulfilled_by"].to_numpy(dtype=object) != FulfilledBy.CHANNEL.value
    mapped = np.isin(listings["location"].fillna("").to_numpy(dtype=object).astype(str), list(fed))
    unreadable = np.array([key.startswith(UNREADABLE_KEY) for key in listings["key"]], dtype=bool)
    unread = np.append(products["kind"].to_numpy(dtype=object) == "unread", False)[row]
    lacking = [unreadable, ~merchant, codes == "", ambiguous, row < 0, ~mapped, unread]
    names = ["unreadable", "channel_fulfilled", "no_sku", "ambiguous", "unlinked", "unmapped_location", "not_read"]
    return np.select(lacking, names, default=unmeasured)


def _find_measures(
    goods: Sequence[Goods], row: np.ndarray, products: pd.DataFrame, sizes: Sizes
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What one unit of each listing takes: whole units, each of so many millionths of the product; and why that is not
    known, '' where it is. Goods that settings measure are one unit of their own size."""
    units = np.array([min(some.quantity, MOST_UNITS) for some in goods], dtype="int64")
    size = np.full(len(goods), MICRO, "int64")
    why = np.full(len(goods), "", object)
    ids = products["product_id"].tolist()
    for at, some in enumerate(goods):
        if some.unit and row[at] >= 0:
            millionths = sizes.get((ids[row[at]], some.measure), 0)
            why[at] = "unknown_unit" if millionths is None else "" if millionths else "not_read"
            units[at], size[at] = 1, millionths or MICRO
    return units, size, why


def _select_products(stock: pd.DataFrame) -> pd.DataFrame:
    """One row per product, the index counting from 0."""
    columns = ["product_id", "code", "kind", "components", "category"]
    return stock.loc[~stock["product_id"].duplicated(), columns].reset_index(drop=True)


def _find_goods(
    names: Iterable[tuple[str, str]], products: pd.DataFrame, sales: SaleRules
) -> tuple[list[Goods], np.ndarray, np.ndarray]:
    """What each SKU means, or a title without SKU; the row of its product, -1 for none; and whether several products
    share its code."""
    goods = [goods_of(sku, title, sales) for sku, title in names]
    stored = [key_of(code, sales.sku_fold_case) for code in products["code"].tolist()]
    wanted = [key_of(some.code, sales.sku_fold_case) for some in goods]
    twice = {code for code, count in Counter(stored).items() if count > 1}
    rows = {code: index for index, code in enumerate(stored)}
    row = np.array([rows.get(code, -1) for code in wanted], dtype="int64")
    return goods, row, np.array([code in twice for code in wanted], dtype=bool)


def _compute_amounts(
    place: np.ndarray, row: np.ndarray, stock: pd.DataFrame, products: pd.DataFrame, fed: Mapping[str, tuple[str, ...]]
) -> tuple[np.ndarray, np.ndarray]:
    """Free millionths of each listing's product in the warehouses that feed it, and whether Odoo's figure was below
    zero."""
    position = pd.Series(products.index, index=products["product_id"].to_numpy(dtype="int64"))
    of_stock = position.reindex(stock["product_id"].to_numpy(dtype="int64")).to_numpy(dtype="int64")
    free = np.maximum(micro(stock["free"]), 0)
    below = stock["negative"].to_numpy(dtype=bool)
    warehouse = stock["warehouse"].to_numpy(dtype=object)
    amounts, negative = np.zeros(len(place), "int64"), np.zeros(len(place), bool)
    for location, codes in fed.items():
        feeding = np.array([code in codes for code in warehouse], dtype=bool)
        total = np.zeros(len(products) + 1, "int64")  # the last entry is for row -1, a listing without product
        np.add.at(total, of_stock[feeding], free[feeding])
        minus = np.zeros(len(products) + 1, bool)
        minus[of_stock[feeding & below]] = True
        here = place == location
        amounts[here], negative[here] = total[row[here]], minus[row[here]]
    return amounts, negative


def _list_kits(products: pd.DataFrame) -> list[tuple[int, str]]:
    kits = products[products["kind"] == "kit"]
    return [(int(product), str(text)) for product, text in zip(kits["product_id"], kits["components"], strict=True)]


def _compute_pipe(ordered: Ordered, content: Mapping[int, Mapping[int, int]], products: pd.DataFrame) -> np.ndarray:
    """Millionths to hold back for orders that are not in Odoo yet, by product row (the last entry, 0, is for row -1).

    An ordered kit takes its components. A kit itself is reduced by the largest number of kits that any of its
    components is short of.
    """
    sums: dict[int, int | Fraction] = {}
    for product, units in ordered.items():
        for leaf, share in content.get(product, {product: MICRO}).items():
            sums[leaf] = sums.get(leaf, 0) + max(units, 0) * share
    leaves = {leaf: math.ceil(units) for leaf, units in sums.items()}
    held = dict(leaves)
    for kit, parts in content.items():
        held[kit] = max((-(-leaves.get(leaf, 0) // need) for leaf, need in parts.items()), default=0) * MICRO
    return np.array([*(held.get(int(product), 0) for product in products["product_id"]), 0], dtype="int64")


def _apply_rules(
    skus: list[str], codes: np.ndarray, row: np.ndarray, products: pd.DataFrame, rules: InventoryRules
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """share (ppm), reserve, cap and end_below of each listing; overrides apply in their order."""
    size = len(skus)
    share = np.full(size, share_ppm(rules.share), "int64")
    reserve = np.full(size, rules.reserve, "int64")
    cap = np.full(size, MOST_UNITS if rules.cap is None else rules.cap, "int64")
    end_below = np.full(size, rules.end_below, "int64")
    for override in rules.overrides:
        named, pairs = frozenset(override.skus), zip(skus, codes, strict=True)
        fits = np.array([sku in named or code in named for sku, code in pairs], dtype=bool)
        if override.categories:
            fits |= np.append(_is_within(products["category"], override.categories), False)[row]
        if override.share is not None:
            share[fits] = share_ppm(override.share)
        for figure, value in ((reserve, override.reserve), (cap, override.cap), (end_below, override.end_below)):
            if value is not None:
                figure[fits] = value
    return share, reserve, cap, end_below


def _is_within(category: pd.Series, wanted: Iterable[str]) -> np.ndarray:
    """Whether each category (`All / Tea / Green`) is one of the wanted categories or lies below one."""
    roots = tuple(f"{name} / " for name in wanted)
    return np.array([f"{name} / ".startswith(roots) for name in category.fillna("")], dtype=bool)


def _make_nullable(values: np.ndarray, present: np.ndarray) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(values.astype("int64"), ~present)
