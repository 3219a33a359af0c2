"""Types that every topic shares: ids, amounts, tokens, errors of the Sell APIs, the error for an order that cannot be
read, and whom a record is about.

What belongs here: the vendor's shapes under the vendor's names. What does not: orders (orders/rest_payloads.py), items
and offers (inventory/payloads.py), the Trading API (trading_payloads.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from ....core.errors import RecordError

# Ids of orders before 2019 contain an exclamation mark (6498414015!260000000562911).
Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z*!_-]{1,64}\Z")]  # `$` would take a line end
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")]


class _Payload(msgspec.Struct, rename="camel", gc=False):
    pass


class Amount(_Payload):
    """`value` is in `currency`. An amount that eBay converted also states its original currency."""

    value: str
    currency: Currency
    converted_from_value: str | None = None
    converted_from_currency: str | None = None


class Error(_Payload):
    error_id: int
    message: str = ""
    long_message: str = ""


class Errors(_Payload):
    errors: list[Error] = []


class AccessToken(msgspec.Struct):
    """`expires_in` in seconds (7200)."""

    access_token: str
    expires_in: float


class TokenError(msgspec.Struct):
    error: str
    error_description: str = ""


def bad_payload(reason: str) -> RecordError:
    """reason: the result of core/legible.says."""
    return RecordError(
        "bad_payload",
        f"eBay's order is not shaped as its API says: {reason}.",
        fix="Look at the landed answer; where eBay changed its API, channels/ebay/orders/rest_payloads.py must follow.",
        subject=reason.partition(" - at `")[2].rstrip("`"),
    )


def subject(username: str, order_id: str) -> str:
    """The user name, which stays the same for a buyer, while eBay removes the e-mail after 14 days."""
    return f"ebay:{username}" if username else f"order:{order_id}"
