"""Who ordered, as far as an order states it, and which partner a buyer without a usable e-mail address is.

    a real e-mail address      ──▶ matched by it alone (partners.py)
    none, or a relay address   ──▶ by VAT number of valid form: the company or person in Odoo that has it
                                   else by the marketplace's own id of the customer: the partner of earlier orders
                                   else as any new buyer

Buyers of one batch who are the same by these rules share a partner, as they would in two batches. A phone number is
kept on the contact and identifies nobody.

What belongs here: these rules. What does not: the look-ups (matching.py), creating partners (partners.py), storing
which partner a customer is (warehouse/orders/customers.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from ...domain.keys import email_key, is_relay
from ...domain.sales.draft import Flag, SaleDraft
from ..rpc.client import OdooClient
from .matching import find_by_vat, find_eligible


class KnownBuyer(msgspec.Struct, frozen=True, kw_only=True):
    """The partner that an order already has. named: the name on the order's delivery address, for a new address without
    a name."""

    partner_id: int
    named: str = ""


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """What one order states about its buyer. A guest has neither name nor e-mail. matched: the partner that was found
    without an e-mail address. joined: the key of another buyer of the batch who is the same."""

    draft: SaleDraft
    email: str
    is_guest: bool
    present: KnownBuyer | None = None
    matched: int = 0
    joined: str = ""

    @property
    def key(self) -> str:
        """The key of the buyer's partner: the same for all orders of a batch that belong to one partner."""
        if self.present or self.matched:
            return f"partner {self.present.partner_id if self.present else self.matched}"
        if self.joined:
            return self.joined
        if self.is_guest:
            return f"guest {self.draft.guest}"
        return self.email or self.main_xid

    @property
    def main_xid(self) -> str:
        return f"partner_{self.draft.subject}"


def buyer_of(draft: SaleDraft) -> Buyer:
    buyer = draft.buyer
    places = [place for place in (draft.billing, draft.shipping) if place]
    named = any((buyer.name, buyer.company, *(part for place in places for part in (place.name, place.company))))
    email = email_key(buyer.email)
    relay = buyer.email_is_relay or is_relay(email)
    return Buyer(draft=draft, email="" if relay else email, is_guest=not named and not email)


def match_silent(
    client: OdooClient, buyers: Sequence[Buyer], numbers: Mapping[str, str], customers: Mapping[str, int],
    own: Collection[int],
) -> tuple[list[Buyer], dict[str, tuple[Flag, ...]]]:  # fmt: skip
    """The buyers, where those without a usable e-mail address are matched; and notes by key. numbers: valid VAT numbers
    by order id. customers: partners by the marketplace's own id, of this load. Two calls at most."""
    silent = [buyer for buyer in buyers if not buyer.present and not buyer.email]
    by_vat = find_by_vat(client, {numbers[buyer.draft.order_id] for buyer in silent} - {""}, own)
    earlier = {
        buyer.draft.customer: customers.get(buyer.draft.customer) or buyer.draft.customer_partner
        for buyer in silent if buyer.draft.customer
    }  # fmt: skip
    eligible = find_eligible(client, set(earlier.values()) - {0}, own)
    flags: dict[str, tuple[Flag, ...]] = {}
    result = []
    for buyer in buyers:
        if not buyer.present and not buyer.email:
            ids = by_vat.get(numbers[buyer.draft.order_id], [])
            found_id = ids[0] if ids else earlier.get(buyer.draft.customer, 0)
            if found_id in eligible or ids:
                buyer = msgspec.structs.replace(buyer, matched=found_id, is_guest=False)
            if len(ids) > 1:
                flags[buyer.key] = (flag_duplicates("VAT number", ids),)
        result.append(buyer)
    return list(_join_same(result, numbers)), flags


def _join_same(buyers: Sequence[Buyer], numbers: Mapping[str, str]) -> Iterator[Buyer]:
    """The buyers in their order. A buyer for whom no partner was found is joined to another one with the same number or
    id."""
    keys: dict[tuple[str, str], str] = {}
    joined: dict[str, Buyer] = {}
    for buyer in sorted(buyers, key=_is_open):
        marks = [("vat", numbers[buyer.draft.order_id]), ("customer", buyer.draft.customer)]
        marks = [(sort, text) for sort, text in marks if text and not buyer.present]
        same = next((keys[mark] for mark in marks if mark in keys), "") if _is_open(buyer) else ""
        if same:
            buyer = msgspec.structs.replace(buyer, joined=same, is_guest=False)
        if not buyer.is_guest:
            for mark in marks:
                keys.setdefault(mark, buyer.key)
        joined[buyer.draft.order_id] = buyer
    return (joined[buyer.draft.order_id] for buyer in buyers)


def _is_open(buyer: Buyer) -> bool:
    """Whether nothing identifies the buyer yet."""
    return not (buyer.present or buyer.email or buyer.matched)


def flag_duplicates(what: str, ids: Sequence[int]) -> Flag:
    """what: what several partners have in common. ids: the partners, the oldest first."""
    first, *others = ids
    return Flag(
        "duplicate_partner",
        f"Several partners in Odoo have the buyer's {what} (ids {first}, {', '.join(map(str, others))}); "
        f"the order went to the oldest, {first}.",
        "Merge them in Odoo: Contacts, select both, Actions > Merge.", str(first),
    )  # fmt: skip
