"""What is asked of an HttpSession and what it gives back: one call, whether it may be repeated, one answer.

What belongs here: their shapes. What does not: sending it (session.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, TypedDict

import msgspec

from ...core.errors import ProtocolError
from .auth import Auth
from .throttle import Rate

# Fractions stay exact: a float never becomes money.
_json = msgspec.json.Decoder(float_hook=Decimal)

WriteMethod = Literal["POST", "PUT", "PATCH", "DELETE"]


class Repeat(StrEnum):
    """Why a write may be sent again when its answer is lost: said of every call that is no GET or HEAD.

    STATE: twice has the effect of once, because the call states what shall be true, or is a read by POST. TOKEN: the
    vendor honours a key that is the same in both. NEVER: twice is two effects (two parcels, two refunds, two listings);
    it is sent again only after an answer that says nothing was done, and otherwise UnknownOutcome is raised.
    """

    STATE = "state"
    TOKEN = "token"  # noqa: S105
    NEVER = "never"


class Response(msgspec.Struct, frozen=True):
    """One answer. headers compares names without case. operation: what was asked, for messages."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    operation: str = ""

    def json(self) -> Any:
        """The body's JSON, fractions as Decimal. Raises ProtocolError when it is none; never quotes the body."""
        try:
            return _json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            kind = self.headers.get("Content-Type", "no content type")[:80]
            raise ProtocolError(
                f"{self.operation} was answered {self.status} with {len(self.body)} bytes of {kind} that are not JSON."
            ) from None


class Options(TypedDict, total=False):
    """What a call may say besides its method, address and operation; defaults and meaning as of Call."""

    rate: Rate | None
    params: Mapping[str, Any] | None
    headers: Mapping[str, str] | None
    json: Any
    data: bytes | None
    auth: Auth | None
    cost: float
    ok: Collection[int]
    deadline: float
    max_wait: float | None
    max_bytes: int
    describe: Callable[[Response], str] | None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """operation: for messages, logs and the rate limit. ok: statuses that are an answer.

    deadline: seconds that attempts and pauses may take together, without the wait for the rate limit, which max_wait
    bounds (None: the session's). max_bytes: of the body, decompressed. describe: as of HttpSession.
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
    ok: Collection[int] = (200,)
    deadline: float = 60.0
    max_wait: float | None = None
    max_bytes: int = 64 << 20
    describe: Callable[[Response], str] | None = None
