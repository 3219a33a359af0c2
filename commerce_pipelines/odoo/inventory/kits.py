"""What Odoo's kits are made of: phantom bills of materials, with units of measure converted and kits within kits
opened.

What belongs here: reading mrp.bom, which lines of a bill belong to a variant, and opening a bill as Odoo does. What
does not: how many kits the stock makes (stock.py).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ...domain.inventory.kits import MICRO, explode
from ..reference.units import Units
from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO, fetch

_BOM = ("product_tmpl_id", "product_id", "product_qty", "product_uom_id")
_LINE = ("bom_id", "product_id", "product_qty", "product_uom_id", "bom_product_template_attribute_value_ids")
_PRODUCT = (
    *("default_code", "active", "product_tmpl_id", "uom_id", "is_storable", "product_template_attribute_value_ids"),
)


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """content: millionths of each stored component in one kit. bill: the same for one bill of materials, which makes
    `makes` millionths of a kit. A kit without stored components has no content, and Odoo counts none of it as free."""

    code: str
    content: dict[int, int]
    bill: dict[int, int]
    makes: int


def read_kits(client: OdooClient, units: Units) -> dict[int, Kit]:
    """Kits by product id, in the units of Odoo's products."""
    if not client.call("product.product", "fields_get", allfields=["is_kits"], attributes=["type"]):
        return {}  # Manufacturing is not installed
    boms = fetch(client, "mrp.bom", [["type", "=", "phantom"], *client.who.domain], _BOM, "sequence, product_id, id")
    if not boms:
        return {}
    lines = fetch(client, "mrp.bom.line", [["bom_id", "in", [bom["id"] for bom in boms]]], _LINE)
    templates = sorted({bom["product_tmpl_id"] for bom in boms})
    parts = sorted({line["product_id"] for line in lines})
    either = ["|", ["product_tmpl_id", "in", templates], ["id", "in", parts]]
    products = fetch(client, "product.product", either, _PRODUCT, context=ARCHIVED_TOO)
    book = _Bills(boms, lines, products, units.factor, _read_attributes(client, lines), units.step)
    kits = {}
    for product in products:
        bom = book.of_product.get(product["id"])
        if bom and product["active"] and (kit := book.kit(product, bom)):
            kits[product["id"]] = kit
    return kits


class _Bills:
    """The phantom bills of one Odoo. of_product: the bill that Odoo uses for each product."""

    def __init__(
        self, boms: list[Any], lines: list[Any], products: list[Any], factor: Mapping[int, float],
        attribute: Mapping[int, int], step: float,
    ) -> None:  # fmt: skip
        self._factor, self._attribute, self._step = factor, attribute, step
        self._products = {product["id"]: product for product in products}
        self._lines: dict[int, list[Any]] = defaultdict(list)
        for line in lines:
            self._lines[line["bom_id"]].append(line)
        by_template: dict[int, list[Any]] = defaultdict(list)
        for bom in boms:  # in Odoo's own order, in which the first bill that fits a product counts
            by_template[bom["product_tmpl_id"]].append(bom)
        self.of_product = {
            product["id"]: bom
            for product in products
            if (bom := next((bom for bom in by_template[product["product_tmpl_id"]]
                             if bom["product_id"] in (False, product["id"])), None))
        }  # fmt: skip

    def kit(self, product: Any, bom: Any) -> Kit | None:
        """The kit; None for a bill that makes nothing or contains itself."""
        size = self._factor[bom["product_uom_id"]] / self._factor[product["uom_id"]]
        if not bom["product_qty"] or not size:
            return None
        needs: dict[int, float] = defaultdict(float)
        try:
            for part, quantity in self._open_bill(bom, product, 1.0, ()):
                needs[part] += quantity
        except RecursionError:
            return None
        needs = {part: need for part, need in needs.items() if round(need * MICRO) > 0}
        content = {part: need / bom["product_qty"] / size for part, need in needs.items()}
        return Kit(
            code=product["default_code"] or "",
            content=explode({product["id"]: content}).get(product["id"], {}),
            bill={part: round(need * MICRO) for part, need in needs.items()},
            # Odoo's free_qty counts bills, whatever their unit. If the bill's unit is smaller than the kit's, Odoo
            # counts more kits than exist.
            makes=round(bom["product_qty"] * min(size, 1.0) * MICRO),
        )

    def _open_bill(self, bom: Any, product: Any, times: float, path: tuple[int, ...]) -> Iterator[tuple[int, float]]:
        """(stored component, quantity in the component's unit) of a bill that is carried out `times` times, as Odoo's
        `explode`."""
        if bom["id"] in path:
            raise RecursionError
        for line in self._lines[bom["id"]]:
            part = self._products.get(line["product_id"])
            if part is None or not _is_for_variant(line, product, self._attribute):
                continue
            quantity = times * line["product_qty"]
            inner = self.of_product.get(part["id"])
            if inner:
                size = self._factor[line["product_uom_id"]] / self._factor[inner["product_uom_id"]]
                yield from self._open_bill(inner, part, quantity / inner["product_qty"] * size, (*path, bom["id"]))
            elif part["is_storable"]:
                quantity = math.ceil(quantity / self._step - 1e-6) * self._step  # Odoo rounds up here
                yield part["id"], quantity * self._factor[line["product_uom_id"]] / self._factor[part["uom_id"]]


def _read_attributes(client: OdooClient, lines: list[Any]) -> dict[int, int]:
    """The attribute of each attribute value that restricts a line."""
    values = sorted({value for line in lines for value in line["bom_product_template_attribute_value_ids"]})
    if not values:
        return {}
    rows = fetch(client, "product.template.attribute.value", [["id", "in", values]], ["attribute_id"])
    return {row["id"]: row["attribute_id"] for row in rows}


def _is_for_variant(line: Mapping[str, Any], product: Mapping[str, Any], attribute: Mapping[int, int]) -> bool:
    """Whether a line belongs to this variant: the variant has one of the line's values for each attribute that the line
    names."""
    has = set(product["product_template_attribute_value_ids"])
    wanted: dict[int, set[int]] = defaultdict(set)
    for value in line["bom_product_template_attribute_value_ids"]:
        wanted[attribute.get(value, 0)].add(value)
    return all(values & has for values in wanted.values())
