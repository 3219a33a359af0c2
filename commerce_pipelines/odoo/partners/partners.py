"""Buyers -> partners of Odoo, many at once.

    real e-mail found in Odoo ──▶ that partner or contact of a company (the oldest of several, and a flag)
    no e-mail of one's own ─────▶ by VAT number, then by the channel's id of the customer (buyers.py)
    else our external id ───────▶ that partner; if it was archived, a successor
    else a name or an e-mail ───▶ a new partner `partner_<subject>`, which holds the first address
    no name, no e-mail ─────────▶ the guest partner, with a delivery address of its own

    an address that is not the partner's own ──▶ a child `partner_<subject>_<digest>`; the old ones stay as history

Existing partners are never changed, whoever created them, because a person may have corrected them. Only an empty VAT
number is filled in, and only where the buyer has the contact's name. A marketplace's relay address does not identify a
buyer.

What belongs here: these rules as bulk calls. What does not: which partners are skipped (matching.py), comparing
addresses (addresses.py), VAT numbers (vat_numbers.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ...core.errors import RecordError
from ...core.words import NO_WORDS, Words
from ...domain.keys import email_key
from ...domain.orders.order import Address
from ...domain.sales.draft import Flag, SaleDraft, slug
from ..reference.company import Company, Countries
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.load import load_one, load_records, own, xid
from .addresses import (
    FIELDS,
    address_key,
    address_values,
    has_place,
    is_same_address,
    partner_values,
    recipient,
)
from .buyers import Buyer, KnownBuyer, buyer_of, flag_duplicates, match_silent
from .matching import PARTNER, find_by_email, find_in_use, read_companies
from .vat_numbers import bears_name, clean_vat, same_number

CONTEXT = {"no_vat_validation": True, "tracking_disable": True}
_MAIN = (
    *("id", "name", "is_company", "email", "phone", "ref", "lang", "vat", "street", "street2", "zip", "city"),
    *("state_id/.id", "country_id/.id"),
)
_CHILD = (
    *("id", "parent_id/.id", "type", "name", "email", "phone", "lang", "street", "street2", "zip", "city"),
    *("state_id/.id", "country_id/.id"),
)


class Parties(msgspec.Struct, frozen=True, kw_only=True):
    """The three partners of one order."""

    partner_id: int
    invoice_id: int
    shipping_id: int
    flags: tuple[Flag, ...] = ()
    # Whether the order itself identifies the buyer: no guest, and not just the partner that the order had.
    identified: bool = False


class _Main(msgspec.Struct, kw_only=True):
    """The partner that an order belongs to: 0 until it is created. own: the partner's address as columns of load()."""

    partner_id: int = 0
    # The partner whose VAT number, terms and debt it shares: the company of a contact, else itself.
    commercial_id: int = 0
    # External id under which it exists or is to be created, and with which those of its addresses begin; '' = the
    # buyer's own.
    xid: str = ""
    name: str = ""
    legal_name: str = ""  # the name of the holder of the VAT number
    own: dict[str, str] = {}
    vat: str = ""
    error: RecordError | None = None
    words: Words = NO_WORDS  # Odoo's, of an address of it that was refused


class Partners:
    """The partners of one load, batch by batch."""

    def __init__(self, client: OdooClient, company: Company, countries: Countries) -> None:
        self._client, self._company, self._countries = client, company, countries
        rows = client.call("res.lang", "search_read", domain=[], fields=["code"], load=None)
        self._languages = sorted(row["code"] for row in rows)
        self._companies = read_companies(client)
        self._guests: dict[str, _Main] = {}
        self._customers: dict[str, int] = {}  # the partners of this load by the marketplace's own id of the customer

    def load(
        self, drafts: Sequence[SaleDraft], present: Mapping[str, KnownBuyer] | None = None
    ) -> dict[str, Parties | RecordError]:
        """The partners of these orders by order id, created where they are missing; a RecordError where that is
        impossible. present: the partners of orders that are in Odoo already and only change their address. The number
        of calls does not depend on the number of orders."""
        there = present or {}
        buyers = [msgspec.structs.replace(buyer_of(draft), present=there.get(draft.order_id)) for draft in drafts]
        answers: dict[str, Parties | RecordError] = {}
        sound: list[Buyer] = []
        for buyer in buyers:
            try:
                self._list_addresses(buyer, _Main())
                sound.append(buyer)
            except RecordError as error:
                answers[buyer.draft.order_id] = error
        numbers = {buyer.draft.order_id: self._clean_vat(buyer.draft) or "" for buyer in sound}
        sound, flags = match_silent(self._client, sound, numbers, self._customers, self._companies)
        mains, more = self._find(sound)
        flags |= more
        self._create_mains(sound, mains)
        self._fill_vat(sound, mains)
        children = self._create_children(sound, mains)
        for buyer in sound:
            main = mains[buyer.key]
            answers[buyer.draft.order_id] = main.error or self._build_parties(
                buyer, main, children, flags.get(buyer.key, ())
            )
            if buyer.draft.customer and main.partner_id and not (buyer.is_guest or buyer.present):
                self._customers.setdefault(buyer.draft.customer, main.partner_id)
        return answers

    # -- who they are

    def _find(self, buyers: Sequence[Buyer]) -> tuple[dict[str, _Main], dict[str, tuple[Flag, ...]]]:
        """The partner of each key, as far as Odoo has it."""
        unknown = [buyer for buyer in buyers if not buyer.present]
        emails = {buyer.email for buyer in unknown if buyer.email and not buyer.is_guest}
        by_email = find_by_email(self._client, emails, self._companies)
        names = [
            buyer.main_xid for buyer in unknown
            if not (buyer.is_guest or buyer.matched or buyer.joined) and buyer.email not in by_email
        ]  # fmt: skip
        ids, latest = find_in_use(self._client, names, self._companies)
        there = [buyer.present.partner_id if buyer.present else buyer.matched for buyer in buyers]
        rows = self._read([*ids.values(), *filter(None, there)])
        mains: dict[str, _Main] = {}
        flags: dict[str, tuple[Flag, ...]] = {}
        for buyer in buyers:
            if buyer.joined or (buyer.key in mains and mains[buyer.key].partner_id):
                continue
            if buyer.present or buyer.matched:
                mains[buyer.key] = _read_main(rows[buyer.present.partner_id if buyer.present else buyer.matched])
            elif buyer.is_guest:
                mains[buyer.key] = self._create_guest(buyer.draft.guest)
            elif buyer.email in by_email:
                same = by_email[buyer.email]
                mains[buyer.key] = _read_main(same[0])
                if len(same) > 1:
                    flags[buyer.key] = (flag_duplicates("e-mail address", [row["id"] for row in same]),)
            else:
                row = rows.get(ids.get(buyer.main_xid, 0))
                mains[buyer.key] = _read_main(row) if row else _Main()
                mains[buyer.key].xid = latest[buyer.main_xid]
        return mains, flags

    def _read(self, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        rows = self._client.call("res.partner", "read", ids=wanted, fields=list(PARTNER), load=None)
        return {row["id"]: row for row in rows}

    def _create_guest(self, name: str) -> _Main:
        if name not in self._guests:
            try:
                self._guests[name] = self._find_guest(name)
            except RecordError as error:
                self._guests[name] = _Main(error=error)
            except OdooRefusal as refused:
                self._guests[name] = _Main(
                    error=RecordError(
                        "unknown_guest",
                        f"The guest partner {name!r} cannot be created or changed: Odoo refuses {refused.what}.",
                        fix=f"Create a contact {name!r} with a country in Odoo, or correct `guest` of the channel.",
                        subject=name,
                        words=refused.words,
                    )
                )
        return self._guests[name]

    def _find_guest(self, name: str) -> _Main:
        """The guest partner, by external id, else by name, else new. It is given a country, because Odoo copies the
        address of a first child to a parent that has none, and the first guest's address would become everybody's."""
        guest_xid = own(self._client, f"partner_guest_{slug(name)}")
        guests, latest = find_in_use(self._client, [guest_xid])
        ids = list(guests.values()) or self._client.call(
            "res.partner", "search", order="id", limit=1,
            domain=[["name", "=", name], ["parent_id", "=", False], *self._client.who.domain],
        )  # fmt: skip
        row = self._read(ids).get(ids[0]) if ids else None
        if row is None:
            if not self._client.settings.create_missing:
                raise RecordError(
                    "unknown_guest",
                    f"Odoo has no partner named {name!r}.",
                    fix="Create it in Odoo, or correct `guest` of the channel.",
                    subject=name,
                )
            values = {
                "name": name, "country_id/.id": str(self._company.country_id or ""),
                "company_id/.id": str(self._company.company_id),
            }  # fmt: skip
            return _Main(partner_id=load_one(self._client, "res.partner", latest[guest_xid], values), name=name)
        if not any(value for field, value in partner_values(row).items() if field != "name"):
            self._client.call("res.partner", "write", ids=[row["id"]], vals={"country_id": self._company.country_id})
        return _Main(partner_id=row["id"], name=row["name"])

    # -- what is missing

    def _create_mains(self, buyers: Sequence[Buyer], mains: dict[str, _Main]) -> None:
        first = {
            buyer.key: buyer for buyer in reversed(buyers)
            if not buyer.joined and not mains[buyer.key].partner_id and not mains[buyer.key].error
        }  # fmt: skip
        records = {}
        for key, buyer in first.items():
            values = self._build_main_values(buyer, mains[key].xid or buyer.main_xid)
            mains[key].name, mains[key].vat = values["name"], values["vat"]
            mains[key].own = {field: values[field] for field in FIELDS}
            records[key] = [[values[field] for field in _MAIN]]
        ids, refused = load_records(self._client, "res.partner", _MAIN, records, CONTEXT)
        for key, partner_id in ids.items():
            mains[key].partner_id = mains[key].commercial_id = partner_id
        for key in refused:
            mains[key].error = _build_refused_error(refused[key].words)

    def _build_main_values(self, buyer: Buyer, name_in_odoo: str) -> dict[str, str]:
        draft, who = buyer.draft, buyer.draft.buyer
        place = next((place for place in (draft.billing, draft.shipping) if place and has_place(place)), Address())
        company = company_name(draft)
        person = next((name for name in (who.name, place.name, draft.shipping and draft.shipping.name) if name), "")
        name = company or person or place.company or f"Customer {draft.subject[:8]}"
        return {
            "id": xid(name_in_odoo),
            "is_company": "1" if company else "0",
            "email": who.email.strip() if email_key(who.email) else "",
            "phone": who.phone or place.phone,
            "ref": who.ref,
            "lang": self._find_language(who.language),
            "vat": self._clean_vat(draft) or "",
            **address_values(place, name, self._countries),
        }

    def _create_children(self, buyers: Sequence[Buyer], mains: dict[str, _Main]) -> dict[str, int]:
        """Addresses by external id: all that exist, and new ones for addresses that are not the partner's own."""
        wanted: dict[str, tuple[Buyer, dict[str, str]]] = {}
        for buyer in buyers:
            if not mains[buyer.key].error:
                for name, values in self._list_addresses(buyer, mains[buyer.key]).values():
                    wanted.setdefault(name, (buyer, values))
        ids, latest = find_in_use(self._client, wanted)
        records = {}
        for name, (buyer, values) in wanted.items():
            main = mains[buyer.key]
            if name not in ids and not _is_own(values, main):
                row = {"id": xid(latest[name]), "parent_id/.id": str(main.partner_id), **values}
                records[name] = [[row[field] for field in _CHILD]]
        created, refused = load_records(self._client, "res.partner", _CHILD, records, CONTEXT)
        for name in refused:
            mains[wanted[name][0].key].words = refused[name].words
        return ids | created

    def _list_addresses(self, buyer: Buyer, main: _Main) -> dict[str, tuple[str, dict[str, str]]]:
        """The order's addresses by type: (external id if the address is a child of the partner, its columns). An
        address that names nobody gets the partner's name."""
        draft, who = buyer.draft, buyer.draft.buyer
        addresses = {}
        for kind, place in (("delivery", draft.shipping), ("invoice", draft.billing)):
            if place is not None and has_place(place):
                nobody = buyer.present.named if buyer.present else ""
                shown = recipient(place, kind == "invoice") or nobody or ("" if buyer.is_guest else main.name)
                values = address_values(place, shown, self._countries)
                addresses[kind] = (
                    f"{main.xid or buyer.main_xid}_{address_key(values, draft.address_secret)}",
                    {
                        **values,
                        "type": kind,
                        "email": who.email.strip() if kind == "delivery" and email_key(who.email) else "",
                        "phone": place.phone or who.phone,
                        "lang": self._find_language(who.language),
                    },
                )
        return addresses

    def _build_parties(
        self, buyer: Buyer, main: _Main, children: dict[str, int], flags: tuple[Flag, ...]
    ) -> Parties | RecordError:
        where: dict[str, int] = {}
        for kind, (name, values) in self._list_addresses(buyer, main).items():
            if name not in children and not _is_own(values, main):
                return _build_refused_error(main.words)
            where[kind] = children.get(name) or main.partner_id
        if self._clean_vat(buyer.draft) is None:
            flags = (*flags, _flag_invalid_vat())
        elif self._is_strange(buyer, main):
            flags = (*flags, _flag_strange_vat())
        has_home = any(main.own.get(field) for field in ("street", "city", "zip"))
        return Parties(
            partner_id=main.partner_id,
            invoice_id=where.get("invoice")
            or (main.partner_id if has_home else where.get("delivery", main.partner_id)),
            shipping_id=where.get("delivery") or where.get("invoice") or main.partner_id,
            flags=flags,
            identified=not (buyer.is_guest or buyer.present),
        )

    def _fill_vat(self, buyers: Sequence[Buyer], mains: dict[str, _Main]) -> None:
        records = {}
        for buyer in buyers:
            main, number = mains[buyer.key], self._clean_vat(buyer.draft)
            empty = main.partner_id and not main.vat and not buyer.is_guest and not buyer.present
            if number and empty and bears_name(buyer.draft, main.legal_name):
                records[buyer.key] = [[str(main.commercial_id), number]]
                main.vat = number
        load_records(self._client, "res.partner", [".id", "vat"], records, CONTEXT)

    def _is_strange(self, buyer: Buyer, main: _Main) -> bool:
        """Whether the buyer states a VAT number that the contact in Odoo does not have."""
        number = self._clean_vat(buyer.draft)
        return bool(number) and not (buyer.is_guest or buyer.present) and not same_number(main.vat, number or "")

    def _clean_vat(self, draft: SaleDraft) -> str | None:
        place = draft.billing or draft.shipping
        return clean_vat(draft.buyer.vat_number, place.country if place else "")

    def _find_language(self, tag: str) -> str:
        """An installed language for a BCP 47 tag: de-AT -> de_AT, else any German, else the user's own."""
        wanted = tag.replace("-", "_")
        if wanted in self._languages:
            return wanted
        family = [code for code in self._languages if wanted and code.split("_")[0] == wanted.split("_")[0].lower()]
        return family[0] if family else self._company.lang


def company_name(draft: SaleDraft) -> str:
    """The buying company's name, '' for a person. A company in the address alone does not count, because it may be a
    person's workplace."""
    buyer, billing = draft.buyer, draft.billing
    if buyer.company:
        return buyer.company
    return billing.company if billing and (buyer.is_business or buyer.vat_number) else ""


def _read_main(row: dict[str, Any]) -> _Main:
    company = row["commercial_partner_id"]
    return _Main(
        partner_id=row["id"],
        commercial_id=company or row["id"],
        name=row["name"] or "",
        legal_name=(row["name"] if company in (False, row["id"]) else row["commercial_company_name"]) or "",
        own=partner_values(row),
        vat=row["vat"] or "",
    )


def _is_own(values: dict[str, str], main: _Main) -> bool:
    return bool(main.own) and is_same_address(values, main.own)


def _flag_invalid_vat() -> Flag:
    return Flag("invalid_vat_number", "The buyer's VAT number cannot be right and was left out.",
                "Ask the buyer for it and enter it on the partner.")  # fmt: skip


def _flag_strange_vat() -> Flag:
    return Flag(
        "vat_number_of_another",
        "The buyer states a VAT number that the contact in Odoo, which has another name or number, does not have.",
        "Look whose number it is; enter it on the contact if it is theirs, else give the order a contact of its own.",
    )


def _build_refused_error(words: Words = NO_WORDS) -> RecordError:
    return RecordError(
        "partner_refused", "Odoo does not accept the buyer's contact data.", words=words,
        fix="Enter the contact in Odoo by hand to see which rule refuses it; adjust the rule or the order.",
    )  # fmt: skip
