"""Making contacts anonymous in Odoo, in the order that Odoo allows.

    1. names and addresses are overwritten, the contact is archived     one write, without tracking: Odoo would keep
                                                                        the old values otherwise
    2. messages, attachments, followers, activities go                  Odoo refuses this while the contact is in use
    3. notes that invoices took over from orders go, then those on the orders

What belongs here: these calls. What does not: which contacts (domain/privacy/erasure.py). Attachments of invoices stay:
they are what the law keeps. Every step may be repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from ...domain.privacy.erasure import Kept
from ..rpc.client import OdooClient
from ..rpc.search_read import fetch
from .contacts import Holdings

CONTEXT = {"tracking_disable": True, "no_vat_validation": True, "active_test": False}
ERASED = "Erased"  # the same for all, so that it distinguishes nobody
# Of a contact whose invoices keep name and address: what no invoice shows.
_BESIDES: dict[str, Any] = {"email": False, "phone": False, "ref": False, "comment": False, "active": False}
_ALL: dict[str, Any] = {
    **_BESIDES, "name": ERASED, "street": False, "street2": False, "zip": False, "city": False, "state_id": False,
    "vat": False,
}  # fmt: skip
_OPTIONAL = ("website", "company_name", "function", "image_1920", "category_id")
# What belongs to a record by model and id, with the models whose records of a person are cleared of it.
_ATTACHED = (
    ("mail.message", "model"), ("ir.attachment", "res_model"), ("mail.activity", "res_model"),
)  # fmt: skip
_A_CALL = 500


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """How much went: contacts made anonymous, those that keep name and address, and records deleted by model.
    texts_left: numbers of invoices whose text the pipelines' user may not clear."""

    anonymised: int
    restricted: int
    deleted: dict[str, int]
    texts_left: tuple[str, ...] = ()


def anonymise(client: OdooClient, contacts: Sequence[int], kept: Sequence[Kept], holdings: Holdings) -> Cleared:
    """Carry it out. Raises what a call of Odoo raises; what was done until then stays, and a repetition goes on."""
    fields = _list_fields(client)
    more = {name: _write_nothing(name) for name in _OPTIONAL if name in fields}
    _write_contacts(client, contacts, {**_ALL, **more})
    restricted = [reason.partner_id for reason in kept]
    _write_contacts(client, restricted, {**_BESIDES, **more})
    persons = [*contacts, *restricted]
    ours = [sale.odoo_id for sale in holdings.sales if sale.is_ours]
    records = {"res.partner": persons, "sale.order": ours, "stock.picking": list(holdings.transfer_ids)}
    deleted = {model: _delete_attached(client, model, of, records) for model, of in _ATTACHED}
    deleted["mail.followers"] = sum(_remove_followers(client, model, ids) for model, ids in records.items())
    notes = _read_notes(client, ours)
    texts_left = _clear_invoice_texts(client, contacts, restricted, set(notes.values()))
    _clear_notes(client, list(notes))
    return Cleared(
        anonymised=len(contacts), restricted=len(restricted),
        deleted={model: count for model, count in deleted.items() if count}, texts_left=texts_left,
    )  # fmt: skip


def _list_fields(client: OdooClient) -> Collection[str]:
    fields: dict[str, Any] = client.call("res.partner", "fields_get", allfields=list(_OPTIONAL), attributes=["type"])
    return fields


def _write_nothing(name: str) -> Any:
    return [[5, 0, 0]] if name == "category_id" else False


def _write_contacts(client: OdooClient, ids: Sequence[int], values: dict[str, Any]) -> None:
    for start in range(0, len(ids), _A_CALL):
        part = list(ids[start : start + _A_CALL])
        client.call("res.partner", "write", ids=part, vals=values, context={**client.who.everywhere, **CONTEXT})


def _delete_attached(client: OdooClient, model: str, of: str, records: dict[str, list[int]]) -> int:
    """Delete what hangs on these records; returns how many went."""
    count = 0
    context = {**client.who.everywhere, **CONTEXT}
    # With archived records in sight, Odoo protects notices about an archived contact as it does those of one in use.
    in_use = {**context, "active_test": True}
    for name, ids in records.items():
        if not ids:
            continue
        domain = [[of, "=", name], ["res_id", "in", sorted(ids)]]
        hanging = [row["id"] for row in fetch(client, model, domain, ["id"], context=context)]
        for start in range(0, len(hanging), _A_CALL):
            client.call(model, "unlink", ids=hanging[start : start + _A_CALL], context=in_use)
        count += len(hanging)
    return count


def _remove_followers(client: OdooClient, model: str, ids: Sequence[int]) -> int:
    """Only administrators may delete rows of followers; the records' own method may be called by whoever may write to
    them. Returns how many went."""
    context = {**client.who.everywhere, **CONTEXT}
    domain = [["res_model", "=", model], ["res_id", "in", sorted(ids)]]
    rows = fetch(client, "mail.followers", domain, ["res_id", "partner_id"], context=context) if ids else []
    for start in range(0, len(rows), _A_CALL):
        part = rows[start : start + _A_CALL]
        records = sorted({row["res_id"] for row in part})
        partners = sorted({row["partner_id"] for row in part})
        client.call(model, "message_unsubscribe", ids=records, partner_ids=partners, context=context)
    return len(rows)


def _read_notes(client: OdooClient, sales: Sequence[int]) -> dict[int, str]:
    """Notes of the orders that have one, or a signature."""
    if not sales:
        return {}
    domain = [["id", "in", sorted(sales)], "|", ["note", "!=", False], ["signed_by", "!=", False]]
    rows = fetch(client, "sale.order", domain, ["note"], context={**client.who.everywhere, **CONTEXT})
    return {row["id"]: row["note"] or "" for row in rows}


def _clear_notes(client: OdooClient, sales: Sequence[int]) -> None:
    if sales:
        context = {**client.who.everywhere, **CONTEXT}
        client.call("sale.order", "write", ids=sales, vals={"note": False, "signed_by": False}, context=context)


def _clear_invoice_texts(
    client: OdooClient, contacts: Sequence[int], restricted: Collection[int], notes: Collection[str]
) -> tuple[str, ...]:  # fmt: skip
    """An invoice begins with its order's note as its text. Of invoices that keep their recipient only such a text goes,
    because they are the document; of the others, whose documents are attached or need not be kept, any text."""
    context = {**client.who.everywhere, **CONTEXT}
    domain = [["partner_id", "in", [*contacts, *restricted]], ["narration", "!=", False]]
    rows = fetch(client, "account.move", domain, ["name", "partner_id", "narration"], context=context)
    rows = [row for row in rows if row["partner_id"] not in restricted or row["narration"] in notes]
    if not rows:
        return ()
    if not client.call("account.move", "has_access", ids=[], operation="write"):
        return tuple(row["name"] for row in rows)
    client.call("account.move", "write", ids=[row["id"] for row in rows], vals={"narration": False}, context=context)
    return ()
