"""What every Odoo database has: external ids, modules, countries, currencies, languages, companies, users.

What belongs here: their declarations. What does not: contacts (contacts.py), the rows of a new database (founding.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .domains import display_name
from .orm import Env, Row, method
from .schema import Model, boolean, char, choice, day, integer, many2many, many2one, number, one2many, text

_TAKEN = (
    'duplicate key value violates unique constraint "ir_model_data_module_name_uniq_'
    'index"\nDETAIL:  Key (module, name)=({}, {}) already exists.\n'
)


def languages(env: Env) -> tuple[str, ...]:
    """Codes of the installed languages; Odoo refuses any other as a partner's language."""
    return tuple(row["code"] for row in env.db.rows["res.lang"].values() if row["active"])


def company_of(env: Env) -> int:
    """The company that a call works in: the first of the allowed companies in its context, else the user's own."""
    allowed = env.context.get("allowed_company_ids")
    return int(allowed[0]) if allowed else int(env.db.rows["res.users"][env.user]["company_id"])


def _write_named(env: Env, row: Row) -> str:
    return display_name(env, row["model"], row["res_id"]) if row["model"] in env.db.models else str(row["name"])


def _read_of_partner(name: str) -> Any:
    return lambda env, row_id: env.get("res.partner", env.get("res.users", row_id, "partner_id"), name)


def _compute_state_name(env: Env, row_id: int) -> str:
    row = env.db.rows["res.country.state"][row_id]
    return f"{row['name']} ({env.db.rows['res.country'][row['country_id']]['code']})"


def _compute_decimal_places(env: Env, row_id: int) -> int:
    return max(0, len(f"{env.get('res.currency', row_id, 'rounding'):g}".partition(".")[2]))


MODELS = (
    Model(
        "ir.model.data",
        {
            "module": char(required=True, default=""),
            "name": char(required=True, index=True),
            "model": char(required=True),
            "res_id": integer(index=True),
            "noupdate": boolean(),
            "display_name": char(compute=lambda env, i: _write_named(env, env.db.rows["ir.model.data"][i])),
            "complete_name": char(
                compute=lambda env, i: f"{env.get('ir.model.data', i, 'module')}.{env.get('ir.model.data', i, 'name')}"
            ),
        },
        order="module, model, name",
        unique=((("module", "name"), _TAKEN),),
        title="External Identifiers",
    ),
    Model("ir.model", {"model": char(required=True, index=True), "name": char(required=True)}, order="model",
          title="Models"),
    Model("ir.module.module", {"name": char(required=True), "state": choice("uninstalled", "installed"),
                               "latest_version": char(), "shortdesc": char()}, order="name", title="Module"),
    Model("res.country", {
        "name": char(required=True),
        "code": char(required=True, index=True),
        "vat_label": char(),
        "currency_id": many2one("res.currency"),
        "state_ids": one2many("res.country.state", "country_id"),
        "country_group_ids": many2many("res.country.group", "country_ids"),
    }, order="name", search_names=("name", "code"), title="Country"),
    Model("res.country.group", {"name": char(required=True), "code": char(),
                                "country_ids": many2many("res.country", "country_group_ids")}, title="Country Group"),
    Model("res.country.state", {
        "country_id": many2one("res.country", required=True),
        "name": char(required=True),
        "code": char(required=True, index=True),
        "display_name": char(compute=_compute_state_name),
    }, order="code", title="Country state"),
    Model("res.currency", {
        "name": char(required=True),
        "full_name": char(),
        "symbol": char(required=True),
        "rounding": number(default=0.01),
        "decimal_places": integer(compute=_compute_decimal_places),
        "position": choice("after", "before", default="after"),
        "active": boolean(default=True),
    }, order="active desc, name", unique=((("name",), "The currency code must be "
                                           "unique!"),), title="Currency"),
    Model("res.currency.rate", {
        "name": day(required=True),
        "rate": number(default=1.0),
        "currency_id": many2one("res.currency", required=True),
        "company_id": many2one("res.company", default=company_of),
    }, order="name desc, id", title="Currency Rate"),
    Model("res.lang", {"name": char(required=True), "code": char(required=True), "active": boolean(default=True)},
          order="active desc,name", title="Languages"),
    Model("res.company", {
        "name": char(required=True),
        "partner_id": many2one("res.partner", required=True),
        "currency_id": many2one("res.currency", required=True),
        "country_id": many2one("res.country"),
        "account_fiscal_country_id": many2one("res.country"),
        "tax_calculation_rounding_method": choice("round_per_line", "round_globally", default="round_per_line"),
        "account_sale_tax_id": many2one("account.tax"),
        "chart_template": char(),
        "account_price_include": choice("tax_included", "tax_excluded", default="tax_excluded"),
        "vat": char(),
        "stock_text_confirmation": boolean(default=True),  # as module stock_sms sets it when it is installed
        "has_received_warning_stock_sms": boolean(),
        "parent_id": many2one("res.company"),
        "sequence": integer(default=10),
        "active": boolean(default=True),
    }, order="sequence, name", title="Companies"),
    Model("res.users", {
        "login": char(required=True),
        "active": boolean(default=True),
        "partner_id": many2one("res.partner", required=True),
        "company_id": many2one("res.company", required=True),
        "company_ids": many2many("res.company"),
        "name": char(compute=_read_of_partner("name")),
        "email": char(compute=_read_of_partner("email")),
        "lang": char(compute=_read_of_partner("lang")),
        "tz": char(compute=_read_of_partner("tz")),
        "share": boolean(),
        "group_ids": many2many("res.groups"),
    }, order="login", search_names=("login",), title="User",
        unique=((("login",), "You can not have two users with the same login!"),)),
    Model("res.groups", {"name": char(required=True), "comment": text()}, title="Access Groups"),
)  # fmt: skip


@method("res.users", "context_get", of_model=True)
def context_get(env: Env, model: str) -> Row:
    """Language, time zone and id of the user, as clients ask for them after the login."""
    partner = env.db.rows["res.users"][env.user]["partner_id"]
    return {"lang": env.get("res.partner", partner, "lang"), "tz": env.get("res.partner", partner, "tz"),
            "uid": env.user}  # fmt: skip


@method("res.users", "has_group")
def has_group(env: Env, model: str, ids: Sequence[int], group_ext_id: str) -> bool:
    """Whether the user is in a group. The stand-in keeps rights by model (`rights` of a user) and no groups, so a user
    without limits counts as in all groups, any other as in none."""
    return not any(env.db.rows["res.users"][user].get("rights") for user in ids)
