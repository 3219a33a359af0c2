"""A product as listings: one for what all its variants share, one for each variant.

What belongs here: from Shopify's shapes to ours, and what Shopify takes in each field. What does not: calls (texts.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from ....domain.content.fields import BARCODE, DESCRIPTION, HS_CODE, IMAGES, ORIGIN, PRICE, TITLE, WEIGHT, Limit
from ....domain.content.listings import ShownListing, ShownPicture
from ....domain.content.markup import PLAIN_TAGS
from ....domain.content.pricelists import write_price
from ..api.payloads import number
from .payloads import Item, Media, Product, Shop, Variant
from .translations import KEYS

# shopify.dev, "Product" and "ProductVariant" of the Admin API: titles end at 255 characters; barcodes and codes are
# strings of 255.
OF_PRODUCT: Mapping[str, Limit] = {
    TITLE: Limit(most=255),
    DESCRIPTION: Limit(most=512_000, in_bytes=True, tags=PLAIN_TAGS),
    IMAGES: Limit(most=20),
}
OF_VARIANT: Mapping[str, Limit] = {
    BARCODE: Limit(most=255),
    WEIGHT: Limit(),
    HS_CODE: Limit(most=13),
    ORIGIN: Limit(most=2),
    PRICE: Limit(),
}
_GRAMS = {
    "GRAMS": Decimal(1), "KILOGRAMS": Decimal(1000), "OUNCES": Decimal("28.349523125"), "POUNDS": Decimal("453.59237")
}  # fmt: skip
_OURS = re.compile(r"/odoo-([0-9a-f]{40})[._-]")
PRODUCT, VARIANT = "product", "variant"


def build_listings(
    product: Product, variants: list[Variant], locales: Sequence[str], shop: Shop
) -> Iterator[ShownListing]:  # fmt: skip
    """The listings of a product. variants: all of them. locales: of its translations `in0`, `in1` …"""
    gid = {"product_id": product.id}
    yield ShownListing(
        key=f"{PRODUCT}:{number(product.id)}",
        skus=tuple(variant.sku or "" for variant in variants),
        values={TITLE: product.title, DESCRIPTION: product.descriptionHtml, **_show_translations(product, locales)},
        pictures=tuple(map(build_picture, product.media.nodes)),
        version=product.updatedAt, title=product.title, reference=gid,
    )  # fmt: skip
    for variant in variants:
        basis = {"currency": shop.currencyCode, "taxes": "1" if shop.taxesIncluded else "0"}
        yield ShownListing(
            key=f"{VARIANT}:{number(variant.id)}", skus=(variant.sku or "",),
            values=show_variant(variant, shop.currencyCode), version=product.updatedAt, title=product.title,
            reference={**gid, "variant_id": variant.id, **basis},
        )  # fmt: skip


def _show_translations(product: Product, locales: Sequence[str]) -> dict[str, str]:
    """'' for a text without a translation, and for one whose translation is outdated: Shopify does not show it."""
    values = {}
    for place, locale in enumerate(locales):
        by_key = {part.key: part for part in getattr(product, f"in{place}")}
        for field, key in KEYS.items():
            part = by_key.get(key)
            values[f"{field}/{locale}"] = part.value or "" if part and not part.outdated else ""
    return values


def show_variant(variant: Variant, currency: str) -> dict[str, str]:
    item = variant.inventoryItem
    return {
        BARCODE: variant.barcode or "", WEIGHT: _convert_weight(item),
        HS_CODE: item.harmonizedSystemCode or "", ORIGIN: item.countryCodeOfOrigin or "",
        PRICE: write_price(variant.price, currency),
    }  # fmt: skip


def _convert_weight(item: Item) -> str:
    """Whole grams; '' where none is set."""
    weight = item.measurement.weight if item.measurement else None
    if weight is None or not weight.value or weight.unit not in _GRAMS:
        return ""
    return str(int((Decimal(str(weight.value)) * _GRAMS[weight.unit]).to_integral_value()))


def build_picture(media: Media) -> ShownPicture:
    """A picture of ours is recognised by its file name, which Shopify keeps in the address."""
    mark = _OURS.search(media.image.url) if media.image else None
    return ShownPicture(
        id=media.id,
        checksum=mark.group(1) if mark else "",
        ready=media.status in ("READY", "FAILED"),
        address=media.image.url if media.image else "",
    )
