"""What Odoo says of its products: texts in several languages, figures, attribute values, checksums of pictures.

What belongs here: the calls, and turning rows into domain/content/products.py. What does not: which listing shows what
of it (domain/content/), when it is read (flows/content/inputs.py).

What moves a product's write_date in Odoo 19: its own fields, its translations and its picture; those of the template
move all its variants. What does not: renaming an attribute value, adding a document. So changes are read by
write_date, and everything once a night.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ...core.errors import ProtocolError, SettingsError
from ...domain.content.products import ATTRIBUTES, OWN, Product
from ..rpc.client import OdooClient, of_company
from ..rpc.search_read import ARCHIVED_TOO, fetch
from .attributes import read_attributes
from .pictures import Pictures, read_pictures
from .prices import count_changed_rules, read_prices

OVERLAP = timedelta(minutes=10)  # write_date is the start of Odoo's transaction, which may have been long
NO_FIELDS = frozenset(("documents", "image_1920", ATTRIBUTES))  # sources that are no field with text
_AT_ONCE = 5_000  # ids in one domain
GRAMS_PER_POUND = 453.59237
_STAMP = "%Y-%m-%d %H:%M:%S"
_FIGURES = ("weight", "country_of_origin")  # converted on the way
_VARIANT = ("default_code", "active", "product_tmpl_id", "product_template_attribute_value_ids", "write_date")
_TEXTS = ("char", "text", "html", "selection")
_FOR_BUYERS = ("name", "description_sale", "description_ecommerce", "hs_code")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What settings ask for. fields: names of product.template or product.product. languages: OWN is the user's.
    pricelists: names of those under which prices are computed, '' for the sales price. attributes: whether all are
    read, not only those that tell variants apart."""

    fields: tuple[str, ...]
    languages: frozenset[str] = frozenset((OWN,))
    pictures: bool = True
    documents: bool = True
    pricelists: frozenset[str] = frozenset()
    attributes: bool = False


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """products: those that were read, archived ones too. whole: whether they are all there are. missing: fields that
    the settings name and this Odoo does not have."""

    products: tuple[Product, ...]
    whole: bool
    missing: tuple[str, ...] = ()


def read_catalogue(
    client: OdooClient, wanted: Wanted, since: datetime | None = None, now: datetime | None = None
) -> Catalogue:  # fmt: skip
    """The products with an internal reference that the client's company sees. since: only those that were written to
    after then, with all variants of their templates; None for all. now: by which rules of pricelists count; needed for
    prices.

    Raises ProtocolError where Odoo shows no product at all: an empty answer is a fault, never an empty catalogue.
    """
    check_languages(client, wanted.languages)
    types = read_types(client, wanted.fields)
    domain: list[Any] = [["default_code", "!=", False], *client.who.domain]
    if since is not None:
        domain.append(["write_date", ">=", (since - OVERLAP).strftime(_STAMP)])
    variants = _read_rows(client, "product.product", domain, [*_VARIANT, *types.of_variant])
    if since is None and not variants:
        raise ProtocolError(
            f"Odoo shows no product{of_company(client)} with an internal reference, so nothing is compared: let the "
            "user of odoo.username see the products."
        )
    missing = tuple(sorted(set(wanted.fields) - types.names))
    if not variants:
        return Catalogue(products=(), whole=since is None, missing=missing)
    ids = None if since is None else sorted({row["product_tmpl_id"] for row in variants})
    products = _build_products(client, wanted, types, variants, ids)
    if wanted.pricelists and now:
        priced = read_prices(client, wanted.pricelists, [row["id"] for row in variants] if since else None, now)
        products = [
            msgspec.structs.replace(product, prices=row.prices, tax=row.tax)
            if (row := priced.get(product.product_id)) else product
            for product in products
        ]  # fmt: skip
    return Catalogue(products=tuple(products), whole=since is None, missing=missing)


def count_changed(client: OdooClient, since: datetime) -> int:
    """How many products were written to since then, in one call; those of the overlap count again."""
    domain: list[Any] = [["default_code", "!=", False], ["write_date", ">=", (since - OVERLAP).strftime(_STAMP)]]
    return int(
        client.call("product.product", "search_count", context=ARCHIVED_TOO, domain=[*domain, *client.who.domain])
    )


def has_new_prices(client: OdooClient, since: datetime, now: datetime) -> bool:
    """Whether a rule of a pricelist was written to, began or ended since then: all prices may have changed."""
    return bool(count_changed_rules(client, since - OVERLAP, now))


def find_sources(client: OdooClient) -> list[str]:
    """What may feed a listing in this Odoo, under the names that `content.sources` takes: the texts of products that
    buyers may read, every text field that somebody added (x_), pictures, and documents where any is a picture."""
    fields = client.call("product.template", "fields_get", attributes=["type", "store"])
    texts = [
        name for name, kind in fields.items()
        if kind["type"] in _TEXTS[:3] and kind.get("store") and (name in _FOR_BUYERS or name.startswith("x_"))
    ]  # fmt: skip
    domain = [["res_model", "in", ["product.template", "product.product"]], ["mimetype", "=like", "image/%"]]
    documents = client.call("product.document", "search_count", domain=domain)
    attributes = client.call("product.template.attribute.line", "search_count", domain=[])
    more = [name for name, count in (("documents", documents), (ATTRIBUTES, attributes)) if count]
    return [*sorted(texts), "image_1920", *more]


def check_languages(client: OdooClient, languages: Collection[str]) -> None:
    """Raises SettingsError for a language that is not active in Odoo: it refuses to read anything in that one."""
    wanted = sorted(set(languages) - {OWN})
    if wanted:
        active = {row["code"] for row in fetch(client, "res.lang", [], ["code"])}
        if missing := [language for language in wanted if language not in active]:
            raise SettingsError(
                f"channels[].content names the language {', '.join(missing)}, which is not active in Odoo; active are "
                f"{', '.join(sorted(active))}. Activate it there, or correct `content.language` or "
                "`content.translations`."
            )


class Types(msgspec.Struct, frozen=True, kw_only=True):
    """Fields that this Odoo has, with their types. of_variant: those that a variant has of its own."""

    by_name: Mapping[str, str]
    of_variant: tuple[str, ...]
    translated: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset((*self.by_name, *NO_FIELDS))

    @property
    def of_template(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.by_name) - set(self.of_variant)))

    @property
    def html(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, kind in self.by_name.items() if kind == "html"))


def read_types(client: OdooClient, fields: Iterable[str]) -> Types:
    """Which of these fields products have. A field of the template is read there, once for all variants."""
    names = sorted(set(fields) - NO_FIELDS)
    if not names:
        return Types(by_name={}, of_variant=(), translated=())
    asked: dict[str, Any] = {"allfields": names, "attributes": ["type", "translate", "related", "store"]}
    of_template = client.call("product.template", "fields_get", **asked)
    of_variant = client.call("product.product", "fields_get", **asked)
    fitting = {
        name: kind["type"] for name, kind in {**of_template, **of_variant}.items()
        if kind["type"] in _TEXTS or name in _FIGURES
    }  # fmt: skip
    # A variant's own weight and barcode are computed on the template; everything else is the template's.
    own = {name for name in fitting if name not in of_template or name in ("barcode", "weight", "volume")}
    translated = tuple(sorted(name for name in fitting if name not in own and of_template[name].get("translate")))
    return Types(by_name=fitting, of_variant=tuple(sorted(own)), translated=translated)


def _read_rows(client: OdooClient, model: str, domain: list[Any], fields: Sequence[str], language: str = OWN) -> Any:
    context = {**ARCHIVED_TOO, "lang": language or client.who.lang}
    return fetch(client, model, domain, fields, context=context)


def _read_by_ids(
    client: OdooClient, model: str, ids: Sequence[int] | None, fields: Sequence[str], language: str = OWN
) -> dict[int, dict[str, Any]]:
    """Rows by id; ids None for all."""
    parts = [None] if ids is None else [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
    rows: dict[int, dict[str, Any]] = {}
    for part in parts:
        domain: list[Any] = list(client.who.domain) if part is None else [["id", "in", list(part)]]
        rows |= {row["id"]: row for row in _read_rows(client, model, domain, fields, language)}
    return rows


def _build_products(
    client: OdooClient, wanted: Wanted, types: Types, variants: Sequence[dict[str, Any]], ids: Sequence[int] | None
) -> Iterable[Product]:
    templates = _read_by_ids(client, "product.template", ids, [*types.of_template, "active"])
    texts = {
        language: _read_by_ids(client, "product.template", ids, types.translated, language)
        for language in sorted(wanted.languages - {OWN}) if types.translated
    }  # fmt: skip
    options = _read_options(client, variants, wanted.languages)
    counts = _count_variants(client, ids)
    countries = _read_countries(client) if "country_of_origin" in types.by_name else {}
    grams = _read_grams(client, variants[0]["product_tmpl_id"]) if "weight" in types.by_name else 1_000.0
    named = read_attributes(client, ids, variants, wanted.languages) if wanted.attributes else {}
    pictures = Pictures()
    if wanted.pictures or wanted.documents:
        pictures = read_pictures(client, ids, [row["id"] for row in variants], documents=wanted.documents)

    for row in variants:
        template_id = row["product_tmpl_id"]
        template = templates.get(template_id)
        if template is None:
            continue  # archived or deleted between the two calls; the next reading sees it
        values = {
            name: _convert({**template, **row}.get(name), name, countries, grams) for name in types.by_name
        }  # fmt: skip
        apart = [value for value in row["product_template_attribute_value_ids"] if value in options.get(OWN, {})]
        yield Product(
            product_id=row["id"], template_id=template_id, code=row["default_code"],
            active=bool(row["active"] and template["active"]), variants=counts.get(template_id, 0),
            values={name: value for name, value in values.items() if name not in types.translated},
            texts={OWN: {name: values[name] for name in types.translated}} | {
                language: {name: _convert(rows[template_id][name], name, {}, 0) for name in types.translated}
                for language, rows in texts.items() if template_id in rows
            },
            options={
                language: tuple(names[value] for value in apart if value in names)
                for language, names in options.items()
            } if apart else {},
            attributes=named.get(row["id"], {}), html=types.html,
            picture=pictures.of_variant.get(row["id"]) or pictures.of_template.get(template_id),
            template_picture=pictures.of_template.get(template_id),
            documents=(*pictures.documents.get(template_id, ()), *pictures.variant_documents.get(row["id"], ())),
        )  # fmt: skip


def _convert(value: Any, name: str, countries: Mapping[int, str], grams: float) -> str:
    if name == "country_of_origin":
        return countries.get(value, "")
    if name == "weight":
        whole = round(float(value or 0) * grams)
        return str(whole) if whole > 0 else ""
    return value if isinstance(value, str) else ""


def _read_options(
    client: OdooClient, variants: Sequence[dict[str, Any]], languages: Collection[str]
) -> dict[str, dict[int, str]]:
    """Names of the attribute values that tell variants apart, by language and id, as Odoo names them after a variant:
    one of an attribute with a single value belongs to all variants. Renaming one moves no write_date."""
    ids = sorted({value for row in variants for value in row["product_template_attribute_value_ids"]})
    model = "product.template.attribute"
    line_of = {id_: row["attribute_line_id"] for id_, row in _read_by_ids(
        client, f"{model}.value", ids, ["attribute_line_id"]
    ).items()}  # fmt: skip
    lines = _read_by_ids(client, f"{model}.line", sorted(set(line_of.values())), ["value_ids"])
    ids = [id_ for id_ in ids if id_ in line_of and len(lines.get(line_of[id_], {}).get("value_ids", ())) > 1]
    if not ids:
        return {}
    return {
        language: {
            id_: str(row["name"])
            for id_, row in _read_by_ids(client, f"{model}.value", ids, ["name"], language).items()
        }
        for language in {*languages, OWN}
    }


def _count_variants(client: OdooClient, ids: Sequence[int] | None) -> dict[int, int]:
    """How many active variants each template has; those without an internal reference count."""
    counts: dict[int, int] = defaultdict(int)
    domain: list[Any] = [["product_tmpl_id", "in", list(ids)]] if ids is not None else list(client.who.domain)
    for row in fetch(client, "product.product", domain, ["product_tmpl_id"]):
        counts[row["product_tmpl_id"]] += 1
    return counts


def _read_countries(client: OdooClient) -> dict[int, str]:
    return {row["id"]: row["code"] for row in fetch(client, "res.country", [], ["code"]) if row["code"]}


def _read_grams(client: OdooClient, template_id: int) -> float:
    """Grams of Odoo's unit of weight, kilograms or pounds. A system parameter decides it, which only administrators may
    read; every product names it."""
    rows = client.call("product.template", "read", ids=[template_id], fields=["weight_uom_name"], load=None)
    name = str(rows[0]["weight_uom_name"]) if rows else ""
    return GRAMS_PER_POUND if name.startswith("lb") else 1_000.0
