"""Types that every topic shares: ids, tokens, errors of the Sell APIs, and the error for an order that cannot be read.

What belongs here: the vendor's shapes under the vendor's names. What does not: orders (orders/rest_payloads.py), items
and offers (inventory/payloads.py), the Trading API (trading_payloads.py).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ....core.errors import RecordError

# Ids of orders before 2019 contain an exclamation mark (6498414015!260000000562911).
Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z*!_-]{1,64}$")]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class _Payload(msgspec.Struct, rename="camel", gc=False):
    pass


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
