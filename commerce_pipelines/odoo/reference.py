"""Names that orders mention -> record ids, looked up in bulk once per load.

What belongs here: teams, warehouses, delivery methods, tags, analytic accounts, pricelists and currencies. What does
not: taxes and fiscal positions (taxes.py, positions.py), service products (services.py), buyers (partners.py).

Names are read in the language of the user that the pipelines work as, because that is how a merchant sees them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import msgspec

from ..domain.errors import CredentialError, RecordError
from .client import OdooClient
from .company import Company
from .errors import OdooRefusal
from .loading import load_one


class Kind(msgspec.Struct, frozen=True):
    """How one kind of record is found: its model, the fields that hold its name, and how errors speak of it."""

    model: str
    code: str
    title: str
    key: str
    fields: tuple[str, ...] = ("name",)


KINDS = {
    "team": Kind("crm.team", "unknown_team", "sales team", "sales_team"),
    "warehouse": Kind("stock.warehouse", "unknown_warehouse", "warehouse", "warehouse", ("name", "code")),
    "carrier": Kind("delivery.carrier", "unknown_carrier", "delivery method", "carriers"),
    "tag": Kind("crm.tag", "unknown_tag", "tag", "tags"),
    "analytic": Kind("account.analytic.account", "unknown_analytic_account", "analytic account", "analytic"),
    "pricelist": Kind("product.pricelist", "unknown_pricelist", "pricelist", "pricelists"),
    "fiscal position": Kind(
        "account.fiscal.position", "unknown_fiscal_position", "fiscal position", "fiscal_positions"
    ),
}


def find_names(client: OdooClient, kind: Kind, names: Collection[str], lang: str) -> dict[str, int]:
    """Name -> id of those that exist; of several with one name the oldest."""
    wanted = sorted({name for name in names if name})
    if not wanted:
        return {}
    domain: list[object] = ["|"] * (len(kind.fields) - 1) + [[field, "in", wanted] for field in kind.fields]
    rows = client.call(
        kind.model,
        "search_read",
        context={"lang": lang},
        domain=domain,
        fields=list(kind.fields),
        order="id",
        load=None,
    )
    found: dict[str, int] = {}
    for field in kind.fields:
        for row in rows:
            found.setdefault(row[field], row["id"])
    return {name: found[name] for name in wanted if name in found}


def missing(kind: Kind, name: str) -> RecordError:
    return RecordError(
        kind.code, f"Odoo has no {kind.title} named {name!r}.",
        fix=f"Create it in Odoo, or correct `{kind.key}` of the channel in commerce.yaml.", subject=name,
    )  # fmt: skip


class Names:
    """The names of one load; asked once per kind, answered from memory."""

    def __init__(self, client: OdooClient, company: Company, wanted: Mapping[str, Collection[str]]) -> None:
        self._found = {
            what: find_names(client, KINDS[what], names, company.lang) for what, names in wanted.items() if names
        }

    def id_of(self, what: str, name: str) -> int:
        """0 for ''. Raises RecordError (`unknown_team`, `unknown_warehouse` …) for a name that Odoo lacks."""
        if not name:
            return 0
        found = self._found.get(what, {}).get(name)
        if found is None:
            raise missing(KINDS[what], name)
        return found

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


class Currencies:
    """Currencies by name, and the pricelist that gives an order its currency (Odoo 19 knows no other way)."""

    def __init__(
        self, client: OdooClient, company: Company, wanted: Collection[str], known: Mapping[str, int], create: bool,
        dry: bool = False,
    ) -> None:  # fmt: skip
        self._client, self._company, self._create, self._dry = client, company, create, dry
        rows = client.call(
            "res.currency",
            "search_read",
            context={"active_test": False},
            domain=[],
            fields=["name", "active"],
            load=None,
        )
        self.names: dict[int, str] = {row["id"]: row["name"] for row in rows}
        self._ids = {row["name"]: row["id"] for row in rows}
        self._active = {row["name"] for row in rows if row["active"]}
        self._pricelists = self._find(wanted, known)
        self._failed: dict[str, RecordError] = {}

    def pricelist(self, currency: str) -> int:
        """0 where none is needed: the company's own currency. Raises RecordError(`inactive_currency`)."""
        if currency in self._failed:
            raise self._failed[currency]
        try:
            self._activate(currency)
            if currency not in self._pricelists:
                self._pricelists[currency] = self._new(currency)
        except RecordError as error:
            self._failed[currency] = error
            raise
        return self._pricelists[currency]

    def _find(self, wanted: Collection[str], known: Mapping[str, int]) -> dict[str, int]:
        """Ours by external id, else the first of that currency that is not kept for some countries."""
        found = {self._company.currency: 0}
        ids = [self._ids[name] for name in wanted if name in self._ids]
        rows = self._client.call(
            "product.pricelist", "search_read", domain=[["currency_id", "in", ids], ["country_group_ids", "=", False]],
            fields=["currency_id", "company_id"], order="id", load=None,
        )  # fmt: skip
        for row in rows:
            if row["company_id"] in (False, self._company.company_id):
                found.setdefault(self.names[row["currency_id"]], row["id"])
        ours = {name: known[f"pricelist_{name}"] for name in wanted if f"pricelist_{name}" in known}
        return found | ours

    def _activate(self, currency: str) -> None:
        if currency in self._active:
            return
        if currency in self._ids and self._create:
            if self._dry:
                return
            try:
                self._client.call("res.currency", "write", ids=[self._ids[currency]], vals={"active": True})
                self._active.add(currency)
                return
            except (CredentialError, OdooRefusal):
                pass  # a right that not every user has: said below as what it means for the order
        raise RecordError(
            "inactive_currency",
            f"The currency {currency} is not active in Odoo.",
            fix="Activate it in Odoo under Accounting > Configuration > Currencies.",
            subject=currency,
        )

    def _new(self, currency: str) -> int:
        error = RecordError(
            "unknown_pricelist",
            f"Odoo has no pricelist in {currency}.",
            fix="Create one in Odoo; it gives sale orders their currency.",
            subject=currency,
        )
        if not self._create:
            raise error
        if self._dry:
            return 0
        # Last in sequence, because Odoo offers the first pricelist without a country to every customer.
        values = {"name": f"Marketplaces {currency}", "currency_id/.id": str(self._ids[currency]), "sequence": "9999"}
        try:
            return load_one(self._client, "product.pricelist", f"pricelist_{currency}", values)
        except (CredentialError, OdooRefusal):
            raise error from None
