"""What may be offered of a product, and what of that a channel has to be told.

What belongs here: the shapes of listings and pushes, the rule from free stock to target, the difference, the guard. What
does not: reading Odoo (odoo/stock.py), how a marketplace lists or is told (channels/*).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .orders import FulfilledBy


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One offer of one SKU at one place of a channel.

    key: unique within the channel, e.g. Amazon's SKU, eBay's item id + SKU or offer id, Shopify's inventory item +
    location. location: the channel's own place of stock ('' where it has only one). quantity: what buyers see, None
    where the channel does not say or does not track it. reference: what a push needs, opaque to everybody else
    (product type, item id, offer id, inventory item id).
    """

    key: str
    sku: str
    quantity: int | None
    fulfilled_by: FulfilledBy = FulfilledBy.MERCHANT
    location: str = ""
    title: str = ""
    active: bool = True
    reference: dict[str, str] = {}


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """Publish `quantity` for a listing whose published quantity was `listing.quantity` when it was read.

    token: the same for every attempt at this very change, another for the next one (idempotency key).
    """

    listing: Listing
    quantity: int
    token: str


class PushOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one push. `stale`: the channel's quantity was another than we had read, nothing was written;
    `pending`: accepted, the result is not known yet. code and message are the vendor's, without personal data."""

    key: str
    status: Literal["accepted", "refused", "stale", "pending", "failed"]
    code: str = ""
    message: str = ""
