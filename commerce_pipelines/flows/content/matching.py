"""The plan of a channel, decided from what was read of both sides: once, however often a run asks for it.

What belongs here: matching listings to products, keeping a plan while nothing of what it follows from changes, deciding
single listings anew. What does not: what differs (domain/content/comparison.py), reading both sides (inputs.py).

Comparing takes seconds for ten thousand products. A run asks after reading, before sending and after sending: the
second time the plan is the one from before, and the third time only those listings are decided that were told
something.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import msgspec

from ...channels.capabilities import offered
from ...core.errors import PermanentError, RecordError
from ...domain.content.comparison import ListingPlan, Memory, compare, recognise
from ...domain.content.listings import ShownListing
from ...domain.keys import key_of
from ...domain.sales.mapping import goods_of
from ...resources.connections import Connections

if TYPE_CHECKING:
    from ...channels.settings import ChannelSettings
    from ...domain.content.products import Product

ByCode = Mapping[str, Sequence["Product"]]


class Decided(msgspec.Struct, frozen=True):
    """plans: in the order of the listings' keys. stamp: of what they follow from (warehouse/content/stamps.py).
    by_code: the products that they were compared with."""

    stamp: str
    plans: list[ListingPlan]
    by_code: ByCode


_last: WeakKeyDictionary[Connections, dict[str, Decided]] = WeakKeyDictionary()


def decide(connections: Connections, name: str) -> list[ListingPlan]:
    """The plan for every listing, from what was read last. Raises PermanentError before the first reading of Odoo."""
    from ...warehouse.content import products as rows
    from ...warehouse.content import stamps

    settings, company = connections.settings.channel(name), connections.company_of(name)
    with connections.warehouse.transaction() as connection:
        if rows.read_reading(connection, company) is None:
            raise PermanentError("No product of Odoo has been read yet; materialise odoo/products first.")
        stamp, last = stamps.read_stamp(connection, name, company), _last.setdefault(connections, {}).get(name)
        if last is not None and last.stamp == stamp:
            return last.plans
        products = rows.load_products(connection, company)
    by_code = group_by_code(products, settings.sku_fold_case)
    plans = _compare_all(connections, name, by_code, None)
    _last[connections][name] = Decided(stamp, plans, by_code)
    return plans


def decide_again(connections: Connections, name: str, keys: Collection[str]) -> list[ListingPlan]:
    """The last plan with these listings decided anew, after they were told something. What else changed meanwhile is
    seen by the next `decide`."""
    last = _last.get(connections, {}).get(name)
    if last is None:
        return decide(connections, name)
    fresh = {plan.listing.key: plan for plan in _compare_all(connections, name, last.by_code, keys)} if keys else {}
    return [fresh.get(plan.listing.key, plan) for plan in last.plans]


def _compare_all(
    connections: Connections, name: str, by_code: ByCode, keys: Collection[str] | None
) -> list[ListingPlan]:
    """The plans for these listings; keys None for all."""
    from ...warehouse.content import shown, uploads

    with connections.warehouse.transaction() as connection:
        listings = shown.load_listings(connection, name, keys)
        memories = shown.load_memories(connection, name)
        checksums = uploads.load_checksums(connection, name)
    settings, channel = connections.settings.channel(name), connections.channel(name)
    content = offered(channel.content, channel, "content")
    plans = []
    for listing in listings:
        matches = match(listing, by_code, settings)
        if not any(matches):
            plans.append(ListingPlan(listing=listing, why="no product"))
            continue
        try:
            limits = content.limits(listing)
        except RecordError as error:
            plans.append(ListingPlan(listing=listing, why="no limits", reason=error.reason))
            continue
        memory = memories.get(listing.key, Memory())
        plans.append(compare(recognise(listing, checksums), matches, settings.content, limits, memory))
    return plans


def group_by_code(products: Sequence[Product], fold_case: bool) -> ByCode:
    by_code: dict[str, list[Product]] = defaultdict(list)
    for product in products:
        by_code[key_of(product.code, fold_case)].append(product)
    return by_code


def match(listing: ShownListing, by_code: ByCode, settings: ChannelSettings) -> list[Sequence[Product]]:
    """The products that each SKU of a listing may mean; none for a pack of several, whose text is not its product's."""
    matches: list[Sequence[Product]] = []
    for sku in listing.skus:
        goods = goods_of(sku, "", settings)
        is_pack = goods.quantity != 1 or bool(goods.unit)
        code = key_of(goods.code, settings.sku_fold_case)
        matches.append(() if is_pack or not code else by_code.get(code, ()))
    return matches
