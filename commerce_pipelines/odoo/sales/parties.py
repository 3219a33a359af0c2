"""The partners of orders that are loaded or whose address changes: a new order gets a partner, an existing order keeps
its own.

What belongs here: which orders keep the partner that Odoo has. What does not: finding and creating partners
(partners/partners.py), which addresses changed (moved_addresses.py).

An answer may state less than the one before (a redaction, a lapsed role, an erased buyer) and then name nobody: its
order keeps the partner and the addresses that it has.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from ...core.errors import RecordError
from ...domain.sales.draft import SaleDraft
from ..partners.buyers import KnownBuyer, buyer_of
from ..partners.partners import Parties, Partners
from .booked import Booked

Wanted = tuple[SaleDraft, Booked | None, Collection[str], str]


def find_parties(partners: Partners, orders: Sequence[Wanted]) -> dict[str, Parties | RecordError]:
    """The partners by order id. orders: each with its draft, what Odoo has of it, the changed addresses, and the name
    on its delivery address."""
    kept = {draft.order_id: booked for draft, booked, _, _ in orders if booked and keeps_buyer(draft, booked)}
    asked = [
        (draft, moves, named) for draft, _, moves, named in orders if moves or draft.order_id not in kept
    ]  # fmt: skip
    buyers = {
        draft.order_id: KnownBuyer(partner_id=kept[draft.order_id].partner_id, named=named)
        for draft, _, named in asked if draft.order_id in kept
    }  # fmt: skip
    parties = partners.load([draft for draft, _, _ in asked], buyers)
    answers: dict[str, Parties | RecordError] = {}
    for draft, _booked, moves, _named in orders:
        answer = parties.get(draft.order_id)
        booked = kept.get(draft.order_id)
        answers[draft.order_id] = answer if booked is None and answer else _keep_partners(answer, booked, moves)
    return answers


def keeps_buyer(draft: SaleDraft, booked: Booked) -> bool:
    """Whether the order keeps its partner: a confirmed order always does, any other order unless the channel names
    another buyer."""
    if booked.sale.state == "sale":
        return True
    if draft.before is None:
        return buyer_of(draft).is_guest
    return not any(name.startswith("buyer.") for name in draft.changes)


def _keep_partners(
    answer: Parties | RecordError | None, booked: Booked | None, moves: Collection[str]
) -> Parties | RecordError:
    """The order's own partners, except for the changed addresses."""
    if isinstance(answer, RecordError):
        return answer
    if booked is None:
        raise ValueError("an order without partners was not asked for")
    own = Parties(partner_id=booked.partner_id, invoice_id=booked.invoice_id, shipping_id=booked.shipping_id)
    if answer is None:
        return own
    return msgspec.structs.replace(
        own,
        invoice_id=answer.invoice_id if "billing" in moves else own.invoice_id,
        shipping_id=answer.shipping_id if "shipping" in moves else own.shipping_id,
        flags=answer.flags,
    )
