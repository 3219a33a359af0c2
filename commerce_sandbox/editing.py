"""A person edits products in the demo's Odoo, and looks at the shop whether it shows that.

What belongs here: the edit, and the look. What does not: the course of the demo (demo.py).
"""

from __future__ import annotations

import base64
from typing import Any

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


def is_shown(shop: ShopifyStandIn) -> bool:
    """Whether the shop shows both, and the picture once."""
    with shop.lock:
        product = shop.contents.of_sku(SKU)
        shown = [shop.contents.pictures.media[gid]["content"] for gid in product["media"]]
        return product["title"] == TITLE and shown == [PICTURE]
