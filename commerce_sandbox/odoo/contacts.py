"""Partners: people and companies with their addresses.

What belongs here: res.partner, its normalised e-mail, the check of VAT numbers as module base_vat makes it. What does
not: users and countries (base.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from email.utils import getaddresses
from typing import Any

from stdnum.util import get_cc_module

from .base import languages
from .countries import EUROPEAN_UNION
from .errors import ConstraintError, ValidationError
from .orm import Env, Row, hook
from .schema import Model, boolean, char, choice, day, integer, many2many, many2one, one2many, text

TYPES = ("contact", "invoice", "delivery", "other")
_LABELS = {"invoice": "Invoice", "delivery": "Delivery", "other": "Other"}
_EMAIL = re.compile(r"^[^\s@,;<>\"]+@[^\s@,;<>\"]+\.[^\s@,;<>\"]+$")
# Countries whose VAT numbers carry the country's letters, and the letters that differ from the country's code.
_PREFIXED = frozenset({*EUROPEAN_UNION, "CH", "NO", "GB", "SM"})
_LETTERS = {"EL": "GR", "XI": "GB"}
_EXAMPLES = {
    "AT": "ATU12345675", "BE": "BE0477472701",
    "CH": "CHE-123.456.788 TVA or CHE-123.456.788 MWST or CHE-123.456.788 IVA",
    "DE": "DE123456788 or 12/345/67890", "DK": "DK12345674", "ES": "ESA12345674", "FR": "FR23334175221",
    "GB": "GB123456782 or XI123456782", "IT": "IT12345670017", "NL": "NL123456782B90", "NO": "NO123456785",
    "PL": "PL1234567883", "SE": "SE123456789701",
}  # fmt: skip


def _compute_display(env: Env, row_id: int) -> str:
    row = env.db.rows["res.partner"][row_id]
    name = row["name"] or _LABELS.get(row["type"], "")
    parent = row["parent_id"]
    if parent and not row["is_company"]:
        return f"{env.db.rows['res.partner'][parent]['name']}, {name}"
    return str(name)


def commercial(env: Env, row_id: int) -> int:
    """The company that a contact belongs to; the contact itself if it has none."""
    row = env.db.rows["res.partner"][row_id]
    return row_id if row["is_company"] or not row["parent_id"] else commercial(env, row["parent_id"])


def _compute_company_name(env: Env, row_id: int) -> Any:
    head = env.db.rows["res.partner"][commercial(env, row_id)]
    return head["name"] if head["is_company"] else env.db.rows["res.partner"][row_id]["company_name"]


def address(env: Env, row_id: int, kind: str) -> int:
    """The partner's address of a type (`invoice`, `delivery`): the first child of that type, else the partner."""
    if env.db.rows["res.partner"][row_id]["type"] == kind:
        return row_id
    for child in env.get("res.partner", commercial(env, row_id), "child_ids"):
        if env.db.rows["res.partner"][child]["type"] == kind:
            return child
    return row_id


def _compute_shared(env: Env, row_id: int) -> bool:
    """Whether the partner is not the partner of an internal user."""
    users = env.db.rows["res.users"]
    return all(users[i].get("share") for i in env.db.referring("res.users", "partner_id", row_id))


def _compute_orders(env: Env, row_id: int) -> tuple[int, ...]:
    return tuple(env.db.referring("sale.order", "partner_id", row_id))


MODELS = (
    Model("mail.activity.type", {"name": char(required=True), "active": boolean(default=True)}, title="Activity Type"),
    Model(
        "mail.activity",
        {
            "res_model_id": many2one("ir.model", required=True),
            "res_model": char(
                compute=lambda env, i: env.get("ir.model", env.get("mail.activity", i, "res_model_id"), "model")
            ),
            "res_id": integer(index=True),
            "activity_type_id": many2one("mail.activity.type"),
            "user_id": many2one("res.users", default=lambda env: env.user),
            "summary": char(),
            "note": text(),
            "date_deadline": day(default=lambda env: env.stamp[:10], required=True),
            "active": boolean(default=True),
        },
        rec_name="summary",
        title="Activity",
    ),
    Model(
        "res.partner",
        {
            "name": char(index=True),
            "display_name": char(compute=_compute_display),
            "complete_name": char(compute=_compute_display),
            "type": choice(*TYPES, default="contact", label="Address Type"),
            "parent_id": many2one("res.partner", label="Related Company"),
            "child_ids": one2many("res.partner", "parent_id"),
            "is_company": boolean(),
            "commercial_partner_id": many2one("res.partner", compute=commercial),
            "commercial_company_name": char(compute=_compute_company_name),
            "user_ids": one2many("res.users", "partner_id"),
            "ref": char(index=True),
            "lang": choice(languages, label="Language", default=lambda env: env.context.get("lang") or "en_US"),
            "tz": char(),
            "vat": char(index=True),
            "email": char(index=True),
            "email_normalized": char(readonly=True, copy=False, index=True),
            "phone": char(),
            "street": char(),
            "street2": char(),
            "zip": char(),
            "city": char(),
            "state_id": many2one("res.country.state"),
            "country_id": many2one("res.country"),
            "country_code": char(compute=lambda env, i: _find_country(env, env.get("res.partner", i, "country_id"))),
            "website": char(),
            "function": char(),
            "comment": text(),
            "category_id": many2many("res.partner.category"),
            "company_id": many2one("res.company"),
            "company_name": char(),
            "user_id": many2one("res.users"),
            "partner_share": boolean(compute=_compute_shared),
            "barcode": char(),
            "color": integer(),
            "active": boolean(default=True),
            "customer_rank": integer(),
            "supplier_rank": integer(),
            "property_product_pricelist": many2one("product.pricelist"),
            "property_account_position_id": many2one("account.fiscal.position"),
            "sale_order_ids": one2many("sale.order", "partner_id", compute=_compute_orders),
            "sale_order_count": integer(compute=lambda env, i: len(_compute_orders(env, i))),
        },
        order="complete_name, id desc",
        search_names=("complete_name", "email", "ref", "vat"),
        title="Contact",
    ),
    Model("res.partner.category", {"name": char(required=True), "active": boolean(default=True)}, title="Partner Tags"),
)


def _find_country(env: Env, country: Any) -> Any:
    return env.db.rows["res.country"][country]["code"] if country else False


@hook("res.partner", "created")
def _created(env: Env, ids: Sequence[int]) -> None:
    for row_id in ids:
        row = env.db.rows["res.partner"][row_id]
        if row["type"] == "contact" and not row["name"]:
            raise ConstraintError("Contacts require a name")
        _settle(env, row_id, row)


@hook("res.partner", "written")
def _written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    if {"name", "type"} & vals.keys():
        rows = env.db.rows["res.partner"]
        if any(rows[i]["type"] == "contact" and not rows[i]["name"] for i in ids):
            raise ConstraintError("Contacts require a name")
    if {"email", "vat", "country_id", "parent_id"} & vals.keys():
        for row_id in ids:
            _settle(env, row_id, vals)


def _settle(env: Env, row_id: int, changed: Mapping[str, Any]) -> None:
    """After a write: derive the normalised e-mail address, check the VAT number, and copy it to the contacts of a
    company."""
    row = env.db.rows["res.partner"][row_id]
    derived: Row = {"email_normalized": normalized(row["email"])}
    head = commercial(env, row_id)
    if head != row_id and changed.get("parent_id"):
        derived["vat"] = env.db.rows["res.partner"][head]["vat"]
    elif row["vat"] and {"vat", "country_id"} & changed.keys():
        derived["vat"] = checked_vat(env, row["vat"], _find_country(env, row["country_id"]), row["name"])
    env.db.put("res.partner", row_id, derived)
    if "vat" in changed:
        for child in env.db.referring("res.partner", "parent_id", row_id):
            if not env.db.rows["res.partner"][child]["is_company"]:
                env.db.put("res.partner", child, {"vat": env.db.rows["res.partner"][row_id]["vat"]})


def normalized(email: Any) -> Any:
    """The e-mail address in a text, in lower case; False if the text holds none or several."""
    addresses = [part for _name, part in getaddresses([email or ""]) if _EMAIL.match(part)]
    return addresses[0].lower() if len(addresses) == 1 else False


def checked_vat(env: Env, vat: str, country: Any, name: Any) -> str:
    """The VAT number as Odoo stores it. Raises ValidationError when its form or its check digit is wrong. Source: the
    module base_vat of Odoo 19.

    Without a country nothing is checked. With the context key `no_vat_validation` any text is stored.
    """
    if not country or vat == "/":
        return vat
    if len(vat) == 1:
        raise ValidationError("To explicitly indicate no (valid) VAT, use '/' instead. ")
    letters = vat[:2].upper() if vat[:2].isalpha() else ""
    number = vat[2:].replace(" ", "") if letters else vat
    code = _LETTERS.get(letters, letters)
    foreign = bool(code in _PREFIXED and country not in _PREFIXED)
    prefix = ""
    if code in _PREFIXED and country in _PREFIXED:
        prefix, vat = letters, number
    checked = _LETTERS.get(prefix, prefix) or country
    module = get_cc_module(checked.lower(), "vat")
    vat = module.compact(vat) if module else vat
    if env.context.get("no_vat_validation") or module is None or module.is_valid(vat):
        return prefix + vat
    if foreign:
        return checked_vat(env, letters + number, code, name)
    example = _EXAMPLES.get(checked)
    note = f" \nNote: the expected format is {example}" if example else ""
    raise ValidationError(f"\nThe VAT number [{vat}] for partner [{name}] does not seem to be valid. {note}")
