"""Names that orders mention -> record ids, looked up in bulk once per load.

What belongs here: teams, warehouses, delivery methods, tags, analytic accounts, pricelists and currencies. What does
not: taxes and fiscal positions (accounting/taxes.py, accounting/fiscal_positions.py), service products (services.py),
buyers (partners/partners.py).

Names are read in the language of the pipelines' own user, because that is how a merchant sees them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import msgspec

from ...core.errors import RecordError
from ...domain.keys import key, shown
from ..rpc.client import OdooClient
from ..rpc.search_read import fetch
from .company import Company


class Kind(msgspec.Struct, frozen=True):
    """How one kind of record is found: its model, the fields that hold its name, and its name in errors."""

    model: str
    code: str
    title: str
    key: str
    fields: tuple[str, ...] = ("name",)
    shared: bool = False  # whether all companies share these records

    def domain(self, client: OdooClient) -> list[list[object]]:
        """The records that the client's company may use."""
        return [] if self.shared else client.who.domain


KINDS = {
    "team": Kind("crm.team", "unknown_team", "sales team", "sales_team"),
    "warehouse": Kind("stock.warehouse", "unknown_warehouse", "warehouse", "warehouse", ("name", "code")),
    "carrier": Kind("delivery.carrier", "unknown_carrier", "delivery method", "carriers"),
    "tag": Kind("crm.tag", "unknown_tag", "tag", "tags", shared=True),
    "analytic": Kind("account.analytic.account", "unknown_analytic_account", "analytic account", "analytic"),
    "pricelist": Kind("product.pricelist", "unknown_pricelist", "pricelist", "pricelists"),
    "fiscal position": Kind(
        "account.fiscal.position", "unknown_fiscal_position", "fiscal position", "fiscal_positions"
    ),
}


def find_names(client: OdooClient, kind: Kind, names: Collection[str], lang: str) -> dict[str, int]:
    """Name -> id of the records that exist; of several with one name the oldest."""
    wanted = sorted({name for name in names if name})
    if not wanted:
        return {}
    domain: list[object] = ["|"] * (len(kind.fields) - 1) + [[field, "in", wanted] for field in kind.fields]
    domain += kind.domain(client)
    rows = client.call(
        kind.model,
        "search_read",
        context={"lang": lang},
        domain=domain,
        fields=list(kind.fields),
        order="id",
        load=None,
    )
    ids: dict[str, int] = {}
    for field in kind.fields:
        for row in rows:
            ids.setdefault(row[field], row["id"])
    others = [name for name in wanted if name not in ids]
    return {name: ids[name] for name in wanted if name in ids} | (
        _search_alike(client, kind, others, lang) if others else {}
    )


def _search_alike(client: OdooClient, kind: Kind, names: Collection[str], lang: str) -> dict[str, int]:
    """As `find_names`, for names that differ in Odoo by invisible characters, such as a blank at the end."""
    rows = fetch(client, kind.model, kind.domain(client), list(kind.fields), context={"lang": lang})
    alike: dict[str, int] = {}
    for field in kind.fields:
        for row in rows:
            alike.setdefault(key(row[field] or ""), row["id"])
    return {name: alike[key(name)] for name in names if key(name) in alike}


def missing(kind: Kind, name: str) -> RecordError:
    return RecordError(
        kind.code, f"Odoo has no {kind.title} named {shown(name)}.",
        fix=f"Create it in Odoo, or correct `{kind.key}` of the channel in commerce.yaml.", subject=name,
    )  # fmt: skip


class Names:
    """The names of one load; each kind is read once and kept."""

    def __init__(self, client: OdooClient, company: Company, wanted: Mapping[str, Collection[str]]) -> None:
        self._found = {
            what: find_names(client, KINDS[what], names, company.lang) for what, names in wanted.items() if names
        }

    def id_of(self, what: str, name: str) -> int:
        """The record's id; 0 for ''. Raises RecordError (`unknown_team`, `unknown_warehouse` …) for a name that Odoo
        lacks."""
        if not name:
            return 0
        record = self._found.get(what, {}).get(name)
        if record is None:
            raise missing(KINDS[what], name)
        return record

    def analytic(self, shares: Mapping[str, float]) -> str:
        """The distribution as the JSON text that load() takes, '' for none."""
        if not shares:
            return ""
        return json.dumps({str(self.id_of("analytic", name)): percent for name, percent in shares.items()})


def default_warehouse(client: OdooClient, company: Company) -> int:
    """The company's first warehouse, 0 if Odoo keeps no stock."""
    rows = client.call(
        "stock.warehouse", "search_read", domain=[["company_id", "=", company.company_id]], fields=["name"],
        order="sequence, id", limit=1, load=None,
    )  # fmt: skip
    return int(rows[0]["id"]) if rows else 0
