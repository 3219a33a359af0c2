"""Types that every topic shares: nodes, pages, ids, whom a record is about.

What belongs here: shapes of the Admin GraphQL API under Shopify's names, decoding one landed record. What does not:
orders (orders/payloads.py), variants and levels (inventory/payloads.py), money (money.py), the envelope of an answer
(graphql.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

import msgspec

from ....core.errors import RecordError
from ....core.legible import decode_json, says
from ....domain.keys import email_key, is_relay

T = TypeVar("T")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Quantity = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]


class Node(msgspec.Struct, gc=False, kw_only=True):
    pass


class PageInfo(Node):
    hasNextPage: bool
    endCursor: str | None = None


class Reference(Node):
    id: str


def number(gid: str) -> str:
    """The numeric id in `gid://shopify/Order/450789469`: the same in webhook bodies, and what a person sees.

    Raises RecordError(`bad_payload`) for anything else, because the number becomes part of ids in Odoo.
    """
    digits = gid.rpartition("/")[2]
    if "?" in digits:
        digits = digits.partition("?")[0]
    if digits.isdecimal() and digits.isascii() and len(digits) <= 20:
        return digits
    raise RecordError(
        "bad_payload",
        "Shopify's order holds an id that has no number.",
        fix="Report the payload's shape: ids end in a number in every version so far.",
        subject="id",
    )


def decode_record(decoder: msgspec.json.Decoder[T], raw: bytes, what: str) -> T:
    """Raises RecordError(`bad_payload`) with the path of the wrong field, never with a value, which may be personal
    data. what: `order`, `refund` …"""
    try:
        return decode_json(decoder, raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        reason = says(error) if isinstance(error, msgspec.ValidationError) else "the JSON is broken"
        path = reason.rpartition("`$")[2].rstrip("`") if "`$" in reason else ""
        raise RecordError(
            "bad_payload",
            f"Shopify's {what} cannot be read: {reason}.",
            fix=f"Read the {what} again; if it stays, report the path, because Shopify changed what it sends.",
            subject=path.lstrip(".")[:100],
        ) from None


def subject_of(order_gid: str, email: str | None, customer: Reference | None) -> str:
    """Whom an order is about: the e-mail, else the customer's id, else the order's own id, because a guest without
    either is a subject of one order. Its refunds and returns are about the same person."""
    key, order_id = email_key(email) if email else "", number(order_gid)
    if key and not is_relay(key):
        return f"email:{key}"
    return f"shopify:{number(customer.id)}" if customer else f"order:{order_id}"
