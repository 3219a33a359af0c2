"""Listings, pushes, and the `inventory:` section of a channel: shapes and settings.

What belongs here: the shapes of listings and pushes, and the `inventory:` section of a channel. What does not: the rule
from free stock to target (availability.py), the difference and the breaker (push_plan.py), reading Odoo
(odoo/inventory/stock.py), how a marketplace lists its listings or takes a quantity (channels/*).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec.structs import force_setattr

from ...core.section import Section
from ...core.words import NO_WORDS, Words
from .. import keys
from ..orders.order import FulfilledBy

LONGEST_NAME = 100  # characters of the name of an unreadable record


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One offer of one SKU at one place of a channel.

    key: unique within the channel, e.g. Amazon's SKU, eBay's item id + SKU or offer id, Shopify's inventory item +
    location. location: the channel's own place of stock ('' where it has only one). quantity: what buyers see, None
    where the channel does not say or does not track it. reference: what this channel's push needs to name the listing;
    no other module reads it (product type, item id, offer id, inventory item id).
    """

    key: str
    sku: str
    quantity: int | None
    fulfilled_by: FulfilledBy = FulfilledBy.MERCHANT
    location: str = ""
    title: str = ""
    active: bool = True
    reference: dict[str, str] = {}


UNREADABLE = "unreadable"  # key of `reference` for a listing that cannot be read: what is wrong with it


UNREADABLE_KEY = "unreadable-"  # beginning of the key of such a listing


def unreadable(raw: bytes, why: str, name_field: str = "") -> Listing:
    """A record that cannot be read as a listing. It waits alone and keeps what it shows; the others go on.

    name_field: the field of the record's JSON that names it. With a name, the record keeps its key in the next reading,
    whatever else changes in it; without one, the key is made of its digest.
    """
    name = _read_name(raw, name_field) if name_field else ""
    key = f"{UNREADABLE_KEY}{name or hashlib.sha256(raw).hexdigest()[:16]}"
    return Listing(key=key, sku="", quantity=None, reference={UNREADABLE: why})


def _read_name(raw: bytes, field: str) -> str:
    try:
        name = msgspec.json.decode(raw, type=dict[str, object]).get(field)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return name if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME else ""


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """Publish `quantity` for a listing whose published quantity was `listing.quantity` when it was read.

    token: the same for every attempt at this very change, another for the next one (idempotency key).
    """

    listing: Listing
    quantity: int
    token: str


class PushOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one push. `stale`: the channel showed another quantity than we had read, so nothing was written.
    `pending`: accepted, but the result is not known yet. code is the vendor's, message our sentence, words the
    vendor's.
    reference: what the push had to find out about the listing; later pushes find it in the listing's reference."""

    key: str
    status: Literal["accepted", "refused", "stale", "pending", "failed"]
    code: str = ""
    message: str = ""
    words: Words = NO_WORDS
    reference: dict[str, str] = {}


class InventoryOverride(Section, kw_only=True, frozen=True):
    """Other figures for some products. Where several overrides fit, the last one wins, key by key."""

    skus: tuple[str, ...] = ()  # the channel's SKU or Odoo's internal reference
    categories: tuple[str, ...] = ()  # product categories of Odoo, as in `All / Tea`, with all categories below them
    share: Decimal | None = None
    reserve: int | None = None
    cap: int | None = None
    end_below: int | None = None

    def __post_init__(self) -> None:
        """SKUs as they are looked up."""
        force_setattr(self, "skus", tuple(keys.key(sku) for sku in self.skus))


class Breaker(Section, kw_only=True, frozen=True):
    """When a run looks like a faulty read rather than a day's sales. Such a run publishes nothing until a person
    agrees."""

    # Percent of the listings that show stock: at most so many may go to 0 in one run.
    zeroed_percent: Decimal = Decimal(20)
    changed_percent: Decimal = Decimal(50)  # percent of the linked listings: at most so many may change in one run
    # Percent of the products of the last read: at least so many must be in the next read.
    read_percent: Decimal = Decimal(80)
    from_listings: int = 10  # a run with fewer changes is never stopped, because a small shop may sell out


class InventoryRules(Section, kw_only=True, frozen=True):
    """The `inventory:` section of a channel: how much of the free stock it may show, and what stops a faulty run."""

    enabled: bool = False
    share: Decimal = Decimal(95)  # percent of the free units that the channel may offer
    reserve: int = 0  # units of each product that are never offered here
    cap: int | None = None  # the most that a listing shows
    end_below: int = 0  # a listing that would show less than this shows 0
    locations: dict[
        str, tuple[str, ...]
    ] = {}  # the channel's location -> Odoo's warehouses, by name or code; '' is the default
    overrides: tuple[InventoryOverride, ...] = ()
    breaker: Breaker = Breaker()
    poll_seconds: int = 15  # how often Odoo's stock is asked for changes
    deadline_minutes: int = 15  # minutes; a listing that differs from Odoo for longer makes the check `up_to_date` fail
    dry_run: bool = False  # read and compare, but publish nothing

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another."""
        yield from _check_figures("", self)
        for index, override in enumerate(self.overrides):
            where = f"overrides[{index}]"
            if not override.skus and not override.categories:
                yield where, "names neither skus nor categories: say which products it is for."
            if all(getattr(override, key) is None for key in ("share", "reserve", "cap", "end_below")):
                yield where, "changes nothing: give share, reserve, cap or end_below."
            yield from _check_figures(f"{where}.", override)
        for key in ("zeroed_percent", "changed_percent", "read_percent"):
            percent = getattr(self.breaker, key)
            if not (percent.is_finite() and 0 <= percent <= 100):
                yield f"breaker.{key}", "must lie between 0 and 100 percent."
        if self.breaker.from_listings < 1:
            yield "breaker.from_listings", "must be at least 1."
        if self.deadline_minutes < 1:
            yield "deadline_minutes", "must be at least 1."
        if self.poll_seconds < 5:
            yield "poll_seconds", "must be at least 5."
        fed: dict[str, str] = {}
        for location, warehouses in self.locations.items():
            if not warehouses:
                yield f"locations[{location!r}]", "names no warehouse: write one, or leave the location out."
            for warehouse in warehouses:
                if warehouse in fed:
                    yield (
                        f"locations[{location!r}]",
                        f"names {warehouse}, which feeds {fed[warehouse]!r} already: its stock would be offered twice.",
                    )
                fed[warehouse] = location


def _check_figures(prefix: str, section: InventoryRules | InventoryOverride) -> Iterator[tuple[str, str]]:
    share = section.share
    if share is not None and not (share.is_finite() and 0 <= share <= 100):
        yield f"{prefix}share", "must lie between 0 and 100 percent."
    elif share is not None and share * 10_000 % 1:
        yield f"{prefix}share", "may have at most four decimals."
    for key in ("reserve", "cap", "end_below"):
        value = getattr(section, key)
        if value is not None and value < 0:
            yield f"{prefix}{key}", "must be 0 or more units."


def share_ppm(share: Decimal) -> int:
    """Percent as parts per million: 95 -> 950_000."""
    return int(share * 10_000)
