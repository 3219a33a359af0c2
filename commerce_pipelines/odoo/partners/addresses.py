"""Addresses as Odoo stores them, and when two addresses are the same.

What belongs here: pure rules on names, address values and their digest. What does not: which partner an order goes to
(partners.py).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...domain.orders.order import Address
from ..reference.company import Countries

FIELDS = ("name", "street", "street2", "zip", "city", "state_id/.id", "country_id/.id")
READ = ("name", "street", "street2", "zip", "city", "state_id", "country_id")


def recipient(address: Address, for_invoice: bool = False) -> str:
    """The name on an address: an invoice names the company, a parcel the company and the person."""
    names = [name.strip() for name in (address.company, address.name) if name.strip()]
    if for_invoice:
        return names[0] if names else ""
    return ", ".join(dict.fromkeys(names))


def has_place(address: Address | None) -> bool:
    """Whether the address has any field that names a place."""
    return address is not None and any(
        (address.street, address.street2, address.city, address.postcode, address.country)
    )


def address_values(address: Address, name: str, countries: Countries) -> dict[str, str]:
    """The columns of load() for an address. A state that Odoo does not know is written behind the city. Raises
    `unknown_country`."""
    country = _map_country(address.country)
    names = list(filter(None, map(str.strip, (address.state, address.state_name))))
    state_id = next((country_state for name in names if (country_state := countries.state(country, name))), 0)
    city = _write_city(address.city.strip(), names, written=not state_id)
    return {
        "name": name,
        "street": address.street.strip(),
        "street2": address.street2.strip(),
        "zip": address.postcode.strip(),
        "city": city,
        "state_id/.id": str(state_id or ""),
        "country_id/.id": str(countries.country(country) or ""),
    }


def _write_city(city: str, states: Sequence[str], written: bool) -> str:
    """The city's line. written: the state must stand in it, once, in words instead of a code; otherwise a state after
    the city (`Austin, TX`) is removed, because Odoo shows it from a field of its own."""
    if written:
        if not states or any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", city, re.IGNORECASE) for name in states):
            return city
        return f"{city}, {states[-1]}" if city else states[-1]
    for name in states:
        bare = re.sub(rf"\s*,\s*{re.escape(name)}\Z", "", city, flags=re.IGNORECASE)
        if bare and bare != city:
            return bare
    return city


def address_key(values: Mapping[str, str], secret: str) -> str:
    """The end of an address's external id. It outlives the erasure of the address, so it is keyed: whoever guesses a
    name and a street cannot confirm them. values: the result of `address_values`. secret: SaleDraft.address_secret."""
    return hmac.digest(secret.encode(), _build_text(values).encode(), "sha256").hex()[:16]


def is_same_address(left: Mapping[str, str], right: Mapping[str, str]) -> bool:
    """Blanks and case do not count. left, right: results of `address_values`."""
    return _build_text(left) == _build_text(right)


def _build_text(values: Mapping[str, str]) -> str:
    return "\x1f".join(" ".join(values[field].split()).casefold() for field in FIELDS)


def partner_values(row: Mapping[str, Any]) -> dict[str, str]:
    """A partner as read (READ, load=None), in the form of `address_values`."""
    return {field: str(row[read] or "") for field, read in zip(FIELDS, READ, strict=True)}


def _map_country(code: str) -> str:
    """The code in Odoo. Northern Ireland is a country of its own only for VAT."""
    return {"XI": "GB", "UK": "GB", "EL": "GR"}.get(code, code)
