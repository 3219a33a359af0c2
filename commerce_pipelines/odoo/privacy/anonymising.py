"""Making contacts of many persons anonymous in Odoo, in the order that Odoo allows.

    1. names and addresses are overwritten, the contact is archived     one write, without tracking: Odoo would keep
                                                                        the old values otherwise
    2. messages, attachments, followers, activities go                  Odoo refuses this while the contact is in use
    3. notes that invoices took over from orders go, then those on the orders

The calls are made for all persons together, by kind of record. Where Odoo refuses one, the persons are halved until the
one is alone whom it refuses; all others are done.

What belongs here: these calls. What does not: which contacts (domain/privacy/erasure.py). Attachments of invoices stay:
they are what the law keeps. Every step may be repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ...domain.privacy.erasure import Kept
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_groups
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
# What belongs to a record by model and id.
_ATTACHED = (
    ("mail.message", "model"), ("ir.attachment", "res_model"), ("mail.activity", "res_model"),
)  # fmt: skip
_A_CALL = 500


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One person. contacts: those of which nothing stays. kept: those that keep name and address."""

    contacts: Sequence[int]
    kept: Sequence[Kept]
    holdings: Holdings

    @property
    def restricted(self) -> list[int]:
        return [reason.partner_id for reason in self.kept]

    @property
    def records(self) -> Iterator[tuple[str, int]]:
        """What is cleared of whatever hangs on it: (model, record)."""
        yield from (("res.partner", partner_id) for partner_id in (*self.contacts, *self.restricted))
        yield from (("sale.order", sale_id) for sale_id in self.sales)
        yield from (("stock.picking", transfer_id) for transfer_id in self.holdings.transfer_ids)

    @property
    def sales(self) -> list[int]:
        return [sale.odoo_id for sale in self.holdings.sales if sale.is_ours]


class Cleared(msgspec.Struct, kw_only=True):
    """How much went: contacts made anonymous, those that keep name and address, and records deleted by model.
    texts_left: numbers of invoices whose text the pipelines' user may not clear."""

    anonymised: int = 0
    restricted: int = 0
    deleted: dict[str, int] = msgspec.field(default_factory=dict)
    texts_left: tuple[str, ...] = ()

    def count(self, model: str, number: int = 1) -> None:
        self.deleted[model] = self.deleted.get(model, 0) + number


def anonymise(client: OdooClient, targets: Sequence[Target]) -> tuple[list[Cleared], dict[int, OdooRefusal]]:
    """What went of each of these persons, and what Odoo refused, by the person's place in `targets`. Raises
    TransientError when an outcome stays unknown; what was done until then stays, and a repetition goes on."""
    cleared = [Cleared() for _ in targets]
    fields = _list_fields(client)
    more = {name: _write_nothing(name) for name in _OPTIONAL if name in fields}

    def clear(group: Sequence[int]) -> None:
        _Group(client, {number: targets[number] for number in group}, cleared).clear(more)

    return cleared, on_groups(client, clear, "erasing a person", range(len(targets)), list)


class _Group:
    """Persons who are cleared together. targets: by their place in `cleared`, in which what went is counted."""

    def __init__(self, client: OdooClient, targets: Mapping[int, Target], cleared: Sequence[Cleared]) -> None:
        self._client, self._targets, self._cleared = client, targets, cleared
        self._context = {**client.who.everywhere, **CONTEXT}
        self._owners: dict[tuple[str, int], list[int]] = {}  # of records; requests may be about the same person
        for number, target in targets.items():
            for record in target.records:
                self._owners.setdefault(record, []).append(number)

    def clear(self, more: Mapping[str, Any]) -> None:
        """more: values of those optional fields of a contact that this Odoo has."""
        self._write("res.partner", self._gather("contacts"), {**_ALL, **more})
        self._write("res.partner", self._gather("restricted"), {**_BESIDES, **more})
        for number, target in self._targets.items():
            self._cleared[number].anonymised = len(target.contacts)
            self._cleared[number].restricted = len(target.kept)
        for model, of in _ATTACHED:
            self._delete_attached(model, of)
        self._remove_followers()
        notes = self._read_notes()
        self._clear_invoice_texts(notes)
        self._write("sale.order", list(notes), {"note": False, "signed_by": False})

    def _gather(self, kind: str) -> list[int]:
        return sorted({number for target in self._targets.values() for number in getattr(target, kind)})

    def _write(self, model: str, ids: Sequence[int], values: Mapping[str, Any]) -> None:
        for part in _cut_pieces(ids):
            self._client.call(model, "write", ids=part, vals=values, context=self._context)

    def _match(self, of: str) -> list[Any]:
        """The domain of what hangs on these records. of: the field that names the model."""
        by_model: dict[str, list[int]] = {}
        for model, record in sorted(self._owners):
            by_model.setdefault(model, []).append(record)
        terms = [["&", [of, "=", model], ["res_id", "in", ids]] for model, ids in by_model.items()]
        return ["|"] * (len(terms) - 1) + [part for term in terms for part in term]

    def _delete_attached(self, model: str, of: str) -> None:
        if not self._owners:
            return
        # With archived records in sight, Odoo protects notices about an archived contact as it does those of one in
        # use.
        in_use = {**self._context, "active_test": True}
        hanging = fetch(self._client, model, self._match(of), [of, "res_id"], context=self._context)
        for part in _cut_pieces(hanging):
            self._client.call(model, "unlink", ids=[row["id"] for row in part], context=in_use)
            self._count(model, ((row[of], row["res_id"]) for row in part))

    def _count(self, model: str, records: Iterable[tuple[str, int]]) -> None:
        for record in records:
            for number in self._owners[record]:
                self._cleared[number].count(model)

    def _remove_followers(self) -> None:
        """Only administrators may delete rows of followers; the records' own method may be called by whoever may write
        to them."""
        if not self._owners:
            return
        rows = fetch(
            self._client, "mail.followers", self._match("res_model"), ["res_model", "res_id", "partner_id"],
            context=self._context,
        )  # fmt: skip
        by_model: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_model.setdefault(row["res_model"], []).append(row)
        for model, followed in by_model.items():
            for part in _cut_pieces(followed):
                records = sorted({row["res_id"] for row in part})
                partners = sorted({row["partner_id"] for row in part})
                self._client.call(
                    model, "message_unsubscribe", ids=records, partner_ids=partners, context=self._context
                )  # fmt: skip
                self._count("mail.followers", ((model, row["res_id"]) for row in part))

    def _read_notes(self) -> dict[int, str]:
        """Notes of the orders that have one, or a signature."""
        sales = self._gather("sales")
        if not sales:
            return {}
        domain = [["id", "in", sales], "|", ["note", "!=", False], ["signed_by", "!=", False]]
        rows = fetch(self._client, "sale.order", domain, ["note"], context=self._context)
        return {row["id"]: row["note"] or "" for row in rows}

    def _clear_invoice_texts(self, notes: Mapping[int, str]) -> None:
        """An invoice begins with its order's note as its text. Of invoices that keep their recipient only such a text
        goes, because they are the document; of the others, whose documents are attached or need not be kept, any
        text."""
        restricted: dict[int, set[str]] = {}
        for target in self._targets.values():
            for partner_id in target.restricted:
                restricted.setdefault(partner_id, set()).update(notes[sale] for sale in target.sales if sale in notes)
        partners = sorted({*self._gather("contacts"), *restricted})
        if not partners:
            return
        domain = [["partner_id", "in", partners], ["narration", "!=", False]]
        rows = fetch(
            self._client, "account.move", domain, ["name", "partner_id", "narration"], context=self._context
        )  # fmt: skip
        rows = [
            row for row in rows
            if row["partner_id"] not in restricted or row["narration"] in restricted[row["partner_id"]]
        ]  # fmt: skip
        if not rows:
            return
        if self._client.call("account.move", "has_access", ids=[], operation="write"):
            self._write("account.move", [row["id"] for row in rows], {"narration": False})
            return
        for number, target in self._targets.items():
            theirs = {*target.contacts, *target.restricted}
            self._cleared[number].texts_left = tuple(row["name"] for row in rows if row["partner_id"] in theirs)


def _cut_pieces(rows: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), _A_CALL):
        yield list(rows[start : start + _A_CALL])


def _list_fields(client: OdooClient) -> Collection[str]:
    fields: dict[str, Any] = client.call("res.partner", "fields_get", allfields=list(_OPTIONAL), attributes=["type"])
    return fields


def _write_nothing(name: str) -> Any:
    return [[5, 0, 0]] if name == "category_id" else False
