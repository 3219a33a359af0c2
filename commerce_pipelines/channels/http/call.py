"""One call of an HttpSession, whether it may be repeated, and its answer.

What belongs here: their shapes. What does not: sending a call (session.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NamedTuple, TypedDict

import msgspec

from ...core.errors import ProtocolError
from ...core.legible import one_word
from .auth import Auth
from .throttle import Priority, Quota, Rate

# Fractions are decoded as Decimal, because an amount must never become a float.
_json = msgspec.json.Decoder(float_hook=Decimal)

MOST_CODES = 5  # that are named of one answer

WriteMethod = Literal["POST", "PUT", "PATCH", "DELETE"]


class Repeat(StrEnum):
    """Whether a write may be sent again when its answer is lost. Every call other than GET or HEAD says so.

    STATE: sending it twice has the same effect as once, because the call states what shall be true, or is a read by
    POST. TOKEN: the vendor recognises the second call by a key. NEVER: sending it twice would have two effects (two
    parcels, two refunds, two listings). Such a call is sent again only after an answer that says nothing was done; a
    lost answer raises UnknownOutcome.
    """

    STATE = "state"
    TOKEN = "token"  # noqa: S105
    NEVER = "never"


class Response(msgspec.Struct, frozen=True):
    """One answer. headers: looked up without regard to case. operation: the name of the call, for messages."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    operation: str = ""

    def json(self) -> Any:
        """The body's JSON, with fractions as Decimal. Raises ProtocolError if it is not JSON; never quotes the body."""
        try:
            return _json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ProtocolError(
                f"{self.operation} was answered {self.status} with {len(self.body)} bytes that are not JSON."
            ) from None


class Said(msgspec.Struct, frozen=True):
    """What an error answer says. codes: the vendor's own, of which those of one word are named; text: its words, which
    are not; meanings: what codes mean, in our words."""

    codes: tuple[str, ...] = ()
    text: str = ""
    meanings: Mapping[str, str] = {}

    @property
    def named(self) -> str:
        """The codes as a sentence of ours names them: `QuotaExceeded (the rate limit is used up), 4711`."""
        named = [code for code in dict.fromkeys(map(one_word, self.codes)) if code][:MOST_CODES]
        return ", ".join(f"{code} ({self.meanings[code]})" if code in self.meanings else code for code in named)


Describe = Callable[[Response], Said]


class Daily(NamedTuple):
    """The calls of a day that several operations share. name: the vendor's API, for the budget's key."""

    name: str
    quota: Quota


class Options(TypedDict, total=False):
    """The optional parts of a call; Call has their defaults and meaning."""

    rate: Rate | None
    params: Mapping[str, Any] | None
    headers: Mapping[str, str] | None
    json: Any
    data: bytes | None
    auth: Auth | None
    cost: float
    need: float
    priority: Priority
    daily: Daily | None
    ok: Collection[int]
    deadline: float
    max_wait: float | None
    max_bytes: int
    describe: Describe | None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """operation: the name of the call, for messages, logs and the rate limit. ok: statuses that count as an answer.

    deadline: seconds that attempts and pauses may take together, without the wait for the rate limit, which max_wait
    limits (None: the session's). cost, need, priority: of the rate limit, as in core/throttle.py; priority is told
    where calls of several classes share a limit. daily: the calls of a day that this one counts to, too. max_bytes: of
    the decompressed body. describe: as in HttpSession.
    """

    method: str
    url: str
    operation: str
    repeat: Repeat
    rate: Rate | None = None
    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    json: Any = None
    data: bytes | None = None
    auth: Auth | None = None
    cost: float = 1.0
    need: float = 0.0
    priority: Priority = Priority.ORDERS
    daily: Daily | None = None
    ok: Collection[int] = (200,)
    deadline: float = 60.0
    max_wait: float | None = None
    max_bytes: int = 64 << 20
    describe: Describe | None = None
