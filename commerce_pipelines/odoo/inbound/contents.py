"""What one unit of a marketplace's SKU is in Odoo: a product, a pack of one, or a kit's components.

What belongs here: finding the products and opening kits. What does not: which code a SKU means
(domain/sales/mapping.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ...core.errors import RecordError
from ...core.reasons import Reason
from ...domain.inbound.reconciliation import Content
from ...domain.inventory.kits import MICRO
from ...domain.keys import shown
from ...domain.products import Product
from ...domain.sales.mapping import Goods, sold_unit
from ..inventory.kits import Kit, read_kits
from ..reference.products import find_products
from ..reference.units import Units, read_units
from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO, fetch


class Contents(msgspec.Struct, frozen=True):
    """By SKU: what one unit is, in the products' own units; or why nobody can tell."""

    of: Mapping[str, tuple[Content, ...]]
    refused: Mapping[str, Reason]


def read_contents(client: OdooClient, goods: Mapping[str, Goods], fold_case: bool) -> Contents:
    """goods: what each SKU means. An archived product counts, because its units may still lie there."""
    catalogue = find_products(client, {of.code for of in goods.values()}, fold_case)
    units = read_units(client)
    kits = read_kits(client, units)
    chosen: dict[str, Product] = {}
    refused: dict[str, Reason] = {}
    for sku, of in goods.items():
        try:
            chosen[sku] = _choose_product(sku, of, catalogue.get(of.code, ()))
        except RecordError as error:
            refused[sku] = error.reason
    sizes = _read_sizes(client, units, {product.product_id for product in chosen.values() if product.unit_id})
    contents = {}
    for sku, product in chosen.items():
        try:
            contents[sku] = _build_contents(goods[sku], product, kits.get(product.product_id), sizes)
        except RecordError as error:
            refused[sku] = error.reason
    return Contents(contents, refused)


def _choose_product(sku: str, goods: Goods, candidates: Sequence[Product]) -> Product:
    """Raises RecordError: `no_sku`, `unknown_sku`, `ambiguous_sku`."""
    if not goods.code:
        raise RecordError(
            "no_sku", "The marketplace's ledger has units without a SKU.",
            fix="Give the listing a SKU in the marketplace.",
        )  # fmt: skip
    usable = [product for product in candidates if product.active] or list(candidates)
    if len(usable) == 1:
        return usable[0]
    named = goods.code if goods.code == sku else f"{goods.code} (SKU {shown(sku)})"
    if usable:
        raise RecordError(
            "ambiguous_sku", f"{len(usable)} products in Odoo have the internal reference {named}.",
            fix="Give each its own internal reference, or map the SKU under the channel's skus.", subject=sku,
        )  # fmt: skip
    raise RecordError(
        "unknown_sku", f"Odoo has no product with the internal reference {named}.",
        fix="Create it, or map the SKU under the channel's skus.", subject=sku,
    )  # fmt: skip


def _read_sizes(client: OdooClient, units: Units, products: set[int]) -> dict[int, float]:
    """How many of its own unit one piece of a product is, of products that are counted in dozens or packs."""
    if not products:
        return {}
    rows = fetch(client, "product.product", [["id", "in", sorted(products)]], ["uom_id"], context=ARCHIVED_TOO)
    return {row["id"]: units.factor[units.piece] / units.factor[row["uom_id"]] for row in rows}


def _build_contents(goods: Goods, product: Product, kit: Kit | None, sizes: Mapping[int, float]) -> tuple[Content, ...]:
    """Raises RecordError(`unknown_unit`)."""
    size = float(sold_unit(goods, product.units).size) if goods.unit else 1.0
    count = goods.quantity * size * sizes.get(product.product_id, 1.0)
    if kit is None:
        return (Content(product.product_id, count),)
    return tuple(Content(part, count * need / MICRO) for part, need in sorted(kit.content.items()))
