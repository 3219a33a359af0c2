"""Attributes of products in Odoo: what is the same for a whole template, and what makes a variant.

What belongs here: the calls, which value of each attribute a variant has. What does not: what a listing shows of them
(domain/content/entries.py).

Of an attribute whose values a buyer chooses on ordering (`create_variant` never) a variant has none, unless there is
but one. Renaming an attribute or a value moves no write_date.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...domain.content.products import OWN
from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO, fetch

_AT_ONCE = 5_000  # ids in one domain
Pairs = tuple[tuple[str, str], ...]


def read_attributes(
    client: OdooClient, templates: Sequence[int] | None, variants: Sequence[Mapping[str, Any]],
    languages: Collection[str],
) -> dict[int, dict[str, Pairs]]:  # fmt: skip
    """The attributes of each variant with its value, by the variant's id and by language. templates: those of the
    variants, None for all."""
    lines: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    model = "product.template.attribute.line"
    for row in _fetch_of(client, model, "product_tmpl_id", templates, ["product_tmpl_id", "attribute_id", "value_ids"]):
        lines[row["product_tmpl_id"]].append(row)
    pairs_of = _find_pairs(client, lines, variants) if lines else {}
    attributes = {name for pairs in pairs_of.values() for name, _ in pairs}
    values = {value for pairs in pairs_of.values() for _, value in pairs}
    read: dict[int, dict[str, Pairs]] = defaultdict(dict)
    for language in {*languages, OWN} if pairs_of else ():
        names = _read_names(client, "product.attribute", attributes, language)
        texts = _read_names(client, "product.attribute.value", values, language)
        for variant, pairs in pairs_of.items():
            read[variant][language] = tuple(
                (names[name], texts[value]) for name, value in pairs if name in names and value in texts
            )
    return read


def _find_pairs(
    client: OdooClient, lines: Mapping[int, Sequence[Mapping[str, Any]]], variants: Sequence[Mapping[str, Any]]
) -> dict[int, list[tuple[int, int]]]:  # fmt: skip
    """(attribute, value) of each variant, by their record ids. lines: by template."""
    own = sorted({id_ for row in variants for id_ in row["product_template_attribute_value_ids"]})
    fields = ["attribute_id", "product_attribute_value_id"]
    of_variants = {row["id"]: row for row in _fetch_of(client, "product.template.attribute.value", "id", own, fields)}
    pairs_of = {}
    for row in variants:
        chosen = {
            of_variants[id_]["attribute_id"]: of_variants[id_]["product_attribute_value_id"]
            for id_ in row["product_template_attribute_value_ids"] if id_ in of_variants
        }  # fmt: skip
        pairs_of[row["id"]] = [
            (line["attribute_id"], value) for line in lines.get(row["product_tmpl_id"], ())
            if (value := _find_value(line, chosen))
        ]  # fmt: skip
    return {variant: pairs for variant, pairs in pairs_of.items() if pairs}


def _find_value(line: Mapping[str, Any], chosen: Mapping[int, int]) -> int:
    """The value of one attribute that a variant has, 0 for none."""
    if len(line["value_ids"]) == 1:
        return int(line["value_ids"][0])
    return chosen.get(line["attribute_id"], 0)


def _fetch_of(
    client: OdooClient, model: str, field: str, ids: Sequence[int] | None, fields: list[str]
) -> list[dict[str, Any]]:
    """Rows with one of these ids in a field; ids None for all rows."""
    if ids is None:
        return fetch(client, model, [], fields)
    parts = [list(ids[start : start + _AT_ONCE]) for start in range(0, len(ids), _AT_ONCE)]
    return [row for part in parts for row in fetch(client, model, [[field, "in", part]], fields)]


def _read_names(client: OdooClient, model: str, ids: Collection[int], language: str) -> dict[int, str]:
    domain = [["id", "in", sorted(ids)]]
    rows = fetch(client, model, domain, ["name"], context={**ARCHIVED_TOO, "lang": language or client.who.lang})
    return {row["id"]: str(row["name"]) for row in rows}
