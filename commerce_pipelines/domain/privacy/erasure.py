"""What an erasure does with each contact of a person in Odoo, and what delays it.

    nothing open, no invoice                   ──▶ the contact is made anonymous
    recipient of an invoice without a document ──▶ name and postal address stay, the rest goes; restricted until a date
    user, supplier, own company                ──▶ left alone, and told
    bought elsewhere too, bank account         ──▶ left alone, a person decides
    delivery, order or draft invoice open      ──▶ the whole erasure waits

Odoo keeps no copy of an invoice's recipient: a printed or displayed invoice shows the contact as it is now. So the law
that keeps the invoice (GDPR Art. 17(3)(b)) keeps name and address of a recipient whose invoice has no PDF or XML.

What belongs here: this decision. What does not: reading Odoo (odoo/privacy/contacts.py), carrying it out
(odoo/privacy/anonymising.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

OPEN_TRANSFERS = frozenset(("draft", "waiting", "confirmed", "assigned"))


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """One res.partner. protected: why it is no buyer that may be erased (`user`, `supplier`, `company`), '' if it is.
    banks: ids of its bank accounts. elsewhere: orders of it that came from no channel."""

    partner_id: int
    protected: str = ""
    banks: tuple[int, ...] = ()
    elsewhere: tuple[str, ...] = ()


class Transfer(msgspec.Struct, frozen=True):
    """One stock.picking of the person's orders."""

    name: str
    state: str


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """One invoice or credit note. documented: a PDF or XML is attached, so that Odoo keeps its recipient by itself."""

    name: str
    state: str
    partner_id: int
    issued: date | None
    documented: bool


class Waiting(msgspec.Struct, frozen=True):
    """Why an erasure waits, and what to do about it; in our own words, with names of documents."""

    code: str
    message: str
    fix: str


class Kept(msgspec.Struct, frozen=True):
    """A contact that keeps name and postal address because of these invoices. until: the day after which it may go."""

    partner_id: int
    invoices: tuple[str, ...]
    until: date


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """anonymise: contacts of which nothing stays. kept: those that keep name and address. left: those that are not
    touched, each with the reason. waiting: why nothing may be done yet."""

    anonymise: tuple[int, ...] = ()
    kept: tuple[Kept, ...] = ()
    left: tuple[tuple[int, str], ...] = ()
    waiting: tuple[Waiting, ...] = ()


def keep_until(issued: date, years: int) -> date:
    """The last day on which an invoice has to be kept: so many years after the end of its calendar year."""
    return date(issued.year + years, 12, 31)


def decide(
    contacts: Iterable[Contact], transfers: Iterable[Transfer], invoices: Sequence[Invoice], years: int, today: date
) -> Decision:
    """What to do with every contact; the order of the contacts is kept."""
    waiting = [*_list_open_transfers(transfers), *_list_drafts(invoices)]
    anonymise: list[int] = []
    kept: list[Kept] = []
    left: list[tuple[int, str]] = []
    for contact in contacts:
        if contact.protected:
            left.append((contact.partner_id, contact.protected))
        elif contact.elsewhere:
            left.append((contact.partner_id, "elsewhere"))
        elif contact.banks:
            left.append((contact.partner_id, "bank"))
        elif reason := _find_reason(contact.partner_id, invoices, years, today):
            kept.append(reason)
        else:
            anonymise.append(contact.partner_id)
    return Decision(anonymise=tuple(anonymise), kept=tuple(kept), left=tuple(left), waiting=tuple(waiting))


def _find_reason(partner_id: int, invoices: Iterable[Invoice], years: int, today: date) -> Kept | None:
    bare = [
        (keep_until(invoice.issued, years), invoice.name) for invoice in invoices
        if invoice.partner_id == partner_id and invoice.state == "posted" and invoice.issued and not invoice.documented
    ]  # fmt: skip
    bare = [(until, name) for until, name in bare if until >= today]
    if not bare:
        return None
    return Kept(partner_id, tuple(sorted(name for _, name in bare)), max(until for until, _ in bare))


def _list_open_transfers(transfers: Iterable[Transfer]) -> list[Waiting]:
    return [
        Waiting(
            "delivery_open", f"Transfer {transfer.name} is not done.",
            "Ship or cancel it in Odoo; the erasure is carried out with the next daily pass.",
        )
        for transfer in transfers if transfer.state in OPEN_TRANSFERS
    ]  # fmt: skip


def _list_drafts(invoices: Iterable[Invoice]) -> list[Waiting]:
    return [
        Waiting(
            "invoice_open", f"Invoice {invoice.name or 'without a number'} is a draft.",
            "Post or cancel it in Odoo; the erasure is carried out with the next daily pass.",
        )
        for invoice in invoices if invoice.state == "draft"
    ]  # fmt: skip
