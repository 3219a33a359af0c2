"""What both of eBay's APIs state in the same way about people and parcels.

What belongs here: relay addresses, the reference above a hub's street. What does not: the shapes of either API, who a
data subject is (api/payloads.py).
"""

from __future__ import annotations

from ....domain.keys import email_key
from ....domain.orders.order import Address

_INVALID = "Invalid Request"  # eBay's text in place of data that it withholds


def first_email(*addresses: str | None) -> str:
    """The first text that is an e-mail address, '' if none is."""
    return next((address for address in addresses if address and email_key(address)), "")


def phone(number: str | None) -> str:
    return "" if number is None or number == _INVALID else number


def state(stated: str | None) -> str:
    """The state, '' for `default`, which eBay writes where the buyer's country has no states."""
    return "" if stated is None or stated.strip().lower() == "default" else stated


def with_reference(address: Address | None, reference: str | None) -> Address | None:
    """The address of a parcel to eBay's hub: "Sellers must include this value on the shipping label immediately above
    the street address of the international shipping provider. Example: Reference #1234567890123456"."""
    if address is None or not reference:
        return address
    text = reference if reference.startswith("Reference") else f"Reference #{reference}"
    return Address(
        name=address.name,
        company=address.company,
        street=text,
        street2=", ".join(part for part in (address.street, address.street2) if part),
        city=address.city,
        postcode=address.postcode,
        state=address.state,
        country=address.country,
        phone=address.phone,
    )
