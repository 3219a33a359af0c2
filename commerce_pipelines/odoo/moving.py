"""Whether the channel now names another address than the one that a confirmed order goes to.

What belongs here: this comparison, in two reads. What does not: finding or creating the new address (partners.py).

An order is not moved away from an address that a person edited or chose: they knew better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..domain.errors import RecordError
from ..domain.orders import Address
from ..domain.sales import SaleDraft
from .addresses import READ, address_key, address_values, has_place, partner_values, recipient
from .booked import Booked
from .client import OdooClient
from .company import Countries
from .loading import names_of
from .partners import buyer_of


def moved_orders(client: OdooClient, countries: Countries, orders: Sequence[tuple[SaleDraft, Booked]]) -> set[str]:
    """Ids of those orders whose invoice or delivery address is another one now."""
    ids = {partner for _, booked in orders for partner in (booked.shipping_id, booked.invoice_id) if partner}
    if not ids:
        return set()
    fields = [*READ, "create_uid", "write_uid"]
    rows = {row["id"]: row for row in client.call("res.partner", "read", ids=sorted(ids), fields=fields, load=None)}
    names = names_of(client, "res.partner", ids)
    ours = {
        one for one, row in rows.items() if row["create_uid"] == row["write_uid"] == client.who.uid and one in names
    }
    return {
        draft.order_id
        for draft, booked in orders
        for partner_id, place, for_invoice in _places(draft, booked)
        if partner_id in ours and not _same(draft, place, for_invoice, rows[partner_id], names[partner_id], countries)
    }


def _places(draft: SaleDraft, booked: Booked) -> Iterator[tuple[int, Address, bool]]:
    for partner_id, place, for_invoice in (
        (booked.shipping_id, draft.shipping or draft.billing, False),
        (booked.invoice_id, draft.billing, True),
    ):
        if place is not None and has_place(place):
            yield partner_id, place, for_invoice


def _same(
    draft: SaleDraft, place: Address, for_invoice: bool, row: Mapping[str, Any], name: str, countries: Countries
) -> bool:
    shown = recipient(place, for_invoice) or ("" if buyer_of(draft).is_guest else str(row["name"] or ""))
    try:
        key = address_key(address_values(place, shown, countries))
    except RecordError:
        return True  # no address that Odoo could take
    return name.endswith(f"_{key}") or address_key(partner_values(row)) == key
