"""Which addresses of orders in Odoo the channel changed, and whether the order may follow.

    changed since the last load            ──▶ the order follows
    ... but a person chose another partner, or corrected the one that we gave ──▶ their choice stays, noted
    ... but the street is withheld now     ──▶ no parcel can be sent there: the order stays where it is, noted
    fields are missing in the answer       ──▶ no change
    as Odoo has it already                 ──▶ no change

The address of an order that was loaded before bases existed is compared with Odoo's partner, in the fields that the
channel states.

What belongs here: this comparison, in two reads. What does not: finding or creating the new address
(partners/partners.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...core.errors import RecordError
from ...domain.orders.order import Address
from ...domain.sales.base import PLACE, Base
from ...domain.sales.draft import SaleDraft
from ..partners.addresses import READ, address_key, address_values, has_place, partner_values, recipient
from ..reference.company import Countries
from ..rpc.client import OdooClient
from ..rpc.load import names_of
from .booked import DATE, Booked
from .next_step import Move

_WHERE = ("street", "street2", "zip", "city", "state_id/.id", "country_id/.id")


class Moves:
    """The partners that some orders go to. names: the name of each delivery partner, by record id."""

    def __init__(self, client: OdooClient, countries: Countries, orders: Sequence[tuple[SaleDraft, Booked]]) -> None:
        self._countries, self._uid = countries, client.who.uid
        self._candidates = {draft.order_id: dict(_list_candidates(draft, booked)) for draft, booked in orders}
        ids = {
            partner for draft, booked in orders for part in self._candidates[draft.order_id]
            if (partner := _get_partner(booked, part))
        }  # fmt: skip
        fields = [*READ, "create_uid", "write_uid", "write_date"]
        rows = client.call("res.partner", "read", ids=sorted(ids), fields=fields, load=None) if ids else []
        self._rows: dict[int, Mapping[str, Any]] = {row["id"]: row for row in rows}
        self._xids = names_of(client, "res.partner", ids)
        self.names = {row["id"]: str(row["name"] or "") for row in rows}

    def of(self, draft: SaleDraft, booked: Booked) -> dict[str, Move]:
        """What to do about `shipping` and `billing`, for those of the two that the channel changed."""
        moved = {}
        for part, place in self._candidates[draft.order_id].items():
            row = self._rows.get(_get_partner(booked, part))
            if row is None or not self._is_there(draft, part, place, row):
                move = (
                    self._decide_with_base(draft, draft.before, booked, part, row)
                    if draft.before
                    else self._decide_without_base(row)
                )
                if move:
                    moved[part] = move
        return moved

    def _is_there(self, draft: SaleDraft, part: str, place: Address, row: Mapping[str, Any]) -> bool:
        """Whether the partner has every field that the channel states. An address that Odoo cannot take is reported
        nowhere else."""
        try:
            values = address_values(place, recipient(place, part == "billing"), self._countries)
        except RecordError:
            return True
        if self._xids.get(row["id"], "").endswith(f"_{address_key(values, draft.address_secret)}"):
            return True
        has = partner_values(row)
        return not _is_different(values, has, _WHERE) and (
            not values["name"] or not _is_different(values, has, ("name",))
        )

    def _decide_with_base(
        self, draft: SaleDraft, base: Base, booked: Booked, part: str, row: Mapping[str, Any] | None
    ) -> Move | None:
        place = {f"{part}.{field}" for field in PLACE}
        if _is_street_missing(draft, base, part):
            return Move.WITHHELD if place & draft.changes else None
        address_id = base.shipping_id if part == "shipping" else base.invoice_id
        if address_id and address_id != _get_partner(booked, part):
            return Move.CHOSEN
        if row and base.at and row["write_uid"] != self._uid and _parse_instant(row["write_date"]) > base.at:
            return Move.CHOSEN
        return Move.FREE

    def _decide_without_base(self, row: Mapping[str, Any] | None) -> Move | None:
        if row is None:
            return None
        ours = row["create_uid"] == row["write_uid"] == self._uid and row["id"] in self._xids
        return Move.FREE if ours else Move.CHOSEN


def _list_candidates(draft: SaleDraft, booked: Booked) -> list[tuple[str, Address]]:
    """The addresses that may have changed, by part. An order without a delivery address of its own goes to the billing
    address."""
    candidates = []
    for part, place in (("shipping", draft.shipping or draft.billing), ("billing", draft.billing)):
        if place is None or not has_place(place):
            continue
        if draft.before is None:
            if place.street or place.street2:
                candidates.append((part, place))
        elif any(_is_news(name, part, draft, draft.before) for name in draft.changes):
            candidates.append((part, place))
    return candidates


def _is_news(name: str, part: str, draft: SaleDraft, base: Base) -> bool:
    where, _, field = name.partition(".")
    if field == "phone" or where == "buyer":
        return False
    if part == "billing":
        return where == "billing"
    return where == "shipping" or (
        draft.shipping is None and where == "billing" and not any(key.startswith("shipping.") for key in base.contacts)
    )


def _is_street_missing(draft: SaleDraft, base: Base, part: str) -> bool:
    place = draft.billing if part == "billing" else draft.shipping or draft.billing
    has_street = any(
        f"{key}.{field}" in base.contacts for key in ("shipping", "billing") for field in ("street", "street2")
    )
    return has_street and not (place and (place.street.strip() or place.street2.strip()))


def _is_different(stated: Mapping[str, str], has: Mapping[str, str], fields: Sequence[str]) -> bool:
    """Whether a stated field differs; blanks and case do not count."""
    return any(
        stated[field] and " ".join(stated[field].split()).casefold() != " ".join(has[field].split()).casefold()
        for field in fields
    )


def _get_partner(booked: Booked, part: str) -> int:
    return booked.shipping_id if part == "shipping" else booked.invoice_id


def _parse_instant(text: str) -> datetime:
    return datetime.strptime(text, DATE).replace(tzinfo=UTC)
