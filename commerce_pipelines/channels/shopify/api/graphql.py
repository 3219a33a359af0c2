"""One GraphQL call to a shop: paced by its cost, its errors named, its answer decoded to a type.

What belongs here: the envelope of an answer (data, errors, cost), what each error code means, waiting by the figures of
Shopify's own bucket. What does not: which queries there are (queries.py), lists (pages.py), HTTP statuses
(channels/http/session.py).

Errors come in three layers: the HTTP status; `errors` beside `data` in an answer of status 200, THROTTLED and
ACCESS_DENIED among them; `userErrors` inside a mutation's data, which the sender of the mutation reads.
"""

from __future__ import annotations

import logging
import re
from copy import copy
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from ....core.errors import (
    CommerceError,
    CredentialError,
    PermanentError,
    ProtocolError,
    TransientError,
    UnknownOutcome,
)
from ....core.instruments import Instruments
from ....core.legible import decode_json, one_word, says
from ....core.words import Words
from ...http.auth import Auth
from ...http.session import UNKNOWN, HttpSession, Repeat, Response, Said
from ...http.throttle import Priority, Rate
from .queries import MOST_POINTS

T = TypeVar("T")
_log = logging.getLogger("commerce_pipelines.shopify")

# One bucket per app and shop, whatever is called; its key is this one operation. The first figures are the Standard
# plan's; every answer states the shop's own.
OPERATION = "graphql"
STANDARD_RATE = Rate(per_second=100.0, burst=1_000.0)
THROTTLED_ATTEMPTS = 8  # of one call that Shopify throttles
FAILED_ATTEMPTS = 4  # of one call that fails inside Shopify
REFUSED_BEFORE = frozenset(("THROTTLED", "MAX_COST_EXCEEDED", "SHOP_INACTIVE", "ACCESS_DENIED", ""))
_SCOPE = re.compile(r"\b(?:read|write)_[a-z_]{1,40}")
_NO_FIELD = re.compile(r"Field '([A-Za-z_]{1,40})' doesn't exist on type '([A-Za-z_]{1,40})'\Z")


class Throttle(msgspec.Struct, frozen=True):
    """Shopify's bucket at the time of its answer, in points."""

    maximumAvailable: float = STANDARD_RATE.burst
    currentlyAvailable: float = STANDARD_RATE.burst
    restoreRate: float = STANDARD_RATE.per_second


class Cost(msgspec.Struct, frozen=True):
    """requestedQueryCost must be in the bucket before a query runs; actualQueryCost is what the query costs in the
    end."""

    requestedQueryCost: float = 0.0
    actualQueryCost: float | None = None
    throttleStatus: Throttle = Throttle()


class Extensions(msgspec.Struct, frozen=True):
    cost: Cost = Cost()


# Of a query that was not asked yet: most of ours request less.
FIRST_COST = Cost(requestedQueryCost=250.0)


class ErrorExtensions(msgspec.Struct, frozen=True):
    code: str = ""
    requiredAccess: str = ""


class Error(msgspec.Struct, frozen=True):
    message: str = ""
    path: tuple[str | int, ...] = ()
    extensions: ErrorExtensions = ErrorExtensions()


class Envelope(msgspec.Struct, frozen=True):
    """The fields beside `data`."""

    errors: tuple[Error, ...] | str = ()
    extensions: Extensions = Extensions()


class Answer(Envelope, Generic[T], frozen=True):
    data: T | None = None


class _Plan:
    """The shop's rate, which the views of one shop share."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate


class TooExpensive(CommerceError):
    """The query costs more than any query may. A caller that can request less catches it."""


_envelopes = msgspec.json.Decoder(Envelope)


@cache
def _build_decoder(shape: type[T]) -> msgspec.json.Decoder[Answer[T]]:
    return msgspec.json.Decoder(Answer[shape])  # type: ignore[valid-type]


def describe(response: Response) -> Said:
    """Shopify's text in an error answer: {"errors": "…"} of the API, {"error": "…"} of the token endpoint, where it is
    a code (RFC 6749)."""
    answer = response.json()
    errors = answer.get("errors") or answer["error"]
    text = errors if isinstance(errors, str) else str(errors[0].get("message", ""))
    return Said((text,) if "error" in answer else (), text)


class GraphQL:
    """Calls of one shop. version: the API version that every answer should have."""

    def __init__(
        self,
        session: HttpSession,
        url: str,
        auth: Auth,
        version: str,
        instruments: Instruments,
    ) -> None:
        self._session, self._url, self._auth, self._version = session, url, auth, version
        self._clock, self._sleep = instruments.clock, instruments.sleep
        self._plan = _Plan(STANDARD_RATE)
        self._costs: dict[
            str, tuple[Cost, float]
        ] = {}  # of each query: its last cost, and how many objects it asked for
        self._priority = Priority.ORDERS
        self._said: set[str] = set()  # warnings about the API version that are already logged
        self.warnings: list[str] = []  # about the API version, from the answers so far

    def serving(self, priority: Priority) -> GraphQL:
        """The same shop, for calls of another class: they leave others what those need of the shop's points."""
        other = copy(self)
        other._priority = priority
        return other

    def cost(self, query: str) -> Cost:
        """The last cost of the query, zero before its first answer."""
        return self._costs.get(query, (Cost(), 1.0))[0]

    def seconds(self, points: float) -> float:
        """How long the bucket takes to refill by so many points."""
        return points / self._plan.rate.per_second

    def _expect_points(self, query: str, variables: dict[str, Any]) -> tuple[float, float]:
        """(points that the query will cost, points that must be there): as last time, by the number of objects that it
        asks for. A throttled call is a wasted one."""
        cost, objects = self._costs.get(query, (FIRST_COST, _count_objects(variables)))
        part = _count_objects(variables) / objects
        need = min(float(MOST_POINTS), cost.requestedQueryCost * part)
        return max(1.0, min(need, (cost.actualQueryCost or 0.0) * part)), need

    def ask(self, query: str, variables: dict[str, Any], shape: type[T]) -> T:
        """The answer's `data`. Raises TooExpensive, TransientError, CredentialError or ProtocolError."""
        if query.lstrip().startswith("mutation"):
            raise TypeError("a mutation says whether it may be repeated: use change")
        return self._run_query(query, variables, shape, Repeat.STATE)

    def change(self, mutation: str, variables: dict[str, Any], shape: type[T], *, repeat: Repeat) -> T:
        """Like `ask`, for a mutation. Repeat.TOKEN needs the directive `@idempotent`, which Shopify honours only for
        documented mutations. With Repeat.NEVER it also raises UnknownOutcome, when Shopify may have done it. The caller
        reads `userErrors`."""
        return self._run_query(mutation, variables, shape, repeat)

    def _run_query(self, query: str, variables: dict[str, Any], shape: type[T], repeat: Repeat) -> T:
        wait = 0.0
        for attempt in range(THROTTLED_ATTEMPTS):
            points, need = self._expect_points(query, variables)
            response = self._session.send(
                "POST",
                self._url,
                operation=OPERATION,
                repeat=repeat,
                rate=self._plan.rate,
                cost=points,
                need=need,
                priority=self._priority,
                json={"query": query, "variables": variables},
                auth=self._auth,
                describe=describe,
            )
            self._note_version(response)
            try:
                answer = self._read(response, shape)
            except ProtocolError:
                if repeat is Repeat.NEVER:
                    raise self._build_unknown_outcome() from None
                raise
            self._note_cost(query, _count_objects(variables), points, answer)
            if not answer.errors and isinstance(answer, Answer) and answer.data is not None:
                return answer.data
            if repeat is Repeat.NEVER and not _is_undone(answer):
                raise self._build_unknown_outcome()
            wait = self._decide_wait(answer, attempt)
            self._sleep(wait)
        raise TransientError(
            f"{self._session.account}: Shopify throttled a query {THROTTLED_ATTEMPTS} times.", wait=wait
        )

    def _build_unknown_outcome(self) -> UnknownOutcome:
        return UnknownOutcome(f"{self._session.account}: a mutation failed inside Shopify: {UNKNOWN}")

    def _read(self, response: Response, shape: type[T]) -> Answer[T] | Envelope:
        """The answer, decoded once. Beside errors, `data` may have any shape, and it is not used then."""
        try:
            return decode_json(_build_decoder(shape), response.body)  # type: ignore[arg-type]
        except msgspec.ValidationError as error:
            envelope = decode(_envelopes, response.body)
            if envelope.errors:
                return envelope
            raise _build_misshapen_error(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _build_misshapen_error(error) from None

    def _note_cost(self, query: str, objects: float, taken: float, answer: Envelope) -> None:
        """Keep what the query cost, and tell all processes what Shopify says of its bucket. taken: points that were
        taken for the call."""
        cost = answer.extensions.cost
        status = cost.throttleStatus
        if cost.requestedQueryCost and status.restoreRate > 0:
            self._plan.rate = Rate(status.restoreRate, status.maximumAvailable)
            spent = cost.actualQueryCost or 0.0
            self._session.learn(OPERATION, self._plan.rate, left=status.currentlyAvailable, cost=spent - taken)
            if not answer.errors:
                self._costs[query] = cost, objects

    def _note_version(self, response: Response) -> None:
        served = response.headers.get("X-Shopify-API-Version", self._version)
        reason = response.headers.get("X-Shopify-API-Deprecated-Reason", "")
        if served != self._version:
            self._warn(f"Shopify answers as API version {one_word(served) or 'of no name'}, not {self._version}")
        if reason:
            self._warn(f"Shopify will soon refuse what is asked of API version {self._version}")

    def _warn(self, says: str) -> None:
        if says not in self._said:
            self._said.add(says)
            self.warnings.append(f"{says}; set api_version to a newer one after an update.")
            _log.warning("%s: %s", self._session.account, self.warnings[-1])

    def _decide_wait(self, answer: Envelope, attempt: int) -> float:
        """Seconds after which the same call may succeed. If it cannot succeed, raises what the errors mean."""
        account = self._session.account
        errors = answer.errors
        if not errors:
            raise ProtocolError(f"{account}: Shopify answered without data and without an error.")
        if isinstance(errors, str):
            raise PermanentError(f"{account}: Shopify refuses the query without a code.", words=Words(errors))
        codes = {error.extensions.code for error in errors}
        cost = answer.extensions.cost
        status = cost.throttleStatus
        if "THROTTLED" in codes:
            missing = cost.requestedQueryCost - status.currentlyAvailable
            return max(missing, 1.0) / max(status.restoreRate, 1.0)
        if "MAX_COST_EXCEEDED" in codes:
            raise TooExpensive(f"{account}: a query costs more than {MOST_POINTS} points.")
        if "ACCESS_DENIED" in codes:
            denied = next(error for error in errors if error.extensions.code == "ACCESS_DENIED")
            scopes = sorted(set(_SCOPE.findall(denied.extensions.requiredAccess or denied.message)))
            field = _join_path(denied)
            raise CredentialError(
                f"{account}: the app may not read {field or 'this'} in Shopify; grant it the scope "
                f"{' or '.join(scopes) or 'that the field needs'} and install it again."
            )
        if "SHOP_INACTIVE" in codes:
            raise CredentialError(f"{account}: the shop is not active; reactivate it in Shopify or remove the channel.")
        if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
            if attempt + 1 >= FAILED_ATTEMPTS:
                raise TransientError(f"{account}: Shopify failed inside; it will be tried again later.")
            return float(2**attempt)
        first = errors[0]
        parts = (one_word(first.extensions.code), _join_path(first), ".".join(filter(None, _find_member(first))))
        named = ", ".join(dict.fromkeys(filter(None, parts))) or "without a code"
        raise ProtocolError(
            f"{account}: Shopify refuses the query ({named}); compare api_version.",
            words=Words("; ".join(error.message for error in errors)),
        )


def _is_undone(answer: Envelope) -> bool:
    """Whether Shopify refused the document before it ran anything. THROTTLED and the like refer to the whole document;
    an error without code means that the document does not fit the schema; ACCESS_DENIED of the mutation itself has a
    path of one field. Any other error may come from the middle of the work."""
    errors = answer.errors
    if isinstance(errors, str):
        return True
    return bool(errors) and all(
        error.extensions.code in REFUSED_BEFORE and len(error.path) <= (error.extensions.code == "ACCESS_DENIED")
        for error in errors
    )


def _count_objects(variables: dict[str, Any]) -> float:
    return float(variables.get("first") or 1)


def decode(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    try:
        return decode_json(decoder, body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _build_misshapen_error(error) from None


def _join_path(error: Error) -> str:
    """Where in the query: `orders.nodes.name`."""
    return ".".join(part for part in error.path if isinstance(part, str) and one_word(part))


def _find_member(error: Error) -> tuple[str, ...]:
    """The type and field that Shopify's schema does not have, as in "Field 'x' doesn't exist on type 'Order'"."""
    hit = _NO_FIELD.match(error.message)
    return (hit[2], hit[1]) if hit else ()


def _build_misshapen_error(error: Exception) -> ProtocolError:
    text = says(error) if isinstance(error, msgspec.ValidationError) else "it is not whole JSON"
    return ProtocolError(f"Shopify's answer does not have the shape that its schema promises: {text}.")
