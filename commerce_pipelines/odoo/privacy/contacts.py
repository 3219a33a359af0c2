"""What Odoo holds of persons: contacts, and the documents that decide whether these may go.

    e-mail address ─┐
    subject's id  ──┼─▶ contacts ─▶ their addresses (children) ─▶ orders, transfers, invoices, bank accounts
    sale orders   ──┘

Archived records are found too. A guest's orders belong to a contact that all guests share: of these only the order's
own addresses are the person's. Each look-up is made for many persons at once and says whom it found by what.

What belongs here: these look-ups, in bulk. What does not: following them (flows/privacy/relations.py), which of it may
go (domain/privacy/erasure.py), writing (anonymising.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from typing import Any, TypeVar

import msgspec

from ...domain.keys import email_key
from ...domain.privacy.erasure import Contact, Invoice, Transfer
from ..partners.matching import match_emails, read_companies
from ..rpc.client import OdooClient
from ..rpc.load import names_of, names_that_begin
from ..rpc.search_read import fetch

T = TypeVar("T")
_GUEST, _BUYER = "partner_guest_", "partner_"
_HEX_DIGITS = 32  # of a subject's id
_DOCUMENTS = ("application/pdf", "application/xml", "text/xml")
_SHARED = ("user_ids", "supplier_rank", "commercial_partner_id", "parent_id", "is_company")
_NAMED = ("partner_id", "partner_invoice_id", "partner_shipping_id")  # contacts of a sale order


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """One sale.order of a person. is_ours: it came from a channel. to_invoice: Odoo would invoice some of it now.
    contacts: whom it names as customer, recipient of the invoice and of the goods."""

    odoo_id: int
    name: str
    state: str
    is_ours: bool
    to_invoice: bool
    contacts: tuple[int, ...]


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that Odoo holds of a person, by kind of record."""

    contacts: tuple[Contact, ...] = ()
    sales: tuple[Sale, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    transfer_ids: tuple[int, ...] = ()
    invoices: tuple[Invoice, ...] = ()


def find_by_emails(client: OdooClient, emails: Collection[str]) -> set[tuple[str, int]]:
    """Contacts by e-mail address, in the form of `email_key`."""
    if not emails:
        return set()
    rows = fetch(client, "res.partner", match_emails(emails), ["email_normalized"], context=_look_everywhere(client))
    return {(email_key(row["email_normalized"]), row["id"]) for row in rows}


def find_by_subjects(client: OdooClient, subjects: Collection[str]) -> set[tuple[str, int]]:
    """Contacts that were made for these subjects, by hex id."""
    names = names_that_begin(client, "res.partner", [f"{_BUYER}{subject}" for subject in subjects])
    return {(name[len(_BUYER) :][:_HEX_DIGITS], partner_id) for partner_id, name in names.items()}


def find_on_sales(client: OdooClient, sale_ids: Collection[int]) -> set[tuple[int, int]]:
    """Contacts that these sale orders name: (sale order, contact)."""
    if not sale_ids:
        return set()
    rows = fetch(client, "sale.order", [["id", "in", sorted(sale_ids)]], _NAMED, context=_look_everywhere(client))
    return {(row["id"], row[field]) for row in rows for field in _NAMED if row[field]}


def find_addresses(client: OdooClient, contacts: Collection[int]) -> set[tuple[int, int]]:
    """Addresses of these contacts: (contact, address). A contact of a company has an address and a name of its own:
    another person."""
    if not contacts:
        return set()
    domain = [["parent_id", "in", sorted(contacts)], ["type", "!=", "contact"]]
    rows = fetch(client, "res.partner", domain, ["parent_id"], context=_look_everywhere(client))
    return {(row["parent_id"], row["id"]) for row in rows}


def list_shared(client: OdooClient, contacts: Iterable[int]) -> set[int]:
    """Those of these contacts that all guests share."""
    names = names_of(client, "res.partner", contacts)
    return {partner_id for partner_id, name in names.items() if _GUEST in name}


def find_sales(client: OdooClient, contacts: Collection[int]) -> list[Sale]:
    """Sale orders in which any of these contacts stands."""
    wanted = sorted(contacts)
    if not wanted:
        return []
    domain = ["|", "|", *([field, "in", wanted] for field in _NAMED)]
    fields = ["name", "state", "invoice_status", *_NAMED]
    rows = fetch(client, "sale.order", domain, fields, context=_look_everywhere(client))
    ours = names_of(client, "sale.order", [row["id"] for row in rows])
    return [
        Sale(
            odoo_id=row["id"], name=row["name"], state=row["state"], is_ours=row["id"] in ours,
            to_invoice=row["invoice_status"] == "to invoice",
            contacts=tuple(sorted({row[field] for field in _NAMED if row[field]})),
        )
        for row in rows
    ]  # fmt: skip


def read_holdings(client: OdooClient, contacts: Collection[int]) -> Holdings:
    """What decides over these contacts."""
    [holdings] = read_all_holdings(client, [contacts])
    return holdings


def read_all_holdings(client: OdooClient, persons: Sequence[Collection[int]]) -> list[Holdings]:
    """The same for each of these persons, given by their contacts. Ten calls at most, whatever their number."""
    wanted = sorted(set().union(*persons))
    if not wanted:
        return [Holdings() for _ in persons]
    sales = find_sales(client, wanted)
    contacts = {contact.partner_id: contact for contact in _read_contacts(client, wanted, sales)}
    # What belongs to a contact that is left alone is left alone, too.
    buyers = {number for number, contact in contacts.items() if not (contact.protected or contact.elsewhere)}
    transfers = _read_transfers(client, sorted(buyers), [sale.odoo_id for sale in sales if sale.is_ours])
    sales_of = _index(sales, lambda sale: sale.contacts)
    transfers_to = _index(transfers, lambda row: [row["partner_id"]])
    transfers_of = _index(transfers, lambda row: [row.get("sale_id")])
    invoices_of = _index(_read_invoices(client, sorted(buyers)), lambda invoice: [invoice.partner_id])
    result = []
    for person in persons:
        own = [sale for _, sale in sorted({sale.odoo_id: sale for sale in _pick(sales_of, person)}.items())]
        moved = [*_pick(transfers_to, buyers & set(person)),
                 *_pick(transfers_of, [sale.odoo_id for sale in own if sale.is_ours])]  # fmt: skip
        rows = [row for _, row in sorted({row["id"]: row for row in moved}.items())]
        result.append(
            Holdings(
                contacts=tuple(contacts[number] for number in sorted(person) if number in contacts),
                sales=tuple(own),
                transfers=tuple(Transfer(row["name"], row["state"]) for row in rows),
                transfer_ids=tuple(row["id"] for row in rows),
                invoices=tuple(_pick(invoices_of, sorted(buyers & set(person)))),
            )
        )
    return result


def _index(rows: Iterable[T], keys: Callable[[T], Iterable[Any]]) -> dict[Any, list[T]]:
    index: dict[Any, list[T]] = {}
    for row in rows:
        for key in keys(row):
            index.setdefault(key, []).append(row)
    return index


def _pick(index: dict[Any, list[T]], keys: Iterable[Any]) -> list[T]:
    return [row for key in keys for row in index.get(key, ())]


def _look_everywhere(client: OdooClient) -> dict[str, Any]:
    return {**client.who.everywhere, "active_test": False}


def _read_contacts(client: OdooClient, wanted: list[int], sales: Sequence[Sale]) -> list[Contact]:
    elsewhere = _index([sale for sale in sales if not sale.is_ours], lambda sale: sale.contacts)
    banks = _group_banks(client, wanted)
    own = set(read_companies(client))
    return [
        Contact(
            partner_id=row["id"], protected=_explain_protection(row, own), banks=tuple(banks.get(row["id"], ())),
            elsewhere=tuple(sale.name for sale in elsewhere.get(row["id"], ())),
        )
        for row in fetch(client, "res.partner", [["id", "in", wanted]], _SHARED, context=_look_everywhere(client))
    ]  # fmt: skip


def _explain_protection(row: dict[str, Any], own: set[int]) -> str:
    """Why a contact is nobody whom an erasure may touch."""
    if row["user_ids"]:
        return "user"
    if row["id"] in own or row["commercial_partner_id"] in own:
        return "company"
    return "supplier" if row["supplier_rank"] else ""


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
    named = ["name", "state", "partner_id", *({"sale_id"} & set(fields))]
    return fetch(client, "stock.picking", domain, named, context=client.who.everywhere)


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
