"""What Odoo's report of the Union scheme finds a tax by, as Odoo's own module l10n_eu_oss makes it.

    tag      `OSS` on every distribution line, beside a tag of the country's own VAT return where it has one
    account  the one that the module keeps for the scheme, else the one that the German charts provide
    group    `OSS 20.0%`, one per company and rate, under the module's own external id, so that it is never made twice
    country  the tax belongs to the fiscal position of the country of destination

What belongs here: these records of one company, and the module's table of tags. What does not: when a tax is created
(taxes.py). Odoo has no public method that makes such taxes, so that the module's values stand here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from ...core.errors import CredentialError
from ..reference.company import Company
from ..rpc.client import OdooClient
from ..rpc.load import load_records

MODULE, TAG = "l10n_eu_oss", "tag_oss"
GROUP = "account.tax.group"
# Tags of VAT returns by chart of accounts and distribution line, as the module has them.
_BELGIUM = {
    ("invoice", "base"): "l10n_be.tax_report_line_47_tag",
    ("refund", "base"): "l10n_be.tax_report_line_49_tag",
}
_DENMARK = {("invoice", "base"): "l10n_dk.account_tax_report_line_section_b_products_non_eu_tag"}
_FRANCE = {
    ("invoice", "base"): "l10n_fr_account.tax_report_E3_tag",
    ("refund", "base"): "l10n_fr_account.tax_report_F8_tag",
}
_SPAIN = {("invoice", "base"): "l10n_es.mod_303_casilla_124_balance"}
SPANISH = ("es_assec", "es_common", "es_full", "es_pymes")
CHART_TAGS: Mapping[str, Mapping[tuple[str, str], str]] = {
    "be_comp": _BELGIUM, "be_asso": _BELGIUM, "dk": _DENMARK, "fr": _FRANCE, **dict.fromkeys(SPANISH, _SPAIN),
}  # fmt: skip
CHART_ACCOUNTS = {"de_skr03": "1767", "de_skr04": "3817"}
CHART_FIELDS = {chart: {"l10n_es_type": "no_sujeto_loc"} for chart in SPANISH}
_SIDES = [(document, what) for document in ("invoice", "refund") for what in ("base", "tax")]


class Oss(msgspec.Struct, frozen=True, kw_only=True):
    """tags: record ids by (document, base or tax). account_id: 0 for that of the domestic standard tax. fields: columns
    that the country's localisation wants in such a tax."""

    tags: dict[tuple[str, str], tuple[int, ...]]
    account_id: int
    fields: dict[str, str]

    def mark(self, lines: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        """Distribution lines as rows of load(), with the scheme's tags and account."""
        marked = []
        for line in lines:
            side = line["document_type"], line["repartition_type"]
            row = {**line, "tag_ids/.id": ",".join(map(str, self.tags[side]))}
            if self.account_id and side[1] == "tax":
                row["account_id/.id"] = str(self.account_id)
            marked.append(row)
        return marked


def tag_of(client: OdooClient) -> int:
    """The tag that Odoo's report finds taxes of the scheme by; 0 where l10n_eu_oss is not installed."""
    return _find_records(client, [f"{MODULE}.{TAG}"]).get(f"{MODULE}.{TAG}", ("", 0))[1]


def read_oss(client: OdooClient, company: Company) -> Oss | None:
    """The scheme's records of the company, None where l10n_eu_oss is not installed."""
    tag = tag_of(client)
    if not tag:
        return None
    [row] = client.call("res.company", "read", ids=[company.company_id], fields=["chart_template"], load=None)
    chart = row["chart_template"] or ""
    kept = f"{MODULE}.oss_tax_account_company_{company.company_id}"
    own_tags = CHART_TAGS.get(chart, {})
    records = _find_records(client, [kept, *own_tags.values()])
    tags = {side: tuple(_resolve_tags(client, records.get(own_tags.get(side, "")))) for side in _SIDES}
    return Oss(
        tags={side: (*of_return, tag) for side, of_return in tags.items()},
        account_id=records[kept][1] if kept in records else _find_account(client, CHART_ACCOUNTS.get(chart, "")),
        fields=CHART_FIELDS.get(chart, {}),
    )


def load_group(client: OdooClient, company: Company, rate: float, accounts: Mapping[str, str]) -> int:
    """The tax group of a rate in percent, found or created. accounts: its columns for payable and receivable."""
    name = f"{company.company_id}_oss_tax_group_{str(rate).replace('.', '_')}_{company.country}"
    records = _find_records(client, [f"account.{name}"])
    if records:
        return records[f"account.{name}"][1]
    values = {
        "id": f"account.{name}", "name": f"OSS {rate}%", "country_id/.id": str(company.country_id),
        "company_id/.id": str(company.company_id), **accounts,
    }  # fmt: skip
    context = {"noupdate": True}  # an update of the module `account` would delete records that it does not know
    ids, refused = load_records(client, GROUP, list(values), {name: [list(values.values())]}, context)
    if name in refused:
        raise refused[name]
    return ids[name]


def untagged(client: OdooClient, tax_ids: Collection[int]) -> list[str]:
    """Names of those of these taxes, active ones, that the report does not find."""
    tag = tag_of(client)
    rows = client.call(
        "account.tax.repartition.line", "search_read", fields=["tax_id"], load=None,
        domain=[["tax_id", "in", sorted(tax_ids)], ["tag_ids", "in", [tag]]],
    )  # fmt: skip
    missing = sorted(set(tax_ids) - {row["tax_id"] for row in rows})
    taxes = client.call(
        "account.tax", "search_read", domain=[["id", "in", missing], *client.who.domain], fields=["name"], load=None
    )
    return sorted(row["name"] for row in taxes)


def _find_records(client: OdooClient, names: Sequence[str]) -> dict[str, tuple[str, int]]:
    """(model, id) by external id with its module."""
    rows = client.call(
        "ir.model.data", "search_read", fields=["module", "name", "model", "res_id"], load=None,
        domain=[["name", "in", [name.partition(".")[2] for name in names]]],
    )  # fmt: skip
    records = {f"{row['module']}.{row['name']}": (row["model"], row["res_id"]) for row in rows}
    return {name: records[name] for name in names if name in records}


def _resolve_tags(client: OdooClient, record: tuple[str, int] | None) -> Iterator[int]:
    """A tag itself, or the tags that a line of a tax report is made of."""
    if record is None:
        return
    model, record_id = record
    if model == "account.account.tag":
        yield record_id
    elif model == "account.report.expression":
        [row] = client.call(model, "read", ids=[record_id], fields=["formula"], load=None)
        yield from client.call(
            "account.account.tag", "search",
            domain=[["name", "=", row["formula"].lstrip("-")], ["applicability", "=", "taxes"]],
        )  # fmt: skip


def _find_account(client: OdooClient, code: str) -> int:
    if not code:
        return 0
    try:
        ids = client.call("account.account", "search", domain=[["code", "=", code]], limit=1)
    except CredentialError:
        return 0  # a right that not every user has; the domestic account serves as well
    return int(ids[0]) if ids else 0
