"""Effects and outcomes: the shapes that planners, doors (what sends to one channel) and the outbox's tables share.

An effect is what shall be true on the other side; an attempt is one call for it. Both are on record before the call,
the effect first.

What belongs here: these shapes, digest and token. What does not: which status may follow which (rules.py), the rows
(warehouse/outbox/).

    kind          manner  key
    quantity      set     listing
    content       set     listing + fields
    subscription  set     topic
    shipment      once    picking + parcel
    tracking      set     picking + parcel, of one that is confirmed
    refund        once    credit note
    listing       once    product + marketplace
    inbound       once    plan + step

Bodies hold ids and figures, never personal data: the tables are not encrypted.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal

import msgspec

from ...core.words import NO_WORDS, Words

LATE_ANSWER = timedelta(minutes=5)  # how long an unanswered request may still take effect: a call's total deadline
LATE_PENDING = timedelta(minutes=60)  # how long the other side may work on what it has accepted: Amazon's slowest feed
_canonical = msgspec.json.Encoder(order="deterministic")


class Manner(StrEnum):
    """SET: a state; only the newest wanted state counts, and it may be sent again. ONCE: an act that must not happen
    twice."""

    SET = "set"
    ONCE = "once"


class Kind(StrEnum):
    """What an effect makes true. The breaker, holds and releases work on one kind at a time."""

    QUANTITY = "quantity"
    CONTENT = "content"
    SUBSCRIPTION = "subscription"
    SHIPMENT = "shipment"
    TRACKING = "tracking"  # a tracking number that was corrected after the parcel was confirmed
    REFUND = "refund"
    LISTING = "listing"
    INBOUND = "inbound"

    @property
    def manner(self) -> Manner:
        return Manner.SET if self in _SETS else Manner.ONCE


_SETS = (Kind.QUANTITY, Kind.TRACKING, Kind.CONTENT, Kind.SUBSCRIPTION)


class Status(StrEnum):
    """How far an effect is.

    planned: on record, not sent. held: waits for a person. released: a person has agreed to exactly this digest. sent:
    a call for it has begun. accepted, refused: the other side's answer. stale: the other side showed another state than
    the one that we compared with, so nothing was written. pending: the other side is still working on it; its reference
    tells when it is done. unknown: nobody knows whether it happened. superseded: a newer effect of the same key
    replaced it.
    """

    PLANNED = "planned"
    HELD = "held"
    RELEASED = "released"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    STALE = "stale"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUPERSEDED = "superseded"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a planner asks for. body: what shall be true, and nothing else. basis: the figures that the body was decided
    on, for people to look at. Two equal bodies are the same wish, whatever their basis."""

    key: str
    body: dict[str, Any]
    basis: dict[str, Any] = {}


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One effect on record. token: the idempotency key of every attempt at this effect. attempt: the number of the
    newest attempt.

    reference: the other side's own id of the effect, '' until it gives one.
    """

    sequence: int
    key: str
    body: dict[str, Any]
    token: str
    status: Status
    attempt: int = 0
    reference: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a door says of one effect, after a call for it or after a look at the other side.

    Only a look says `absent`: the effect is certainly not there. `unknown` after a look: the other side cannot tell, so
    a person has to. An effect that a look does not mention was not looked at. code is the other
    side's, message our sentence; words are the other side's, which a door seals and nobody else reads.
    """

    key: str
    status: Literal["accepted", "refused", "stale", "pending", "unknown", "absent"]
    code: str = ""
    message: str = ""
    reference: str = ""
    words: Words = NO_WORDS


def encoded(value: Any) -> str:
    """JSON in which equal values are equal texts."""
    return _canonical.encode(value).decode()


def digest(body: dict[str, Any]) -> str:
    """The digest of a body: equal bodies have equal digests; 32 hex digits."""
    return hashlib.sha256(encoded(body).encode()).hexdigest()[:32]


def token(target: str, kind: str, key: str, sequence: int) -> str:
    """The idempotency key of one effect: the same for every attempt at it, another for the next effect. 32 hex
    digits."""
    return hashlib.sha256(f"{target}\n{kind}\n{key}\n{sequence}".encode()).hexdigest()[:32]
