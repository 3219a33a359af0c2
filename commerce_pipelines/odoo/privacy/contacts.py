"""What Odoo holds of a person: contacts, and the documents that decide whether these may go.

    e-mail address ─┐
    subject's id  ──┼─▶ contacts ─▶ their addresses (children) ─▶ orders, transfers, invoices, bank accounts
    sale orders   ──┘

Archived records are found too. A guest's orders belong to a contact that all guests share: of these only the order's
own addresses are the person's.

What belongs here: these look-ups, in bulk. What does not: which of it may go (domain/privacy/erasure.py), writing
(anonymising.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

import msgspec

from ...domain.privacy.erasure import Contact, Invoice, Transfer
from ..partners.matching import match_emails, read_companies
from ..rpc.client import OdooClient
from ..rpc.load import ids_that_begin, names_of
from ..rpc.search_read import fetch

_GUEST = "partner_guest_"
_DOCUMENTS = ("application/pdf", "application/xml", "text/xml")
_SHARED = ("user_ids", "supplier_rank", "commercial_partner_id", "parent_id", "is_company")


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """One sale.order of a person. is_ours: it came from a channel. to_invoice: Odoo would invoice some of it now."""

    odoo_id: int
    name: str
    state: str
    is_ours: bool
    to_invoice: bool


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that Odoo holds of a person, by kind of record."""

    contacts: tuple[Contact, ...] = ()
    sales: tuple[Sale, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    transfer_ids: tuple[int, ...] = ()
    invoices: tuple[Invoice, ...] = ()


def find_contacts(
    client: OdooClient, emails: Collection[str], subjects: Collection[str], sale_ids: Collection[int]
) -> set[int]:
    """Ids of a person's contacts with their addresses. emails: comparable form. subjects: hex ids."""
    everywhere = {**client.who.everywhere, "active_test": False}
    ids: set[int] = set()
    if emails:
        ids |= set(client.call("res.partner", "search", domain=match_emails(emails), context=everywhere))
    for subject in subjects:
        ids |= ids_that_begin(client, "res.partner", f"partner_{subject}")
    named = ["partner_id", "partner_invoice_id", "partner_shipping_id"]
    for row in fetch(client, "sale.order", [["id", "in", sorted(sale_ids)]], named, context=everywhere):
        ids |= {row[field] for field in named if row[field]}
    ids -= _list_shared(client, ids)
    if not ids:
        return set()
    # A contact of a company has an address and a name of its own: another person.
    domain = [["id", "child_of", sorted(ids)], "|", ["id", "in", sorted(ids)], ["type", "!=", "contact"]]
    return set(client.call("res.partner", "search", domain=domain, context=everywhere))


def find_sales(client: OdooClient, contacts: Collection[int]) -> list[Sale]:
    """Sale orders in which any of these contacts stands."""
    wanted = sorted(contacts)
    if not wanted:
        return []
    domain = [
        "|",
        "|",
        *([field, "in", wanted] for field in ("partner_id", "partner_invoice_id", "partner_shipping_id")),
    ]
    rows = fetch(client, "sale.order", domain, ["name", "state", "invoice_status"], context=_look_everywhere(client))
    ours = names_of(client, "sale.order", [row["id"] for row in rows])
    return [
        Sale(
            odoo_id=row["id"], name=row["name"], state=row["state"], is_ours=row["id"] in ours,
            to_invoice=row["invoice_status"] == "to invoice",
        )
        for row in rows
    ]  # fmt: skip


def read_holdings(client: OdooClient, contacts: Collection[int]) -> Holdings:
    """What decides over these contacts. Ten calls at most, whatever their number."""
    wanted = sorted(contacts)
    if not wanted:
        return Holdings()
    sales = find_sales(client, wanted)
    by_contact = _read_foreign_sales(client, wanted, {sale.odoo_id: sale for sale in sales if not sale.is_ours})
    banks = _group_banks(client, wanted)
    own = set(read_companies(client))
    people = [
        Contact(
            partner_id=row["id"], protected=_explain_protection(row, own), banks=tuple(banks.get(row["id"], ())),
            elsewhere=tuple(by_contact.get(row["id"], ())),
        )
        for row in fetch(client, "res.partner", [["id", "in", wanted]], _SHARED, context=_look_everywhere(client))
    ]  # fmt: skip
    # What belongs to a contact that is left alone is left alone, too.
    buyers = [contact.partner_id for contact in people if not (contact.protected or contact.elsewhere)]
    transfers = _read_transfers(client, buyers, [sale.odoo_id for sale in sales if sale.is_ours])
    return Holdings(
        contacts=tuple(people),
        sales=tuple(sales),
        transfers=tuple(Transfer(row["name"], row["state"]) for row in transfers),
        transfer_ids=tuple(row["id"] for row in transfers),
        invoices=tuple(_read_invoices(client, buyers)),
    )


def _look_everywhere(client: OdooClient) -> dict[str, Any]:
    return {**client.who.everywhere, "active_test": False}


def _list_shared(client: OdooClient, ids: Iterable[int]) -> set[int]:
    """Those of these contacts that all guests share."""
    names = names_of(client, "res.partner", ids)
    return {partner_id for partner_id, name in names.items() if _GUEST in name}


def _explain_protection(row: dict[str, Any], own: set[int]) -> str:
    """Why a contact is nobody whom an erasure may touch."""
    if row["user_ids"]:
        return "user"
    if row["id"] in own or row["commercial_partner_id"] in own:
        return "company"
    return "supplier" if row["supplier_rank"] else ""


def _read_foreign_sales(client: OdooClient, contacts: list[int], foreign: dict[int, Sale]) -> dict[int, list[str]]:
    """Names of orders that came from no channel, by contact."""
    if not foreign:
        return {}
    named = ["partner_id", "partner_invoice_id", "partner_shipping_id"]
    rows = fetch(client, "sale.order", [["id", "in", sorted(foreign)]], named, context=_look_everywhere(client))
    names: dict[int, list[str]] = {}
    for row in rows:
        for partner_id in {row[field] for field in named} & set(contacts):
            names.setdefault(partner_id, []).append(foreign[row["id"]].name)
    return names


def _group_banks(client: OdooClient, contacts: list[int]) -> dict[int, list[int]]:
    rows = fetch(
        client, "res.partner.bank", [["partner_id", "in", contacts]], ["partner_id", "acc_number"],
        context=_look_everywhere(client),
    )  # fmt: skip
    banks: dict[int, list[int]] = {}
    for row in rows:
        if not str(row["acc_number"] or "").startswith("ERASED"):
            banks.setdefault(row["partner_id"], []).append(row["id"])
    return banks


def _read_transfers(client: OdooClient, contacts: list[int], sale_ids: list[int]) -> list[dict[str, Any]]:
    """Transfers of these orders and contacts; none where Odoo keeps no stock."""
    fields = client.call("stock.picking", "fields_get", allfields=["sale_id", "partner_id"], attributes=["type"])
    domain: list[Any] = [["partner_id", "in", contacts]]
    if "sale_id" in fields and sale_ids:
        domain = ["|", *domain, ["sale_id", "in", sale_ids]]
    return fetch(client, "stock.picking", domain, ["name", "state"], context=client.who.everywhere)


def _read_invoices(client: OdooClient, contacts: list[int]) -> Iterable[Invoice]:
    rows = fetch(
        client, "account.move",
        [["partner_id", "in", contacts], ["move_type", "in", ["out_invoice", "out_refund"]]],
        ["name", "state", "partner_id", "invoice_date", "date"], context=client.who.everywhere,
    )  # fmt: skip
    documented = _find_documented(client, [row["id"] for row in rows])
    for row in rows:
        day = row["invoice_date"] or row["date"]
        yield Invoice(
            name=row["name"] or "", state=row["state"], partner_id=row["partner_id"],
            issued=date.fromisoformat(day) if day else None, documented=row["id"] in documented,
        )  # fmt: skip


def _find_documented(client: OdooClient, moves: list[int]) -> set[int]:
    if not moves:
        return set()
    rows = fetch(
        client, "ir.attachment",
        [["res_model", "=", "account.move"], ["res_id", "in", moves], ["mimetype", "in", list(_DOCUMENTS)]], ["res_id"],
    )  # fmt: skip
    return {row["res_id"] for row in rows}
