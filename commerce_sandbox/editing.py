"""A person edits products in the demo's Odoo, and looks at the marketplaces whether they show that.

What belongs here: the edit, and the look. What does not: the course of the demo (demo.py).
"""

from __future__ import annotations

import base64
from typing import Any

from .amazon import AmazonStandIn
from .amazon.places import DE
from .ebay import EbayStandIn
from .image_host import ImageHostStandIn
from .odoo import OdooStandIn
from .shopify import ShopifyStandIn

SKU = "KET-GN-17"
TITLE = "Gooseneck Kettle 1.7 l, Matte Black, with Thermometer"
# A grey square of one pixel.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def edit_product(odoo: OdooStandIn) -> None:
    """A new title and a new picture for one product."""
    values: dict[str, Any] = {"name": TITLE, "image_1920": base64.b64encode(PICTURE).decode()}
    odoo.edit(SKU, values)


def shows_shop(shop: ShopifyStandIn) -> bool:
    """Whether the shop shows both, and the picture once."""
    with shop.lock:
        product = shop.contents.of_sku(SKU)
        shown = [shop.contents.pictures.media[gid]["content"] for gid in product["media"]]
        return product["title"] == TITLE and shown == [PICTURE]


def shows_ebay(ebay: EbayStandIn) -> bool:
    """Whether eBay shows both: the picture in place of the one that the listing had."""
    with ebay.lock:
        listing = next(listing for listing in ebay.listings if listing.sku == SKU)
        shown = [ebay.media.files.get(address) for address in listing.addresses]
        return listing.title == TITLE and shown == [PICTURE]


def shows_amazon(amazon: AmazonStandIn, host: ImageHostStandIn) -> bool:
    """Whether Amazon shows both, as far as it finds the picture where it was told to fetch it."""
    with amazon.lock:
        offer = amazon.listings.offers[SKU]
        entries = offer.attributes.get("main_product_image_locator", ())
        shown = [host.find(entry["media_location"]) for entry in entries if entry["marketplace_id"] == DE.id]
        return offer.shown.get(DE.id) == TITLE and shown == [PICTURE]
