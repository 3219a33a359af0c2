"""Whether the channel now names another address than the one that a confirmed order goes to.

What belongs here: this comparison, in two reads. What does not: finding or creating the new address
(partners/partners.py).

An order is not moved away from an address that a person edited or chose: they knew better.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...core.errors import RecordError
from ...domain.orders.order import Address
from ...domain.sales.draft import SaleDraft
from ..partners.addresses import READ, address_key, address_values, has_place, partner_values, recipient
from ..partners.partners import buyer_of
from ..reference.company import Countries
from ..rpc.client import OdooClient
from ..rpc.load import names_of
from .booked import Booked


def moved_orders(
    client: OdooClient, countries: Countries, orders: Sequence[tuple[SaleDraft, Booked]]
) -> dict[str, set[str]]:
    """By order id, which of its addresses is another one now: `delivery`, `invoice`. Orders that stay are left out."""
    ids = {partner for _, booked in orders for partner in (booked.shipping_id, booked.invoice_id) if partner}
    if not ids:
        return {}
    fields = [*READ, "create_uid", "write_uid"]
    rows = {row["id"]: row for row in client.call("res.partner", "read", ids=sorted(ids), fields=fields, load=None)}
    names = names_of(client, "res.partner", ids)
    uid = client.who.uid
    ours = {one for one, row in rows.items() if row["create_uid"] == row["write_uid"] == uid and one in names}
    moved: dict[str, set[str]] = defaultdict(set)
    for draft, booked in orders:
        for kind, partner_id, place in _places(draft, booked):
            if partner_id in ours and not _same(draft, kind, place, rows[partner_id], names[partner_id], countries):
                moved[draft.order_id].add(kind)
    return dict(moved)


def _places(draft: SaleDraft, booked: Booked) -> Iterator[tuple[str, int, Address]]:
    for kind, partner_id, place in (
        ("delivery", booked.shipping_id, draft.shipping or draft.billing),
        ("invoice", booked.invoice_id, draft.billing),
    ):
        if place is not None and has_place(place):
            yield kind, partner_id, place


def _same(draft: SaleDraft, kind: str, place: Address, row: Mapping[str, Any], name: str, countries: Countries) -> bool:
    shown = recipient(place, kind == "invoice") or ("" if buyer_of(draft).is_guest else str(row["name"] or ""))
    try:
        key = address_key(address_values(place, shown, countries))
    except RecordError:
        return True  # no address that Odoo could take
    return name.endswith(f"_{key}") or address_key(partner_values(row)) == key
