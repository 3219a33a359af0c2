"""A new database: countries, currencies, a German company with chart, taxes and a warehouse, as Odoo 19 sets them up.

What belongs here: the rows that every stand-in database begins with, and users. What does not: products, teams and
channels of the demo's merchant (merchant.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from . import (
    accounting,
    attached,
    base,
    contacts,
    invoices,
    packages,
    payments,
    pictures,
    products,
    returning,
    sales,
    stock,
)
from .base import company_of
from .countries import COUNTRIES, EUROPEAN_UNION, STATES
from .orm import Database, Env, Row, hook, method
from .records import assign_xmlid, create
from .schema import Model

MODELS: tuple[Model, ...] = (
    *base.MODELS, *contacts.MODELS, *attached.MODELS, *accounting.MODELS, *products.MODELS, *stock.MODELS,
    *packages.MODELS, *sales.MODELS, *invoices.MODELS, *payments.MODELS, *returning.MODELS, *pictures.MODELS,
)  # fmt: skip
ROBOT, ADMIN = 1, 2  # users

# code, symbol, rounding, active
CURRENCIES = (
    ("USD", "$", 0.01, True), ("EUR", "€", 0.01, True), ("GBP", "£", 0.01, True), ("CHF", "CHF", 0.01, True),
    ("PLN", "zł", 0.01, True), ("SEK", "kr", 0.01, True), ("DKK", "kr", 0.01, True), ("NOK", "kr", 0.01, True),
    ("CZK", "Kč", 0.01, True), ("HUF", "Ft", 0.01, True), ("JPY", "¥", 1.0, True), ("BHD", "BD", 0.001, True),
    ("KWD", "KD", 0.001, True), ("RON", "lei", 0.01, False), ("BGN", "лв", 0.01, False), ("TRY", "₺", 0.01, False),
    ("CAD", "$", 0.01, False), ("AUD", "$", 0.01, False), ("NZD", "$", 0.01, False), ("MXN", "$", 0.01, False),
    ("BRL", "R$", 0.01, False), ("INR", "₹", 0.01, False), ("CNY", "¥", 0.01, False), ("SGD", "S$", 0.01, False),
    ("HKD", "$", 0.01, False), ("AED", "AED", 0.01, False), ("SAR", "SR", 0.01, False), ("ZAR", "R", 0.01, False),
    ("ISK", "kr", 1.0, False), ("KRW", "₩", 1.0, False), ("CLP", "$", 1.0, False), ("TND", "DT", 0.001, False),
    ("JOD", "JD", 0.001, False), ("TWD", "NT$", 1.0, False),
)  # fmt: skip
MODULES = (
    "base", "rpc", "contacts", "sale_management", "sale_stock", "stock", "stock_account", "stock_delivery", "delivery",
    "account", "analytic", "base_vat", "l10n_de", "mrp", "sale_mrp",
)  # fmt: skip
ACCOUNTS = (
    ("8400", "Erlöse 19 % USt", "income"), ("8300", "Erlöse 7 % USt", "income"),
    ("8120", "Steuerfreie Umsätze", "income"),
    ("8125", "Steuerfreie innergem. Lieferungen", "income"),
    ("1776", "Umsatzsteuer 19 %", "liability_current"),
    ("1771", "Umsatzsteuer 7 %", "liability_current"), ("1400", "Forderungen", "asset_receivable"),
    ("1460", "Geldtransit", "asset_current"),
)  # fmt: skip
# name, amount, use, tax group, tax account
TAXES = (
    ("19%", 19.0, "sale", "VAT 19%", "1776"), ("7%", 7.0, "sale", "VAT 7%", "1771"), ("0%", 0.0, "sale", "VAT 0%", ""),
    ("19% I", 19.0, "purchase", "VAT 19%", ""), ("7% I", 7.0, "purchase", "VAT 7%", ""),
    ("0% EU D", 0.0, "sale", "VAT 0%", ""), ("0% EX", 0.0, "sale", "VAT 0%", ""),
)  # fmt: skip


def create_database(
    name: str,
    *,
    company: str = "Muster Handels GmbH",
    modules: Sequence[str] = MODULES,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Database, Env]:
    """A database with a German company, and an environment of its system user to fill it further.

    Two users: OdooBot, who cannot log in, and admin with the password and API key `admin`. Taxes are rounded globally,
    which is what Odoo sets for the German charts.
    """
    db = Database(name, MODELS, now)
    db.rows["res.users"][ROBOT] = {"login": "__system__", "active": False, "company_id": 1, "partner_id": 2}
    db.sequences["id:res.users"] = ROBOT
    env = Env(db, ROBOT, {"lang": "en_US"}, sudo=True)
    create(env, "ir.module.module", [{"name": module, "state": "installed"} for module in modules])
    create(env, "ir.model", [{"model": model.name, "name": model.title} for model in MODELS])
    assign_xmlid(env, "sale.model_sale_order", "ir.model", env.db.referring("ir.model", "model", "sale.order")[0])
    warning = create(env, "mail.activity.type", [{"name": "Exception"}])[0]
    assign_xmlid(env, "mail.mail_activity_data_warning", "mail.activity.type", warning)
    note = create(env, "mail.message.subtype", [{"name": "Note"}])[0]
    assign_xmlid(env, "mail.mt_note", "mail.message.subtype", note)
    create(env, "res.lang", [{"name": "English (US)", "code": "en_US"}])
    _create_currencies_and_countries(env)
    _create_company(env, company)
    add_user(env, "admin", "admin", partner="Administrator")
    _create_bookkeeping(env)
    create(env, "account.analytic.plan", {"name": "Project"})
    _create_goods(env)
    db.commit()
    return db, env


def add_user(
    env: Env, login: str, password: str, *, partner: str = "", rights: Mapping[str, Sequence[str]] | None = None
) -> int:
    """A user who may log in; returns the id. rights: model (or `*` for all others) -> letters of read, write, create,
    unlink; None: the user may do everything."""
    contact = create(env, "res.partner", {"name": partner or login.capitalize()})[0]
    vals = {"login": login, "company_id": 1, "company_ids": [[6, 0, [1]]], "partner_id": contact}
    user = int(create(env, "res.users", vals)[0])
    env.db.rows["res.users"][user].update(secret=password, rights=dict(rights) if rights else None)
    return user


def _create_currencies_and_countries(env: Env) -> None:
    create(env, "res.currency", [
        {"name": code, "symbol": symbol, "rounding": rounding, "active": active}
        for code, symbol, rounding, active in CURRENCIES
    ])  # fmt: skip
    euro = env.db.by_key("res.currency", ("name",), ("EUR",))
    ids = create(env, "res.country", [
        {"name": name, "code": code, "currency_id": euro if code in EUROPEAN_UNION else False}
        for code, name in COUNTRIES.items()
    ])  # fmt: skip
    by_code = dict(zip(COUNTRIES, ids, strict=True))
    members = [[6, 0, [by_code[code] for code in EUROPEAN_UNION]]]
    create(env, "res.country.group", [
        {"name": name, "code": code, "country_ids": members}
        for name, code in (("European Union", "EU"), ("European Union VAT", "EU-VAT"))
    ])  # fmt: skip
    create(env, "res.country.state", [
        {"country_id": by_code[country], "code": code, "name": name}
        for country, states in STATES.items() for code, name in states.items()
    ])  # fmt: skip


def country(env: Env, code: str) -> int:
    """The id of the country with this ISO code. Raises IndexError if there is none."""
    return env.db.referring("res.country", "code", code)[0]


def _create_company(env: Env, name: str) -> None:
    germany, euro = country(env, "DE"), env.db.by_key("res.currency", ("name",), ("EUR",))
    where = {"street": "Lagerstraße 1", "zip": "10115", "city": "Berlin", "country_id": germany, "is_company": True}
    partner = create(env, "res.partner", {"name": name, **where})[0]
    create(env, "res.partner", {"name": "OdooBot", "active": False})
    vals = {"name": name, "partner_id": partner, "currency_id": euro, "country_id": germany}
    vals |= {"account_fiscal_country_id": germany, "tax_calculation_rounding_method": "round_globally"}
    company = create(env, "res.company", vals)[0]
    assign_xmlid(env, "base.main_company", "res.company", company)


@hook("res.company", "defaults")
def _company_defaults(env: Env, vals: Row) -> None:
    vals.setdefault("currency_id", env.db.by_key("res.currency", ("name",), ("EUR",)))
    if not vals.get("partner_id"):
        vals["partner_id"] = create(env, "res.partner", {"name": vals["name"], "is_company": True})[0]
    vals.setdefault("account_fiscal_country_id", vals.get("country_id", False))


@hook("res.company", "created")
def _company_created(env: Env, ids: Sequence[int]) -> None:
    """A user who creates a company may enter it. As in Odoo, it has no chart of accounts and no warehouse yet."""
    there = env.db.rows["res.users"][env.user].get("company_ids") or ()
    env.db.put("res.users", env.user, {"company_ids": (*there, *(company for company in ids if company not in there))})


@method("account.chart.template", "try_loading")
def try_loading(
    env: Env, model: str, ids: Sequence[int], template_code: str, company: int, install_demo: bool = False
) -> None:
    """Odoo's `account.chart.template.try_loading`: loads the German chart, whichever chart is asked for."""
    env.db.put("res.company", company, {"tax_calculation_rounding_method": "round_globally"})
    _create_bookkeeping(env.having(sudo=True, allowed_company_ids=[company]))


def _create_bookkeeping(env: Env) -> None:
    accounts = dict(zip(
        (code for code, _name, _kind in ACCOUNTS),
        create(env, "account.account", [{"code": code, "name": name, "account_type": kind}
                                        for code, name, kind in ACCOUNTS]),
        strict=True,
    ))  # fmt: skip
    create(env, "account.journal", [
        {"name": "Sales", "code": "INV", "type": "sale", "default_account_id": accounts["8400"]},
        {"name": "Bank", "code": "BNK1", "type": "bank"},
    ])  # fmt: skip
    names = ("VAT 0%", "VAT 7%", "VAT 19%")
    groups = dict(zip(names, create(env, "account.tax.group", [{"name": name} for name in names]), strict=True))
    made: dict[str, int] = {}
    for order, (name, amount, use, group, account) in enumerate(TAXES):
        lines = [[0, 0, {"repartition_type": "base"}],
                 [0, 0, {"repartition_type": "tax", "account_id": accounts.get(account, False)}]]  # fmt: skip
        made[name] = create(env, "account.tax", {
            "name": name, "amount": amount, "type_tax_use": use, "tax_group_id": groups[group],
            "sequence": 10 + 5 * order, "invoice_label": f"{name} VAT",
            "invoice_repartition_line_ids": lines, "refund_repartition_line_ids": lines,
        })[0]  # fmt: skip
    env.db.put("res.company", company_of(env), {"chart_template": "de_skr03", "account_sale_tax_id": made["19%"]})
    europe = next(i for i, row in env.db.rows["res.country.group"].items() if row["code"] == "EU-VAT")
    germany = country(env, "DE")
    domestic = [made[name] for name in ("19%", "7%", "0%", "19% I", "7% I")]
    positions: tuple[Row, ...] = (
        {"name": "Domestic business partner", "sequence": 10, "auto_apply": True, "country_id": germany,
         "tax_ids": [[6, 0, domestic]]},
        {"name": "Business partner EU (with VAT ID)", "sequence": 20, "auto_apply": True, "vat_required": True,
         "country_group_id": europe, "tax_ids": [[6, 0, [made["0% EU D"]]]]},
        {"name": "Business partner EU (without VAT ID)", "sequence": 40},
        {"name": "Business partner abroad (non-EU)", "sequence": 50, "tax_ids": [[6, 0, [made["0% EX"]]]]},
    )  # fmt: skip
    create(env, "account.fiscal.position", positions)
    for name in ("0% EU D", "0% EX"):
        env.db.put("account.tax", made[name], {"original_tax_ids": (made["19%"], made["7%"])})


def _create_goods(env: Env) -> None:
    units = create(env, "uom.uom", [{"name": "Units", "sequence": 1}])[0]
    *_, gram, _, millimetre = create(env, "uom.uom", [
        {"name": "Pack of 6", "relative_factor": 6.0, "relative_uom_id": units},
        {"name": "Dozens", "relative_factor": 12.0, "relative_uom_id": units},
        {"name": "g"}, {"name": "Hours"}, {"name": "mm"},
    ])  # fmt: skip
    assign_xmlid(env, "uom.product_uom_unit", "uom.uom", units)
    create(env, "uom.uom", [
        {"name": "kg", "relative_factor": 1000.0, "relative_uom_id": gram},
        {"name": "m", "relative_factor": 1000.0, "relative_uom_id": millimetre},
    ])  # fmt: skip
    create(env, "product.category", [{"name": name} for name in ("Goods", "Expenses", "Services", "Deliveries")])
    create(env, "product.pricelist", {"name": "Default", "company_id": 1})
    create(env, "stock.location", [
        {"name": name, "usage": usage, "company_id": False}
        for name, usage in (("Vendors", "supplier"), ("Customers", "customer"), ("Inventory adjustment", "inventory"))
    ])  # fmt: skip
    create(env, "stock.warehouse", {"name": "WH", "code": "WH", "partner_id": 1})
    create(env, "crm.team", {"name": "Sales"})


def tax_of(env: Env, name: str) -> int:
    """The id of the tax with this name."""
    return next(i for i, row in env.db.rows["account.tax"].items() if row["name"] == name)
