"""What Odoo's kits are made of: phantom bills of materials, units of measure resolved, kits within kits opened.

What belongs here: reading mrp.bom, and which lines of it belong to a variant. What does not: how many kits the stock
makes (snapshot.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ...domain.inventory.availability import explode
from ..rpc.client import OdooClient
from ..rpc.read import fetch


def read_kits(client: OdooClient) -> dict[int, tuple[str, dict[int, int]]]:
    """Kits by product id: internal reference, and content down to stored products in millionths per kit."""
    if not client.call("product.product", "fields_get", allfields=["is_kits"], attributes=["type"]):
        return {}  # Manufacturing is not installed
    fields = ["product_tmpl_id", "product_id", "product_qty", "product_uom_id"]
    boms = fetch(client, "mrp.bom", [["type", "=", "phantom"]], fields, "sequence, product_id, id")
    if not boms:
        return {}
    fields = ["bom_id", "product_id", "product_qty", "product_uom_id", "bom_product_template_attribute_value_ids"]
    lines = fetch(client, "mrp.bom.line", [["bom_id", "in", [bom["id"] for bom in boms]]], fields)
    factor = {row["id"]: row["factor"] for row in fetch(client, "uom.uom", [], ["factor"])}
    templates = sorted({bom["product_tmpl_id"] for bom in boms})
    parts = sorted({line["product_id"] for line in lines})
    fields = ["default_code", "product_tmpl_id", "uom_id", "is_storable", "product_template_attribute_value_ids"]
    either = ["|", ["product_tmpl_id", "in", templates], ["id", "in", parts]]
    products = fetch(client, "product.product", either, fields)
    by_id = {product["id"]: product for product in products}
    attribute = _attributes(client, lines)
    kits: dict[int, dict[int, float]] = {}
    for bom in boms:  # in Odoo's own order: the first one that fits a product is the one that counts
        for product in products:
            if product["id"] in kits or product["product_tmpl_id"] != bom["product_tmpl_id"]:
                continue
            if bom["product_id"] and bom["product_id"] != product["id"]:
                continue
            made = bom["product_qty"] * factor[bom["product_uom_id"]] / factor[product["uom_id"]]
            content: dict[int, float] = defaultdict(float)
            for line in lines:
                part = by_id.get(line["product_id"])
                if line["bom_id"] == bom["id"] and part and made and _applies(line, product, attribute):
                    needed = line["product_qty"] * factor[line["product_uom_id"]] / factor[part["uom_id"]]
                    content[part["id"]] += needed / made
            kits[product["id"]] = content
    stored = {product["id"] for product in products if product["is_storable"]} | set(kits)
    kits = {kit: {part: each for part, each in content.items() if part in stored} for kit, content in kits.items()}
    return {kit: (by_id[kit]["default_code"] or "", content) for kit, content in explode(kits).items()}


def _attributes(client: OdooClient, lines: list[Any]) -> dict[int, int]:
    """Attribute by attribute value, of the values that some line is restricted to."""
    values = sorted({value for line in lines for value in line["bom_product_template_attribute_value_ids"]})
    if not values:
        return {}
    rows = fetch(client, "product.template.attribute.value", [["id", "in", values]], ["attribute_id"])
    return {row["id"]: row["attribute_id"] for row in rows}


def _applies(line: Mapping[str, Any], product: Mapping[str, Any], attribute: Mapping[int, int]) -> bool:
    """Whether a line belongs to this variant: of each attribute it names, the variant has one of the values."""
    has = set(product["product_template_attribute_value_ids"])
    wanted: dict[int, set[int]] = defaultdict(set)
    for value in line["bom_product_template_attribute_value_ids"]:
        wanted[attribute.get(value, 0)].add(value)
    return all(values & has for values in wanted.values())
