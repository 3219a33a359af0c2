"""Accounts, taxes, fiscal positions, analytic accounts.

What belongs here: their declarations, and how a fiscal position is chosen and replaces taxes. What does not: computing
taxes (taxes.py), invoices (invoices.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .base import company_of
from .errors import ValidationError
from .orm import Env, hook, method
from .records import create
from .schema import Model, boolean, char, choice, integer, json, many2many, many2one, number, one2many, text

_NAMING = ("name", "type_tax_use", "tax_scope", "company_id", "country_id")  # no two taxes may agree in all of these


def _compute_price_include(env: Env, row_id: int) -> bool:
    """Computed and not writable, as in Odoo 19, which silently ignores a written price_include."""
    row = env.db.rows["account.tax"][row_id]
    override = row["price_include_override"]
    return (override or env.get("res.company", row["company_id"], "account_price_include")) == "tax_included"


def _find_country(env: Env) -> Any:
    return env.db.rows["res.company"][company_of(env)]["account_fiscal_country_id"]


def _compute_tax_map(env: Env, row_id: int) -> dict[str, list[int]]:
    """Original tax -> the taxes that replace it under this fiscal position."""
    taxes_by_position: dict[str, list[int]] = {}
    for tax in env.db.rows["account.fiscal.position"][row_id].get("tax_ids") or ():
        for original in env.db.rows["account.tax"][tax].get("original_tax_ids") or ():
            taxes_by_position.setdefault(str(original), []).append(tax)
    return taxes_by_position


def _compute_analytic_name(env: Env, row_id: int) -> str:
    row = env.db.rows["account.analytic.account"][row_id]
    return f"[{row['code']}] {row['name']}" if row["code"] else str(row["name"])


MODELS = (
    Model("account.account", {
        "name": char(required=True),
        "code": char(),
        "account_type": choice("asset_receivable", "asset_cash", "asset_current", "liability_payable",
                               "liability_current", "equity", "income", "income_other", "expense", "off_balance"),
        "company_ids": many2many("res.company"),
        "active": boolean(default=True),
    }, order="code", search_names=("code", "name"), title="Account"),
    Model("account.account.tag", {
        "name": char(required=True),
        "applicability": choice("accounts", "taxes", "products", default="accounts"),
    }, title="Account Tag"),
    Model("account.chart.template", {}, title="Account Chart Template"),
    Model("account.tax.group", {
        "name": char(required=True),
        "sequence": integer(default=10),
        "company_id": many2one("res.company", required=True, default=company_of),
        "country_id": many2one("res.country", default=_find_country),
        "tax_payable_account_id": many2one("account.account"),
        "tax_receivable_account_id": many2one("account.account"),
        "advance_tax_payment_account_id": many2one("account.account"),
    }, order="sequence asc, id", title="Tax Group"),
    Model("account.tax", {
        "name": char(required=True),
        "type_tax_use": choice("sale", "purchase", "none", default="sale", required=True),
        "amount_type": choice("group", "fixed", "percent", "division", default="percent", required=True),
        "amount": number(),
        "active": boolean(default=True),
        "sequence": integer(default=1),
        "company_id": many2one("res.company", required=True, default=company_of),
        "country_id": many2one("res.country", required=True, default=_find_country),
        "tax_group_id": many2one("account.tax.group", required=True),
        "description": text(),
        "invoice_label": char(),
        "price_include": boolean(compute=_compute_price_include),
        "price_include_override": choice("tax_included", "tax_excluded"),
        "include_base_amount": boolean(),
        "is_base_affected": boolean(default=True),
        "tax_scope": choice("service", "consu"),
        "fiscal_position_ids": many2many("account.fiscal.position", "tax_ids"),
        "original_tax_ids": many2many("account.tax", "replacing_tax_ids"),
        "replacing_tax_ids": many2many("account.tax", "original_tax_ids", copy=False),
        "is_domestic": boolean(compute=lambda env, i: _is_domestic(env, i)),
        "repartition_line_ids": one2many("account.tax.repartition.line", "tax_id"),
        "invoice_repartition_line_ids": one2many("account.tax.repartition.line", "tax_id",
                                              where={"document_type": "invoice"}),
        "refund_repartition_line_ids": one2many("account.tax.repartition.line", "tax_id",
                                             where={"document_type": "refund"}),
    }, order="sequence,id", title="Tax"),
    Model("account.tax.repartition.line", {
        "tax_id": many2one("account.tax", required=True),
        "document_type": choice("invoice", "refund", required=True),
        "repartition_type": choice("base", "tax", default="tax", required=True),
        "factor_percent": number(default=100.0),
        "account_id": many2one("account.account"),
        "tag_ids": many2many("account.account.tag"),
        "use_in_tax_closing": boolean(),
        "sequence": integer(default=1),
    }, order="document_type, repartition_type, sequence, id", rec_name="repartition_type",
        title="Tax Repartition Line"),
    Model("account.fiscal.position", {
        "name": char(required=True),
        "sequence": integer(default=10),
        "active": boolean(default=True),
        "company_id": many2one("res.company", required=True, default=company_of),
        "auto_apply": boolean(),
        "vat_required": boolean(),
        "country_id": many2one("res.country"),
        "country_group_id": many2one("res.country.group"),
        "state_ids": many2many("res.country.state"),
        "zip_from": char(),
        "zip_to": char(),
        "foreign_vat": char(),
        "note": text(),
        "tax_ids": many2many("account.tax", "fiscal_position_ids"),
        "account_ids": one2many("account.fiscal.position.account", "position_id"),
        "tax_map": json(compute=_compute_tax_map, search=False),
        "is_domestic": boolean(compute=lambda env, i: env.get("account.fiscal.position", i, "country_id") == env.get(
            "res.company", env.get("account.fiscal.position", i, "company_id"), "account_fiscal_country_id")),
    }, order="sequence", title="Fiscal Position"),
    Model("account.fiscal.position.account", {
        "position_id": many2one("account.fiscal.position", required=True),
        "account_src_id": many2one("account.account", required=True),
        "account_dest_id": many2one("account.account", required=True),
    }, rec_name="position_id", title="Accounts Mapping of Fiscal Position"),
    Model("account.analytic.plan", {"name": char(required=True), "parent_id": many2one("account.analytic.plan")},
          title="Analytic Plans"),
    Model("account.analytic.account", {
        "name": char(required=True),
        "code": char(),
        "plan_id": many2one("account.analytic.plan", required=True),
        "partner_id": many2one("res.partner"),
        "company_id": many2one("res.company"),
        "active": boolean(default=True),
        "display_name": char(compute=_compute_analytic_name),
    }, order="plan_id, name asc", search_names=("name", "code"), title="Analytic Account"),
)  # fmt: skip


def _is_domestic(env: Env, tax: int) -> bool:
    positions = env.db.rows["account.tax"][tax].get("fiscal_position_ids") or ()
    return not positions or any(env.get("account.fiscal.position", i, "is_domestic") for i in positions)


@hook("account.tax", "defaults")
def _tax_defaults(env: Env, vals: dict[str, Any]) -> None:
    """Without a tax group Odoo takes the first one of the tax's country."""
    if not vals.get("tax_group_id"):
        country = vals.get("country_id") or _find_country(env)
        rows = env.db.rows["account.tax.group"]
        fitting = [i for i, row in rows.items() if row["country_id"] in (country, False)]
        if fitting:
            vals["tax_group_id"] = min(fitting, key=lambda i: (rows[i]["sequence"], i))


@hook("account.tax", "created")
def _tax_created(env: Env, ids: Sequence[int]) -> None:
    """A tax without repartition lines gets a plain base line and tax line for invoices and for refunds."""
    rows = env.db.rows["account.tax.repartition.line"]
    for tax in ids:
        kinds = {rows[i]["document_type"] for i in env.db.referring("account.tax.repartition.line", "tax_id", tax)}
        create(env, "account.tax.repartition.line", [
            {"tax_id": tax, "document_type": document, "repartition_type": kind}
            for document in ("invoice", "refund") if document not in kinds for kind in ("base", "tax")
        ])  # fmt: skip
    _check_same_country(env, ids)
    _check_unique_names(env, ids)


def _check_same_country(env: Env, ids: Sequence[int]) -> None:
    for tax in ids:
        row = env.db.rows["account.tax"][tax]
        if env.db.rows["account.tax.group"][row["tax_group_id"]]["country_id"] not in (row["country_id"], False):
            raise ValidationError("The tax group must have the same country_id as the tax using it.")


@hook("account.tax", "written")
def _tax_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    if {"tax_group_id", "country_id"} & vals.keys():
        _check_same_country(env, ids)
    if {"name", "type_tax_use", "country_id"} & vals.keys():
        _check_unique_names(env, ids)


def _check_unique_names(env: Env, ids: Sequence[int]) -> None:
    rows = env.db.rows["account.tax"]
    for tax in ids:
        mine = rows[tax]
        if any(i != tax and all(row[name] == mine[name] for name in _NAMING) for i, row in rows.items()):
            company = env.db.rows["res.company"][mine["company_id"]]["name"]
            raise ValidationError(f"Tax names must be unique!\n- {mine['name']} in {company}")


def fiscal_position(env: Env, partner: int, delivery: int) -> int | bool:
    """The position that Odoo applies by itself: the partner's own, else the first that fits the address and the VAT
    number. Source: `account.fiscal.position._get_fiscal_position` of Odoo 19."""
    rows = env.db.rows["res.partner"]
    own = rows[delivery]["property_account_position_id"] or rows[partner]["property_account_position_id"]
    if own:
        return own
    where = env.db.rows["res.partner"][delivery]
    country = where["country_id"]
    if not country or not env.db.rows["res.partner"][partner]["country_id"]:
        return False
    has_vat = bool(env.db.rows["res.partner"][partner]["vat"])
    groups = env.db.rows["res.country"][country].get("country_group_ids") or ()
    rows = env.db.rows["account.fiscal.position"]
    for position in sorted(rows, key=lambda i: (rows[i]["sequence"], i)):
        row = rows[position]
        if not row["active"] or not row["auto_apply"] or (row["vat_required"] and not has_vat):
            continue
        if row["country_id"] and row["country_id"] != country:
            continue
        if row["country_group_id"] and row["country_group_id"] not in groups:
            continue
        if row["state_ids"] and where["state_id"] not in row["state_ids"]:
            continue
        if row["zip_from"] and row["zip_to"] and not row["zip_from"] <= (where["zip"] or "") <= row["zip_to"]:
            continue
        return position
    return False


def mapped(env: Env, position: int | bool, taxes: Sequence[int]) -> tuple[int, ...]:
    """The taxes as a fiscal position replaces them. A tax that the position does not map stays; a position without any
    taxes removes all."""
    if not position:
        return tuple(taxes)
    if not env.db.rows["account.fiscal.position"][position].get("tax_ids"):
        rows = env.db.rows["account.tax"]
        return () if any(rows[tax].get("fiscal_position_ids") for tax in taxes) else tuple(taxes)
    table = _compute_tax_map(env, position)
    out: dict[int, None] = {}
    for tax in taxes:
        out.update(dict.fromkeys(table.get(str(tax)) or [tax]))
    return tuple(out)


@method("account.fiscal.position", "map_tax")
def map_tax(env: Env, model: str, ids: Sequence[int], taxes: Sequence[int]) -> list[int]:
    """Odoo's `map_tax`: ids of taxes -> ids of the taxes under this position; no position changes nothing."""
    return list(mapped(env, ids[0] if ids else False, taxes))
