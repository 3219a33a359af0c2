"""The products that a person in Odoo chose for new listings of a channel.

What belongs here: the calls that find them by tag, category or field. What does not: what these products hold
(products.py), whether each can be a listing (domain/content/new_listings.py).
"""

from __future__ import annotations

from typing import Any

from ...core.errors import SettingsError
from ...domain.content.listing_rules import NewListingRules
from ..rpc.client import OdooClient, of_company
from ..rpc.search_read import fetch

_WHERE = "channels[].content.new_listings"


def read_chosen(client: OdooClient, rules: NewListingRules) -> frozenset[int]:
    """Record ids of the active variants that fit: goods with an internal reference that may be sold. Raises
    SettingsError for a tag, category or field that this Odoo does not have."""
    rows = fetch(client, "product.product", build_domain(client, rules), ["id"])
    return frozenset(row["id"] for row in rows)


def build_domain(client: OdooClient, rules: NewListingRules) -> list[Any]:
    """The domain of these variants; looks the names up. Raises SettingsError as `read_chosen`."""
    domain: list[Any] = [
        ["default_code", "!=", False], ["sale_ok", "=", True], ["type", "=", "consu"], ["active", "=", True],
        ["product_tmpl_id.active", "=", True],
        *client.who.domain,
    ]  # fmt: skip
    if rules.tag:
        ids = _find(client, "product.tag", "name", rules.tag, "tag")
        domain += ["|", ["product_tag_ids", "in", ids], ["additional_product_tag_ids", "in", ids]]
    if rules.category:
        domain.append(["categ_id", "child_of", _find(client, "product.category", "complete_name", rules.category,
                                                     "category")])  # fmt: skip
    if rules.field:
        kinds = client.call("product.product", "fields_get", allfields=[rules.field], attributes=["type", "searchable"])
        kind = kinds.get(rules.field, {})
        if kind.get("type") != "boolean" or kind.get("searchable") is False:
            raise SettingsError(
                f"{_WHERE}.field: products{of_company(client)} have no field {rules.field!r} that is true or false; "
                "add it in Odoo, or correct the name."
            )
        domain.append([rules.field, "=", True])
    return domain


def _find(client: OdooClient, model: str, field: str, name: str, key: str) -> list[int]:
    """Ids of the records with that name, in English or in the user's language."""
    ids = {
        row["id"]
        for language in ("en_US", client.who.lang)
        for row in fetch(client, model, [[field, "=", name]], ["id"], context={"lang": language})
    }
    if not ids:
        raise SettingsError(f"{_WHERE}.{key}: Odoo has no {key} {name!r}; add it there, or correct the name.")
    return sorted(ids)
