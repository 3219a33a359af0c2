"""Products with their variants, units, categories, pricelists, bills of materials, delivery methods.

What belongs here: their declarations and defaults, units of measure, kits. What does not: quantities (availability.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .availability import AVAILABILITY
from .base import company_of
from .errors import ValidationError
from .orm import Env, hook
from .records import create
from .schema import (
    Field,
    Model,
    boolean,
    char,
    choice,
    html,
    integer,
    many2many,
    many2one,
    moment,
    number,
    one2many,
    text,
)

UNITS = 1  # id of the unit `Units`, the first that a database has


def _list_sale_taxes(env: Env) -> list[int]:
    tax = env.db.rows["res.company"][company_of(env)]["account_sale_tax_id"]
    return [tax] if tax else []


def _compute_currency(env: Env, _row_id: int) -> Any:
    return env.db.rows["res.company"][company_of(env)]["currency_id"]


def _compute_variant_name(env: Env, row_id: int) -> str:
    code = env.get("product.product", row_id, "default_code")
    name = env.get("product.product", row_id, "name")
    return f"[{code}] {name}" if code else str(name)


def _compute_template_name(env: Env, row_id: int) -> str:
    row = env.db.rows["product.template"][row_id]
    return f"[{row['default_code']}] {row['name']}" if row["default_code"] else str(row["name"])


def _read_of_variant(name: str) -> Any:
    """A value of the template's only variant, which Odoo shows on the template, too."""

    def compute(env: Env, row_id: int) -> Any:
        variants = env.db.referring("product.product", "product_tmpl_id", row_id)
        return env.get("product.product", variants[0], name) if len(variants) == 1 else False

    return compute


def _compute_category_name(env: Env, row_id: int) -> str:
    row = env.db.rows["product.category"][row_id]
    return f"{_compute_category_name(env, row['parent_id'])} / {row['name']}" if row["parent_id"] else str(row["name"])


def _compute_category_path(env: Env, row_id: int) -> str:
    parent = env.db.rows["product.category"][row_id]["parent_id"]
    return f"{_compute_category_path(env, parent) if parent else ''}{row_id}/"


def unit_factor(env: Env, unit: int) -> float:
    """How many reference units one of this unit is."""
    row = env.db.rows["uom.uom"][unit]
    reference = row["relative_uom_id"]
    return row["relative_factor"] * (unit_factor(env, reference) if reference else 1.0)


def in_unit(env: Env, quantity: float, unit: Any, other: Any) -> float:
    """A quantity of one unit counted in another, e.g. 2 packs of 6 as 12 units."""
    if not unit or not other or unit == other:
        return quantity
    return quantity * unit_factor(env, unit) / unit_factor(env, other)


def kit_of(env: Env, product: int) -> int | None:
    """The phantom bill of materials that a product is sold by, None for an ordinary product."""
    template = env.db.rows["product.product"][product]["product_tmpl_id"]
    rows = env.db.rows["mrp.bom"]
    fitting = [
        i for i in env.db.referring("mrp.bom", "product_tmpl_id", template)
        if rows[i]["active"] and rows[i]["product_id"] in (False, product)
    ]  # fmt: skip
    best = min(fitting, key=lambda i: (rows[i]["sequence"], not rows[i]["product_id"], i), default=None)
    return best if best is not None and rows[best]["type"] == "phantom" else None


def components(env: Env, bom: int) -> list[tuple[int, int, float]]:
    """(bill line, component, units of it) for each component of one unit of a kit; a kit inside it is replaced by its
    own components."""
    head = env.db.rows["mrp.bom"][bom]
    template = env.db.rows["product.template"][head["product_tmpl_id"]]
    makes = in_unit(env, head["product_qty"], head["product_uom_id"], template["uom_id"]) or 1.0
    parts = []
    for line in env.get("mrp.bom", bom, "bom_line_ids"):
        row = env.db.rows["mrp.bom.line"][line]
        unit = env.get("product.product", row["product_id"], "uom_id")
        per_unit = in_unit(env, row["product_qty"], row["product_uom_id"], unit) / makes
        inner = kit_of(env, row["product_id"])
        if inner is None:
            parts.append((line, row["product_id"], per_unit))
        else:
            parts += [(sub, product, per_unit * units) for sub, product, units in components(env, inner)]
    return parts


_VARIANT: dict[str, Field] = {
    "product_tmpl_id": many2one("product.template", required=True),
    "display_name": char(compute=_compute_variant_name),
    "default_code": char(index=True),
    "barcode": char(copy=False, index=True),
    "active": boolean(default=True),
    "weight": number(),
    "volume": number(),
    "standard_price": number(),
    "lst_price": number(compute=lambda env, i: env.get("product.product", i, "list_price")),
    "currency_id": many2one("res.currency", compute=_compute_currency),
    "is_kits": boolean(compute=lambda env, i: kit_of(env, i) is not None, search=False),
    "image_variant_1920": text(),
    "product_template_attribute_value_ids": many2many("product.template.attribute.value"),
    "additional_product_tag_ids": many2many("product.tag"),
    **AVAILABILITY,
}
_TEMPLATE: dict[str, Field] = {
    "name": char(required=True, index=True, translate=True),
    "display_name": char(compute=_compute_template_name),
    "type": choice("consu", "service", "combo", default="consu", required=True),
    "is_storable": boolean(),
    "tracking": choice("none", "lot", "serial", default="none"),
    "sale_ok": boolean(default=True),
    "purchase_ok": boolean(default=True),
    "active": boolean(default=True),
    "list_price": number(default=1.0),
    "categ_id": many2one("product.category"),
    "uom_id": many2one("uom.uom", required=True, default=UNITS),
    "uom_name": char(compute=lambda env, i: env.db.rows["uom.uom"][env.get("product.template", i, "uom_id")]["name"]),
    "taxes_id": many2many("account.tax", default=_list_sale_taxes),
    "supplier_taxes_id": many2many("account.tax"),
    "invoice_policy": choice("order", "delivery", default="order"),
    "service_type": choice("manual", default="manual"),
    "description": html(translate=True),
    "description_sale": text(translate=True),
    "sale_delay": integer(),
    "hs_code": char(),
    "country_of_origin": many2one("res.country"),
    "company_id": many2one("res.company"),
    "image_1920": text(),
    "sequence": integer(default=1),
    "product_tag_ids": many2many("product.tag"),
    "product_variant_ids": one2many("product.product", "product_tmpl_id"),
    "product_variant_id": many2one("product.product", compute=lambda env, i: next(
        iter(env.get("product.template", i, "product_variant_ids")), False)),
    "bom_ids": one2many("mrp.bom", "product_tmpl_id"),
    "currency_id": many2one("res.currency", compute=_compute_currency),
    "default_code": char(),
    "barcode": char(copy=False),
    "weight": number(),
    "weight_uom_name": char(compute=lambda env, i: "kg"),
    "volume": number(),
    "standard_price": number(),
    "qty_available": number(compute=_read_of_variant("qty_available")),
    "virtual_available": number(compute=_read_of_variant("virtual_available")),
}  # fmt: skip
SHARED = ("default_code", "barcode", "weight", "volume", "standard_price")  # of a template and its only variant

MODELS = (
    Model("product.template", _TEMPLATE, order="name", search_names=("name",), title="Product"),
    Model("product.product", _VARIANT, order="default_code, id", search_names=("default_code", "name", "barcode"),
          inherits=("product_tmpl_id", "product.template"), title="Product Variant"),
    Model("product.category", {
        "name": char(required=True),
        "parent_id": many2one("product.category"),
        "complete_name": char(compute=_compute_category_name),
        "parent_path": char(compute=_compute_category_path),
        "display_name": char(compute=_compute_category_name),
    }, order="complete_name", title="Product Category"),
    Model("product.tag", {
        "name": char(required=True, translate=True),
        "sequence": integer(default=10),
    }, order="sequence, id", unique=((("name",), "Tag name already exists!"),), title="Product Tag"),
    Model("uom.uom", {
        "name": char(required=True),
        "sequence": integer(default=100),
        "relative_factor": number(default=1.0, required=True),
        "relative_uom_id": many2one("uom.uom"),
        "factor": number(compute=unit_factor),
        "rounding": number(compute=lambda _env, _i: 0.01),
        "active": boolean(default=True),
    }, order="sequence, relative_uom_id, id", title="Product Unit of Measure"),
    Model("product.pricelist", {
        "name": char(required=True),
        "display_name": char(compute=lambda env, i: "{} ({})".format(
            env.get("product.pricelist", i, "name"),
            env.get("res.currency", env.get("product.pricelist", i, "currency_id"), "name"))),
        "active": boolean(default=True),
        "sequence": integer(default=16),
        "currency_id": many2one("res.currency", required=True, default=lambda env: _compute_currency(env, 0)),
        "company_id": many2one("res.company"),
        "country_group_ids": many2many("res.country.group"),
        "item_ids": one2many("product.pricelist.item", "pricelist_id"),
    }, order="sequence asc, id asc, name asc", title="Pricelist"),
    Model("product.pricelist.item", {
        "pricelist_id": many2one("product.pricelist", required=True),
        "product_tmpl_id": many2one("product.template"),
        "product_id": many2one("product.product"),
        "categ_id": many2one("product.category"),
        "applied_on": choice("3_global", "2_product_category", "1_product", "0_product_variant", default="3_global"),
        "base": choice("list_price", "standard_price", "pricelist", default="list_price"),
        "base_pricelist_id": many2one("product.pricelist"),
        "compute_price": choice("percentage", "formula", "fixed", default="fixed"),
        "date_start": moment(), "date_end": moment(),
        **{name: number() for name in (
            "fixed_price", "min_quantity", "percent_price", "price_discount", "price_round", "price_surcharge",
            "price_min_margin", "price_max_margin",
        )},
        "price_markup": number(compute=lambda env, i: -env.db.rows["product.pricelist.item"][i]["price_discount"]),
    }, rec_name="id", title="Pricelist Rule"),
    Model("mrp.bom", {
        "product_tmpl_id": many2one("product.template", required=True),
        "product_id": many2one("product.product"),
        "type": choice("normal", "phantom", default="normal", required=True),
        "code": char(),
        "product_qty": number(default=1.0, required=True),
        "product_uom_id": many2one("uom.uom", required=True, default=UNITS),
        "bom_line_ids": one2many("mrp.bom.line", "bom_id"),
        "company_id": many2one("res.company", default=company_of),
        "sequence": integer(),
        "active": boolean(default=True),
        "display_name": char(compute=lambda env, i: display_bom(env, i)),
    }, order="sequence, id", rec_name="code", title="Bill of Material"),
    Model("mrp.bom.line", {
        "bom_id": many2one("mrp.bom", required=True),
        "product_id": many2one("product.product", required=True),
        "product_tmpl_id": many2one("product.template", compute=lambda env, i: env.get(
            "product.product", env.db.rows["mrp.bom.line"][i]["product_id"], "product_tmpl_id")),
        "product_qty": number(default=1.0, required=True),
        "product_uom_id": many2one("uom.uom", required=True, default=UNITS),
        "parent_product_tmpl_id": many2one("product.template", compute=lambda env, i: env.get(
            "mrp.bom", env.db.rows["mrp.bom.line"][i]["bom_id"], "product_tmpl_id")),
        "bom_product_template_attribute_value_ids": many2many("product.template.attribute.value"),
        "sequence": integer(default=1),
    }, order="sequence, id", rec_name="product_id", title="Bill of Material Line"),
    Model("product.attribute", {"name": char(required=True, translate=True), "active": boolean(default=True)},
          title="Product Attribute"),
    Model("product.attribute.value", {
        "name": char(required=True, translate=True),
        "attribute_id": many2one("product.attribute", required=True),
        "active": boolean(default=True),
    }, title="Attribute Value"),
    Model("product.template.attribute.line", {
        "product_tmpl_id": many2one("product.template", required=True),
        "attribute_id": many2one("product.attribute", required=True),
        "value_ids": many2many("product.attribute.value"),
        "active": boolean(default=True),
    }, title="Product Template Attribute Line"),
    Model("product.template.attribute.value", {
        "name": char(required=True, translate=True),
        "attribute_id": many2one("product.attribute"),
        "attribute_line_id": many2one("product.template.attribute.line"),
        "product_attribute_value_id": many2one("product.attribute.value"),
    }, title="Product Template Attribute Value"),
    Model("delivery.carrier", {
        "name": char(required=True),
        "active": boolean(default=True),
        "sequence": integer(default=10),
        "delivery_type": choice("base_on_rule", "fixed", default="fixed", required=True),
        "integration_level": choice("rate", "rate_and_ship", default="rate_and_ship"),
        "product_id": many2one("product.product", required=True),
        "fixed_price": number(),
        "tracking_url": char(),
        "company_id": many2one("res.company"),
    }, order="sequence, id", title="Shipping Methods"),
)  # fmt: skip


def display_bom(env: Env, row_id: int) -> str:
    """`CODE: name`, as Odoo shows a bill of materials."""
    row = env.db.rows["mrp.bom"][row_id]
    name = _compute_template_name(env, row["product_tmpl_id"])
    return f"{row['code']}: {name}" if row["code"] else name


@hook("product.template", "created")
def _template_created(env: Env, ids: Sequence[int]) -> None:
    if env.context.get("create_variant", True):
        for row_id in ids:
            row = env.db.rows["product.template"][row_id]
            create(env, "product.product", {"product_tmpl_id": row_id, **{name: row[name] for name in SHARED}})


@hook("product.template", "written")
def _template_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    """Odoo moves the write_date of the variant when its template changes: so a client that polls variants sees edited
    prices, too."""
    shared = {name: vals[name] for name in (*SHARED, "active") if name in vals}
    for row_id in ids:
        variants = env.db.referring("product.product", "product_tmpl_id", row_id)
        for variant in variants:
            env.db.put("product.product", variant, {"write_date": env.stamp, **(shared if len(variants) == 1 else {})})
        if "barcode" in shared:
            _check_unique_barcodes(env, variants)


@hook("product.product", "created")
def _variant_created(env: Env, ids: Sequence[int]) -> None:
    for row_id in ids:
        _build_show_on_template(env, row_id, SHARED)
    _check_unique_barcodes(env, ids)


@hook("product.product", "written")
def _variant_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    for row_id in ids:
        _build_show_on_template(env, row_id, [name for name in SHARED if name in vals])
    if "barcode" in vals:
        _check_unique_barcodes(env, ids)
    if "active" in vals:  # Odoo archives a template with its last variant, and brings it back with the first
        rows = env.db.rows["product.product"]
        for row_id in ids:
            template = rows[row_id]["product_tmpl_id"]
            siblings = env.db.referring("product.product", "product_tmpl_id", template)
            env.db.put("product.template", template, {"active": any(rows[i]["active"] for i in siblings)})


def _build_show_on_template(env: Env, variant: int, names: Sequence[str]) -> None:
    row = env.db.rows["product.product"][variant]
    template = row["product_tmpl_id"]
    if names and len(env.db.referring("product.product", "product_tmpl_id", template)) == 1:
        env.db.put("product.template", template, {name: row[name] for name in names})


def _check_unique_barcodes(env: Env, ids: Sequence[int]) -> None:
    rows = env.db.rows["product.product"]
    for row_id in ids:
        barcode = rows[row_id]["barcode"]
        others = env.db.referring("product.product", "barcode", barcode) if barcode else []
        if len(others) > 1:
            names = " and ".join(_compute_variant_name(env, i) for i in others)
            raise ValidationError(
                f'Barcode(s) already assigned:\n\n- Barcode "{barcode}" already assigned to product(s): {names}\n\n'
                "Note: products that you don't have access to will not be shown above."
            )
