"""The `content.new_listings:` section of a channel: which products get a listing, and what such a listing is like.

What belongs here: the keys, their defaults and their checks. What does not: what follows from them for a product
(new_listings.py), the other keys of `content` (rules.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ...core.section import Section
from .fields import BARCODE, DESCRIPTION, FIELDS, HS_CODE, IMAGES, ORIGIN, PRICE, SPECIFICS, TITLE, WEIGHT

# What a new listing is made with, whatever `owned` names: as far as the marketplace takes it and Odoo has it.
CREATED = (TITLE, DESCRIPTION, SPECIFICS, IMAGES, BARCODE, WEIGHT, HS_CODE, ORIGIN, PRICE)
MOST_A_DAY = 1_000


class NewOnShopify(Section, kw_only=True, frozen=True):
    """A shop's new products. status: `draft`, which nobody sees until a person activates it there, or `active`.
    publish_to: the shop's sales channels by name, such as Online Store."""

    status: Literal["draft", "active"] = "draft"
    publish_to: tuple[str, ...] = ()


class NewOnAmazon(Section, kw_only=True, frozen=True):
    """Offers on pages of Amazon's catalogue. asin: the field of products that holds a page's ASIN; where it is empty,
    or none is named, the page is found by_barcode: exactly one has to have it. condition: of all offers."""

    asin: str = ""
    by_barcode: bool = True
    condition: Literal[
        "new_new", "new_open_box", "new_oem", "refurbished_refurbished", "used_like_new", "used_very_good", "used_good",
        "used_acceptable", "collectible_like_new", "collectible_very_good", "collectible_good",
        "collectible_acceptable",
    ] = "new_new"  # fmt: skip


class NewOnEbay(Section, kw_only=True, frozen=True):
    """Listings at a fixed price, good till cancelled, in the channel's marketplace. location: eBay's
    merchantLocationKey. *_policy: ids of the seller's business policies. category: the number of eBay's category;
    category_field: a field of products that holds it, and goes first. condition: of all of them."""

    location: str
    fulfillment_policy: str
    payment_policy: str
    return_policy: str
    category: str = ""
    category_field: str = ""
    condition: Literal[
        "NEW", "LIKE_NEW", "NEW_OTHER", "NEW_WITH_DEFECTS", "CERTIFIED_REFURBISHED", "EXCELLENT_REFURBISHED",
        "VERY_GOOD_REFURBISHED", "GOOD_REFURBISHED", "SELLER_REFURBISHED", "USED_EXCELLENT", "USED_VERY_GOOD",
        "USED_GOOD", "USED_ACCEPTABLE", "FOR_PARTS_OR_NOT_WORKING",
    ] = "NEW"  # fmt: skip


class NewListingRules(Section, kw_only=True, frozen=True):
    """Which products of Odoo get a listing: those that fit all of tag, category and field, of which at least one is
    named. tag: of a product or of its variant, by name. category: by its complete name; those below it count. field: a
    field of products that is true. needs: fields without which none is made. most_a_day: listings in 24 hours."""

    enabled: bool = False
    tag: str = ""
    category: str = ""
    field: str = ""
    needs: tuple[str, ...] = (PRICE, IMAGES)
    most_a_day: int = 20
    shopify: NewOnShopify | None = None
    amazon: NewOnAmazon | None = None
    ebay: NewOnEbay | None = None

    def odoo_fields(self) -> tuple[str, ...]:
        """Fields of products that are read besides those that feed a listing."""
        asin = self.amazon.asin if self.amazon else ""
        category = self.ebay.category_field if self.ebay else ""
        return tuple(filter(None, (asin, category))) if self.enabled else ()

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another."""
        if self.enabled and not (self.tag or self.category or self.field):
            yield "enabled", "is true, and no tag, category or field says which products get a listing; name one."
        for name in self.needs:
            if name not in CREATED:
                possible = ", ".join(field for field in FIELDS if field in CREATED)
                yield "needs", f"names {name!r}, which no new listing is made with; possible are {possible}."
        if self.amazon and not self.amazon.asin and not self.amazon.by_barcode:
            yield "amazon", "names no field `asin` and says by_barcode: false, so that no page is found; change either."
        if self.ebay and not all(
            (self.ebay.location, self.ebay.fulfillment_policy, self.ebay.payment_policy, self.ebay.return_policy)
        ):
            yield "ebay", "names no location, or not all of the three policies; eBay publishes no offer without."
        if self.ebay and not self.ebay.category and not self.ebay.category_field:
            yield "ebay", "names no category and no category_field; one has to say where listings belong."
        if self.ebay and self.ebay.category and not (self.ebay.category.isascii() and self.ebay.category.isdigit()):
            yield "ebay.category", "is no number of a category of eBay's."
        if not 1 <= self.most_a_day <= MOST_A_DAY:
            yield "most_a_day", f"must be between 1 and {MOST_A_DAY}."
