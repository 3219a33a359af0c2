"""TaxKey -> account.tax: found by the channel's own mapping or by our external id, else modelled on an existing tax.

What belongs here: the order of the search, and the values of a tax that is created. What does not: which tax serves as
the model (tax_records.py), fiscal positions (fiscal_positions.py), which rate a sale bears (domain/).

A missing tax is created as a twin of an existing one: with the same accounts, tags, group and localisation codes, but
another price basis. Marketplaces state prices with tax, while most charts of accounts only have taxes on top.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from ...core.errors import CommerceError, CredentialError, RecordError
from ...core.words import NO_WORDS
from ...domain.sales.rules import TaxMapping
from ...domain.vat.keys import TaxKey
from ...domain.vat.rates import RateTable, percent, ppm
from ...domain.vat.territories import EU
from ..reference.company import Company, Countries
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.load import Records, load_own, records_of
from .oss import Oss, load_group, read_oss
from .tax_records import Tax, pattern, read_taxes, twins

ZERO_NAMES = {
    "reverse_charge": "Intra-community (reverse charge)",
    "export": "Export",
    "marketplace": "VAT collected by marketplace",
}
_BASIS = {True: ("tax_included", "incl."), False: ("tax_excluded", "excl.")}
_COPIED = ("include_base_amount", "is_base_affected", "tax_exigibility", "cash_basis_transition_account_id", "sequence")
_LINE = ("repartition_type", "factor_percent", "account_id", "tag_ids", "use_in_tax_closing")


def tax_xid(key: TaxKey) -> str:
    """The tax's external id: one per regime that no country taxes, else one per regime, country, rate and price
    basis."""
    if not key.country:
        return f"tax_{key.regime}"
    return f"tax_{key.regime}_{key.country}_{key.rate}_{'incl' if key.included else 'excl'}"


def tax_title(key: TaxKey) -> str:
    """'8.1 % CH': the form in which errors name a tax."""
    return f"{percent(key.rate)} % {key.country}" if key.country else ZERO_NAMES.get(key.regime, key.regime)


class TaxBook:
    """The taxes of one load. records: external ids that exist. create: False gives the id 0 for a tax that would be
    created."""

    def __init__(
        self, client: OdooClient, company: Company, countries: Countries, mappings: Sequence[TaxMapping],
        records: Records, create: bool, dry: bool = False,
    ) -> None:  # fmt: skip
        self._client, self._company, self._countries = client, company, countries
        self._known, self._create, self._dry = dict(records.ids), create, dry
        self._retired = records.archived
        self._mappings = {(mapping.country, ppm(mapping.rate), mapping.included): mapping.tax for mapping in mappings}
        self._named = read_named(client, self._mappings.values(), company.lang)
        self._answers: dict[TaxKey, int | RecordError] = {}
        # The fiscal position of a regime and country, which taxes of the Union scheme belong to; 0: none.
        self.find_position: Callable[[str, str], int] = lambda regime, country: 0
        self._taxes: list[Tax] | None = None

    @property
    def taxes(self) -> list[Tax]:
        if self._taxes is None:
            self._taxes = read_taxes(self._client)
        return self._taxes

    def pattern(self, key: TaxKey) -> Tax | None:
        return pattern(self.taxes, key, self._company, self._countries.ids.get(key.country, -1))

    def tax(self, key: TaxKey | None) -> int:
        """The tax's record id; 0: no tax. Raises RecordError(`unknown_tax`)."""
        if key is None or key.regime == "none":
            return 0
        if key not in self._answers:
            try:
                self._answers[key] = self._find(key)
            except RecordError as error:
                self._answers[key] = error
        answer = self._answers[key]
        if isinstance(answer, RecordError):
            raise answer
        return answer

    def _find(self, key: TaxKey) -> int:
        name = self._mappings.get((key.country, key.rate, key.included))
        if name:
            return self._find_mapped(key, name)
        if tax_xid(key) in self._known:
            return self._known[tax_xid(key)]
        model = self.pattern(key)
        retired = self._retired.get(tax_xid(key))
        if model:
            for tax in twins(self.taxes, model, key):
                if tax is model or self._repartition(tax.tax_id) == self._repartition(model.tax_id):
                    return tax.tax_id
        if retired:
            raise _build_archived_error(key, retired)
        if not self._create or not (model or not key.country or self._is_declared_abroad(key)):
            if key.country and not key.rate:
                return 0  # goods that their country does not tax, and the chart has no 0 % tax for them
            raise _build_unknown_tax_error(key)
        if self._dry:
            return 0
        try:
            self._known[tax_xid(key)] = made = self._create_twin(key, model) if model else self._create_tax(key)
            return made
        except (CredentialError, OdooRefusal) as error:
            raise _build_unknown_tax_error(key, error) from None

    def rounding(self, key: TaxKey) -> int:
        """The tax whose amount is the whole price, booked on the account of `key`. A rounding line with it changes only
        the order's tax.

        0 if there is no such tax and none may be created, or if a person archived it.
        """
        name = f"{tax_xid(key)}_rounding"
        if name not in self._known:
            there = records_of(self._client, [name])
            tax_id = self.tax(key)
            if there.archived or self._dry or not tax_id:
                return 0
            try:
                self._known[name] = there.ids.get(name) or (self._create_rounding(name, tax_id) if self._create else 0)
            except (CredentialError, OdooRefusal):
                return 0
        return self._known[name]

    def _create_rounding(self, name: str, tax_id: int) -> int:
        fields = ["name", "invoice_label", "tax_group_id", "country_id", "sequence"]
        [tax] = self._client.call("account.tax", "read", ids=[tax_id], fields=fields, load=None)
        lines = [
            {**line, "tag_ids/.id": line["tag_ids/.id"] if line["repartition_type"] == "tax" else ""}
            for line in self._repartition(tax_id)
        ]
        first, *more = _build_columns(lines)
        values = {
            "name": self._find_free_name(f"{tax['name']} (rounding)"),
            "invoice_label": tax["invoice_label"] or tax["name"],
            "amount": "100", "amount_type": "division", "price_include_override": "tax_included",
            "type_tax_use": "sale", "tax_group_id/.id": str(tax["tax_group_id"]),
            "country_id/.id": str(tax["country_id"]), "sequence": str(tax["sequence"]),
        }  # fmt: skip
        return load_own(self._client, "account.tax", name, {**values, **first}, more)

    def _find_mapped(self, key: TaxKey, name: str) -> int:
        if name not in self._named:
            raise RecordError(
                "unknown_tax",
                f"Odoo has no sale tax named {name!r}.",
                fix="Create it in Odoo, or correct `taxes` of the channel in commerce.yaml.",
                subject=name,
            )
        tax_id, included = self._named[name]
        if key.rate and included != key.included:
            basis = "included in the price" if key.included else "on top of the price"
            raise RecordError(
                "unknown_tax", f"The tax {name!r} must be {basis}, as the channel's prices are.",
                fix="Change `Included in Price` of the tax in Odoo, or name another one in `taxes` of the channel.",
                subject=name,
            )  # fmt: skip
        return tax_id

    def _is_declared_abroad(self, key: TaxKey) -> bool:
        """Whether a rate is declared in another country: a member state's, or that of a country in which settings say
        the seller is registered. At home only the chart's own taxes are used."""
        return key.country != self._company.country and (key.country in EU or key.regime == "local")

    def _create_twin(self, key: TaxKey, model: Tax) -> int:
        copied = _list_copied_fields(self._client)
        [row] = self._client.call("account.tax", "read", ids=[model.tax_id], fields=copied, load=None)
        override, suffix = _BASIS[key.included]
        values = {
            "name": self._find_free_name(f"{model.name} {suffix}"),
            "invoice_label": model.label,
            "price_include_override": override,
            "tax_group_id/.id": str(model.group_id),
            "country_id/.id": str(model.country_id),
        }
        for name in copied:
            if row[name] not in (False, None):
                values[f"{name}/.id" if name.endswith("_id") else name] = str(row[name])
        return self._load(key, values, self._repartition(model.tax_id))

    def _create_tax(self, key: TaxKey) -> int:
        """A tax of another country, or of a regime without tax: it gets the account of the domestic standard tax; its
        tags are left to the accountant, save those of the Union scheme."""
        standard = self._repartition(self._company.sale_tax_id) if key.rate else []
        lines = [{**line, "tag_ids/.id": ""} for line in standard] or [
            {"document_type": document, "repartition_type": what, "factor_percent": "100"}
            for document in ("invoice", "refund") for what in ("base", "tax")
        ]  # fmt: skip
        scheme = {"oss": " OSS", "ioss": " IOSS"}.get(key.regime, "")
        override, suffix = _BASIS[key.included]
        where = f"{percent(key.rate)}% {key.country}{scheme}"
        oss = self._oss if key.regime == "oss" else None
        values = {
            "name": self._find_free_name(
                f"{where} {suffix}" if key.country else f"0% {ZERO_NAMES.get(key.regime, key.regime)}"
            ),
            "invoice_label": f"{percent(key.rate)}% VAT {key.country}".strip(),
            "price_include_override": override,
            "sequence": "1000",
            "country_id/.id": str(self._company.country_id),
        }
        if oss is None:
            group = self._load_group(f"VAT {where}" if key.country else "VAT 0%", key)
        else:
            group = load_group(self._client, self._company, key.rate / 10_000, self._list_group_accounts())
            values |= {**oss.fields, **self._link_position(key)}
            lines = oss.mark(lines)
        return self._load(key, {**values, "tax_group_id/.id": str(group)}, lines)

    @cached_property
    def _oss(self) -> Oss | None:
        return read_oss(self._client, self._company)

    def _link_position(self, key: TaxKey) -> dict[str, str]:
        """Columns by which the tax belongs to its country's fiscal position, where it replaces the standard tax if it
        is the country's standard tax itself."""
        try:
            position = self.find_position(key.regime, key.country)
        except RecordError:
            return {}
        link = {"fiscal_position_ids/.id": str(position)} if position else {}
        rates = RateTable({})
        is_standard = rates.knows(key.country) and rates.standard(key.country) == key.rate
        standard = self._company.sale_tax_id if is_standard else 0
        return {**link, **({"original_tax_ids/.id": str(standard)} if link and standard else {})}

    def _find_free_name(self, name: str) -> str:
        """A name that no tax has yet, because Odoo wants tax names to be unique."""
        taken = {tax.name for tax in self.taxes}
        return next(free for free in (name, *(f"{name} ({count})" for count in range(2, 99))) if free not in taken)

    def _load(self, key: TaxKey, values: dict[str, str], lines: Sequence[dict[str, str]]) -> int:
        values |= {"amount": percent(key.rate), "amount_type": "percent", "type_tax_use": "sale"}
        first, *more = _build_columns(lines)
        return load_own(self._client, "account.tax", tax_xid(key), {**values, **first}, more)

    def _load_group(self, name: str, key: TaxKey) -> int:
        values = {"name": name, "country_id/.id": str(self._company.country_id), **self._list_group_accounts()}
        xid = f"tax_group_{key.regime}_{key.country}_{key.rate}" if key.country else "tax_group_zero"
        return load_own(self._client, "account.tax.group", xid, values)

    def _list_group_accounts(self) -> dict[str, str]:
        """Columns of a tax group: the accounts of the domestic standard tax's group."""
        if not self._company.sale_tax_id:
            return {}
        [tax] = self._client.call(
            "account.tax", "read", ids=[self._company.sale_tax_id], fields=["tax_group_id"], load=None
        )
        fields = ["tax_payable_account_id", "tax_receivable_account_id"]
        [group] = self._client.call("account.tax.group", "read", ids=[tax["tax_group_id"]], fields=fields, load=None)
        return {f"{field}/.id": str(group[field]) for field in fields if group[field]}

    def _repartition(self, tax_id: int) -> list[dict[str, str]]:
        if not tax_id:
            return []
        rows = self._client.call(
            "account.tax.repartition.line", "search_read", domain=[["tax_id", "=", tax_id]],
            fields=["document_type", *_LINE], order="document_type, sequence, id", load=None,
        )  # fmt: skip
        return [{"document_type": row["document_type"], **dict(_write_cells(row))} for row in rows]


def _write_cells(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _LINE:
        value = row[name]
        if name == "tag_ids":
            yield "tag_ids/.id", ",".join(map(str, value))
        elif name == "account_id":
            yield "account_id/.id", str(value or "")
        else:
            yield name, str(int(value)) if isinstance(value, bool) else str(value)


def _build_columns(lines: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Repartition lines as rows of load(), with invoice and refund side by side."""
    documents = [
        [{f"{document}_repartition_line_ids/{name}": value for name, value in line.items()}
         for line in lines if line["document_type"] == document]
        for document in ("invoice", "refund")
    ]  # fmt: skip
    return [{**invoice, **refund} for invoice, refund in zip(*documents, strict=True)]


def _list_copied_fields(client: OdooClient) -> list[str]:
    """Fields that a twin copies: how the tax works, and codes that localisations add, such as DATEV's."""
    fields = client.call("account.tax", "fields_get", attributes=["type", "readonly", "store"])
    plain = ("char", "selection", "integer")
    return [name for name in _COPIED if name in fields] + sorted(
        name for name, field in fields.items()
        if name.startswith("l10n_") and field["type"] in plain and field["store"] and not field["readonly"]
    )  # fmt: skip


def read_named(client: OdooClient, names: Collection[str], lang: str) -> dict[str, tuple[int, bool]]:
    """Sale taxes by name: (id, whether prices include them)."""
    if not names:
        return {}
    rows = client.call(
        "account.tax", "search_read", context={"lang": lang}, fields=["name", "price_include"], order="id desc",
        domain=[["type_tax_use", "=", "sale"], ["name", "in", sorted(set(names))], *client.who.domain], load=None,
    )  # fmt: skip
    return {row["name"]: (row["id"], row["price_include"]) for row in rows}


def _build_archived_error(key: TaxKey, name: str) -> RecordError:
    return RecordError(
        "unknown_tax", f"The tax {name!r} in Odoo, for {tax_title(key)}, is archived, and no other one fits.",
        fix="Unarchive it, or name another sale tax of Odoo in `taxes` of the channel (channels[].taxes).",
        subject=tax_title(key),
    )  # fmt: skip


def _build_unknown_tax_error(key: TaxKey, why: CommerceError | None = None) -> RecordError:
    return RecordError(
        "unknown_tax", f"There is no tax for {tax_title(key)}." + (f" It could not be made: {why}" if why else ""),
        fix="Name the sale tax of Odoo that stands for it in `taxes` of the channel (channels[].taxes).",
        subject=tax_title(key), words=why.words if why else NO_WORDS,
    )  # fmt: skip
