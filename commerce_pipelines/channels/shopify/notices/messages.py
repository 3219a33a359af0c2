"""What a webhook of a shop says: verified over its raw bytes, then cut to ids.

A repeated webhook carries the body of the first attempt, up to four hours old, and Shopify promises no order: nothing
of a body is used but ids, and the record is read from the API. Headers are not signed. So a body that was caught and is
sent again under another topic must not pass for that topic: each topic has a shape of its own.

What belongs here: signature, topics, the shapes of bodies. What does not: subscriptions (subscriptions.py), where
notices are kept (warehouse/shared/notifications.py).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

import msgspec

from ....core.errors import ForgedMessage
from ....core.topics import Topic
from ....domain.keys import email_key
from ...capabilities import Notice, Notices

Number = Annotated[int, msgspec.Meta(gt=0)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
T = TypeVar("T")

# Topics as the header names them, which are about the order itself, and those whose body names it as `order_id`.
OF_ORDERS = tuple(
    f"orders/{event}" for event in ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled")
)
ABOUT_ORDERS = {"order_transactions/create": Topic.ORDERS, "refunds/create": Topic.REFUNDS}
REDACT_CUSTOMER, REQUEST_DATA, REDACT_SHOP = "customers/redact", "customers/data_request", "shop/redact"
# Set in the app's configuration only: no API can subscribe to them.
PRIVACY_TOPICS = (REQUEST_DATA, REDACT_CUSTOMER, REDACT_SHOP)
_DELIVERY_ID = re.compile(r"[\x21-\x7e]{1,100}\Z")
_UNREADABLE = ForgedMessage("The webhook is not shaped as Shopify's are.")
_FORGED = ForgedMessage("The webhook bears no valid signature of this shop's app.")


class OrderBody(msgspec.Struct, frozen=True):
    """What a subscription of ours asks for, whose fields stand in every whole order as well."""

    id: Number
    updated_at: Instant | None = None


class PartBody(msgspec.Struct, frozen=True):
    """A transaction or a refund."""

    id: Number
    order_id: Number


class Customer(msgspec.Struct, frozen=True):
    id: Number | None = None
    email: str | None = None


class CustomerRedacted(msgspec.Struct, frozen=True):
    shop_domain: str
    customer: Customer
    orders_to_redact: list[Number]


class DataRequest(msgspec.Struct, frozen=True):
    id: Number


class DataRequested(msgspec.Struct, frozen=True):
    shop_domain: str
    customer: Customer
    orders_requested: list[Number]
    data_request: DataRequest


class ShopRedacted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    shop_id: Number
    shop_domain: str


class ShopifyNotices(Notices):
    """secrets: any of them may have signed."""

    def __init__(self, shop: str, secrets: Sequence[str]) -> None:
        self._shop, self._secrets = shop, [secret.encode() for secret in secrets]

    def read(self, headers: Mapping[str, str], body: bytes) -> Notice:
        self._verify(headers, body)
        if _get(headers, "shop-domain").lower() != self._shop:
            raise _FORGED
        delivery_id, event = _get(headers, "webhook-id"), _get(headers, "topic")
        if not _DELIVERY_ID.match(delivery_id):
            raise _UNREADABLE
        if event in PRIVACY_TOPICS:
            return self._read_privacy(delivery_id, event, body)
        if event in OF_ORDERS:
            order = _decode(body, OrderBody)
            return Notice(
                delivery_id=delivery_id, event=event, topic=Topic.ORDERS, record_id=str(order.id),
                changed_at=order.updated_at,
            )  # fmt: skip
        if event in ABOUT_ORDERS:
            part = _decode(body, PartBody)
            topic = ABOUT_ORDERS[event]
            return Notice(delivery_id=delivery_id, event=event, topic=topic, record_id=str(part.order_id))
        _decode(body, dict)
        return Notice(delivery_id=delivery_id, event="other")

    def answer_challenge(self, code: str, address: str) -> bytes | None:
        return None

    def _verify(self, headers: Mapping[str, str], body: bytes) -> None:
        try:
            signature = base64.b64decode(_get(headers, "hmac-sha256"), validate=True)
        except (binascii.Error, ValueError):
            raise _FORGED from None
        # Every secret is compared, so that the time does not tell which of them is in use.
        fits = [hmac.compare_digest(hmac.digest(secret, body, hashlib.sha256), signature) for secret in self._secrets]
        if not any(fits):
            raise _FORGED

    def _read_privacy(self, delivery_id: str, event: str, body: bytes) -> Notice:
        if event == REDACT_SHOP:
            self._ensure_own_shop(_decode(body, ShopRedacted).shop_domain)
            return Notice(delivery_id=delivery_id, event=event, topic=Topic.PRIVACY, asks="erase_shop")
        if event == REQUEST_DATA:
            request = _decode(body, DataRequested)
            self._ensure_own_shop(request.shop_domain)
            return Notice(
                delivery_id=delivery_id, event=event, topic=Topic.PRIVACY, asks="export",
                record_id=str(request.data_request.id), orders=tuple(map(str, request.orders_requested)),
            )  # fmt: skip
        redacted = _decode(body, CustomerRedacted)
        self._ensure_own_shop(redacted.shop_domain)
        email, number = email_key(redacted.customer.email or ""), redacted.customer.id
        persons = [f"email:{email}"] if email else []
        persons += [f"shopify:{number}"] if number else []
        return Notice(
            delivery_id=delivery_id, event=event, topic=Topic.PRIVACY, asks="erase", persons=tuple(persons),
            orders=tuple(map(str, redacted.orders_to_redact)),
        )  # fmt: skip

    def _ensure_own_shop(self, shop: str) -> None:
        if shop.lower() != self._shop:
            raise _FORGED


def _get(headers: Mapping[str, str], name: str) -> str:
    """A header of Shopify's. Its newer events leave out the leading X-."""
    return headers.get(f"x-shopify-{name}") or headers.get(f"shopify-{name}", "")


def _decode(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _UNREADABLE from None
