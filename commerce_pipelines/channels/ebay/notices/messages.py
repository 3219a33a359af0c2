"""What a message of eBay's Notification API says: verified over its raw bytes, then cut to ids.

A message about one order comes once per line item, and again when a payment fails and later succeeds: each is only a
hint at the order. The signature names the key by its id, and eBay is asked for a key that is not known yet; so that a
forger cannot make us call eBay at will, an unknown id costs one call a minute at most.

What belongs here: challenge, signature, the shapes of messages. What does not: subscriptions (subscriptions.py), where
notices are kept (warehouse/shared/notifications.py).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ....core.errors import ForgedMessage, PermanentError, TransientError
from ....core.topics import Topic
from ...capabilities import Notice, Notices
from ..api.payloads import Id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

LOOKUP_SECONDS = 60.0  # between two look-ups of keys that are not known
KEY_SECONDS = 3600.0  # after which a known key is asked for again; the old one serves until eBay answers
ANSWER_SECONDS = 5.0  # that a message waits for the look-up of its key by another message
HEADER = "x-ebay-signature"
ORDER_CONFIRMATION, ACCOUNT_DELETION = "ORDER_CONFIRMATION", "MARKETPLACE_ACCOUNT_DELETION"
# Events after which the order is read again.
OF_ORDERS = frozenset((ORDER_CONFIRMATION, "ITEM_MARKED_SHIPPED"))
_KEY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_UNREADABLE = ForgedMessage("The message is not shaped as eBay's are.")
_FORGED = ForgedMessage("The message bears no valid signature of eBay's.")
DeliveryId = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,100}\Z")]
# What eBay calls the key with this id: (key, digest).
AskForKey = Callable[[str], tuple[str, str]]


class Signature(msgspec.Struct, frozen=True):
    kid: str
    signature: str


class Metadata(msgspec.Struct, frozen=True):
    topic: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]{1,100}\Z")]


class Notification(msgspec.Struct, frozen=True, rename="camel"):
    notification_id: DeliveryId
    event_date: datetime | None = None
    data: dict[str, Any] = {}


class Message(msgspec.Struct, frozen=True):
    metadata: Metadata
    notification: Notification


class DeletedAccount(msgspec.Struct, frozen=True, rename="camel"):
    """One of them is the name under which orders were landed; since September 2025 it is the id for some countries."""

    username: str = ""
    user_id: str = ""


class Ordered(msgspec.Struct, frozen=True, rename="camel"):
    order_id: Id


class OrderData(msgspec.Struct, frozen=True, rename="camel"):
    """The id of the order stands in `order`, or beside it."""

    order: Ordered | None = None
    order_id: Id | None = None


class EbayNotices(Notices):
    """token: the verification token. ask: eBay's answer for a key's id; raises PermanentError for an id it does not
    know. clock: seconds that only grow."""

    def __init__(self, token: str, ask: AskForKey, clock: Callable[[], float]) -> None:
        self._token, self._ask, self._clock = token, ask, clock
        self._keys: dict[str, tuple[EllipticCurvePublicKey, str, float]] = {}
        self._turn = threading.Lock()
        self._looked_up_at: float | None = None
        self._asked_for, self._answered = "", threading.Event()  # the last look-up, and whether it is over

    def answer_challenge(self, code: str, address: str) -> bytes | None:
        """eBay sends the code to the address as it was registered, and expects this digest of code, token and
        address."""
        digest = hashlib.sha256(f"{code}{self._token}{address}".encode()).hexdigest()
        return msgspec.json.encode({"challengeResponse": digest})

    def read(self, headers: Mapping[str, str], body: bytes) -> Notice:
        self._verify(headers.get(HEADER, ""), body)
        message = _decode(body, Message)
        event, notification = message.metadata.topic, message.notification
        delivery_id, at = notification.notification_id, notification.event_date
        if event == ACCOUNT_DELETION:
            account = _convert(notification.data, DeletedAccount)
            names = [name for name in (account.username, account.user_id) if name]
            if not names:
                raise _UNREADABLE
            persons = tuple(f"ebay:{name}" for name in names)
            return Notice(delivery_id=delivery_id, event=event, topic=Topic.PRIVACY, asks="erase", persons=persons)
        if event in OF_ORDERS:
            data = _convert(notification.data, OrderData)
            order_id = data.order.order_id if data.order else data.order_id or ""
            changed_at = at if at is not None and at.tzinfo is not None else None
            return Notice(
                delivery_id=delivery_id, event=event, topic=Topic.ORDERS, record_id=order_id, changed_at=changed_at
            )
        return Notice(delivery_id=delivery_id, event="other")

    def _verify(self, header: str, body: bytes) -> None:
        """Raises ForgedMessage, or TransientError where eBay cannot be asked for the key."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256

        try:
            claimed = _decode(base64.b64decode(header, validate=True), Signature)
            signature = base64.b64decode(claimed.signature, validate=True)
        except (binascii.Error, ValueError):
            raise _FORGED from None
        if not _KEY_ID.match(claimed.kid):  # it becomes part of a URL
            raise _FORGED
        key, digest = self._find_key(claimed.kid)
        try:
            # The digest is the one that eBay's answer names, whatever the header of the message says.
            key.verify(signature, body, ECDSA(SHA1() if digest == "SHA1" else SHA256()))  # noqa: S303 - eBay's choice
        except InvalidSignature:
            raise _FORGED from None

    def _find_key(self, key_id: str) -> tuple[EllipticCurvePublicKey, str]:
        with self._turn:
            now, kept = self._clock(), self._keys.get(key_id)
            if kept is not None and now - kept[2] < KEY_SECONDS:
                return kept[0], kept[1]
            may_ask = self._looked_up_at is None or now - self._looked_up_at >= LOOKUP_SECONDS
            if may_ask:
                self._looked_up_at, self._asked_for, self._answered = now, key_id, threading.Event()
            asked_for, answered = self._asked_for, self._answered
        if may_ask:
            try:
                self._look_up(key_id, now)
            finally:
                answered.set()
        elif kept is None and key_id == asked_for:  # many messages come at once after a start, all by one key
            answered.wait(ANSWER_SECONDS)
        fresh = self._keys.get(key_id)
        if fresh is None:
            raise _FORGED
        return fresh[0], fresh[1]

    def _look_up(self, key_id: str, now: float) -> None:
        """Keep what eBay answers. An answer that is no key leaves an earlier one in place."""
        try:
            text, digest = self._ask(key_id)
            key = load_key(text)
        except PermanentError:
            return
        except TransientError:
            if key_id not in self._keys:
                raise
            return
        if digest in ("SHA1", "SHA256"):
            self._keys[key_id] = (key, digest, now)


def load_key(text: str) -> EllipticCurvePublicKey:
    """A key as eBay's API shows it: PEM on one line. Raises ForgedMessage for what is no elliptic key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    inner = re.sub(r"-----(BEGIN|END) PUBLIC KEY-----|\s", "", text)
    try:
        key = load_der_public_key(base64.b64decode(inner, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise _FORGED from None
    if not isinstance(key, EllipticCurvePublicKey):
        raise _FORGED
    return key


def _decode(body: bytes, shape: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _UNREADABLE from None


def _convert(data: dict[str, Any], shape: type[Any]) -> Any:
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError:
        raise _UNREADABLE from None
