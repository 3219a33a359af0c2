"""The partners of orders that are loaded or moved: new buyers are looked for, those of an order stay.

What belongs here: who keeps the partner that Odoo has. What does not: finding and creating partners
(partners/partners.py), which addresses are news (moved_addresses.py).

An answer that tells less than the one before (a redaction, a lapsed role, an erased buyer) names nobody: its order
stays with the partner and the addresses that it has.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from ...core.errors import RecordError
from ...domain.sales.draft import SaleDraft
from ..partners.partners import KnownBuyer, Parties, Partners, buyer_of
from .booked import Booked

Wanted = tuple[SaleDraft, Booked | None, Collection[str], str]


def find_parties(partners: Partners, orders: Sequence[Wanted]) -> dict[str, Parties | RecordError]:
    """By order id. Each order: its draft, what Odoo has of it, the addresses that are news, whom its delivery names."""
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
    """Whether the order stays with the partner that it has: a confirmed one always does, any other one unless the
    channel names somebody else."""
    if booked.sale.state == "sale":
        return True
    if draft.before is None:
        return buyer_of(draft).is_guest
    return not any(name.startswith("buyer.") for name in draft.changes)


def _keep_partners(
    answer: Parties | RecordError | None, booked: Booked | None, moves: Collection[str]
) -> Parties | RecordError:
    """The order's own partners, but for the addresses that are news."""
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
