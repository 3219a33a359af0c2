"""One HTTP call to a marketplace, done properly: rate limit, deadline, retries by status, token renewal, redacted logs.

What belongs here: what a status means for us (one table), when a call is repeated, which hosts may be called,
paging. What does not: the shape of a call (call.py), sockets and bytes (core/exchange.py), tokens (auth.py), the
vendor's numbers and error codes (each marketplace's folder).
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar, Unpack
from urllib.parse import urlsplit

import msgspec
import requests
import urllib3.exceptions

from ...core.errors import (
    CommerceError,
    CredentialError,
    PermanentError,
    ProtocolError,
    RateLimited,
    TransientError,
    UnknownOutcome,
)
from ...core.exchange import NotPublic, TooLarge, exchange, is_cut_off, is_unsent, is_untrusted, new_session
from ...core.instruments import Instruments
from ...core.obstacles import find_obstacle
from ...core.urls import LOOPBACK, is_address
from ...core.words import NO_WORDS, Words
from . import redact
from .auth import Auth, StaticAuth, TokenAuth
from .call import Call, Describe, Options, Repeat, Response, Said, WriteMethod
from .redact import Redact
from .throttle import BucketStore, Plan, Rate

__all__ = ["Auth", "HttpSession", "Redact", "Repeat", "Response", "Said", "StaticAuth", "TokenAuth", "pages"]

T = TypeVar("T")
_log = logging.getLogger("commerce_pipelines.http")
redact.install()

RETRIES = 4
# Without calls after the vendor said that the day's calls are used up: its own count may be wrong, or be reset by then.
DAILY_PAUSE_SECONDS = 3_600.0
USER_AGENT = "commerce-pipelines/0.1 (Language=Python)"
_BACKOFF_SECONDS, _BACKOFF_LIMIT_SECONDS = 1.0, 30.0


class Rule(NamedTuple):
    """What an unsuccessful status means. undone: it is certain that the call did nothing.

    No 5xx makes that certain: a proxy sends one when it has lost the marketplace, whatever the marketplace has done by
    then.
    """

    error: type[CommerceError]
    says: str
    retry: bool = False
    undone: bool = False


_AGAIN = "it will be tried again later"
RULES: dict[int, Rule] = {
    401: Rule(CredentialError, "the access token is refused; authorise the app again and store the new credentials",
              undone=True),
    403: Rule(CredentialError, "the app lacks the right; grant it the role or scope and authorise it again",
              undone=True),
    404: Rule(ProtocolError, "there is no such address or object; check the endpoint and the id", undone=True),
    408: Rule(TransientError, f"the request took too long; {_AGAIN}", retry=True),
    425: Rule(TransientError, f"it was too early; {_AGAIN}", retry=True, undone=True),
    429: Rule(TransientError, f"the rate limit is used up; {_AGAIN}", retry=True, undone=True),
    500: Rule(TransientError, f"the marketplace failed; {_AGAIN}", retry=True),
    502: Rule(TransientError, f"the marketplace cannot be reached; {_AGAIN}", retry=True),
    503: Rule(TransientError, f"the marketplace is not available; {_AGAIN}", retry=True),
    504: Rule(TransientError, f"the marketplace took too long; {_AGAIN}", retry=True),
}  # fmt: skip
_FAMILIES = {
    2: Rule(ProtocolError, "this success is not one that the operation knows; compare the API version"),
    3: Rule(ProtocolError, "redirects are not followed; check the endpoint", undone=True),
    4: Rule(PermanentError, "the request is refused", undone=True),
    5: Rule(TransientError, f"the marketplace failed; {_AGAIN}", retry=True),
}
_BROKEN = Rule(TransientError, _AGAIN, retry=True)
_UNTRUSTED = Rule(PermanentError, "nothing was sent")
_INSIDE = "its name leads to this machine or into its own network: correct this machine's name service (DNS)"
UNKNOWN = "it may have done its work, so that it is not sent again before somebody has looked at the other side."


class _Failure(Exception):
    """One failed attempt. sent: whether the other side may have acted on it. wait: the seconds that the other side asks
    for. empty: whether a 429 means that a quota is used up."""

    def __init__(
        self, rule: Rule, status: int, text: str, *, sent: bool = True, wait: float | None = None,
        empty: bool = False, words: Words = NO_WORDS,
    ) -> None:  # fmt: skip
        super().__init__(text)
        self.rule, self.status, self.wait, self.empty, self.words = rule, status, wait, empty, words
        self.undone = rule.undone or not sent


class HttpSession:
    """Calls of one account. Threads may share it: each has its own connections.

    account: the channel's name, for messages, logs and rate limits. hosts: which hosts may be called, as `host` (port
    443), `host:port` or a URL; a call to any other is refused before it is sent. named: those of them that the settings
    name; only these, and bare addresses, may lead to this machine or into its network. describe: takes the vendor's
    error codes and text from an error answer. used_up: whether a 429 means that a quota is used up, and not that a
    gateway was busy. max_wait: the longest wait for the rate limit, in seconds.
    """

    max_wait: float = 900.0

    def __init__(
        self,
        account: str,
        hosts: Collection[str],
        buckets: BucketStore,
        instruments: Instruments,
        *,
        named: Collection[str] = (),
        describe: Describe | None = None,
        used_up: Callable[[Response], bool] = lambda response: True,
    ) -> None:
        self.account = account
        self._allowed = frozenset(map(_read_origin, hosts))
        self._named = frozenset(map(_read_origin, named))
        self._buckets, self._instruments = buckets, instruments
        self._clock, self._sleep = instruments.clock, instruments.sleep
        self._describe, self._used_up = describe, used_up
        self._threads = threading.local()

    def get(self, url: str, *, operation: str, **options: Unpack[Options]) -> Response:
        """The answer, if its status is one of `ok`.

        Raises TransientError (with `wait` when the vendor named one), CredentialError, ProtocolError or PermanentError.
        """
        return self._request_until_done(
            Call(method="GET", url=url, operation=operation, repeat=Repeat.STATE, **options)
        )

    def send(
        self, method: WriteMethod, url: str, *, operation: str, repeat: Repeat, **options: Unpack[Options]
    ) -> Response:
        """Like `get`. With Repeat.NEVER it also raises UnknownOutcome, when the call may have done its work."""
        return self._request_until_done(Call(method=method, url=url, operation=operation, repeat=repeat, **options))

    def _request_until_done(self, call: Call) -> Response:
        if _read_origin(call.url) not in self._allowed:
            raise PermanentError(
                f"{self.account}: {call.operation} would call {_read_origin(call.url)}, which is not a host of this "
                "channel; check endpoint and token_endpoint in commerce.yaml."
            )
        fields = {"User-Agent": USER_AGENT, "Accept": "application/json", **(call.headers or {})}
        data = call.data
        if call.json is not None:
            data, fields["Content-Type"] = msgspec.json.encode(call.json), "application/json"
        request = requests.Request(call.method, call.url, headers=fields, params=dict(call.params or {}), data=data)
        due = self._clock() + call.deadline
        attempt, renewed = 0, False
        while True:
            due += self._wait_for_turn(call)
            request.headers = {**fields, **(call.auth.headers() if call.auth else {})}
            try:
                return self._send_once(call, request, due, attempt)
            except _Failure as failure:
                if failure.status == 401 and call.auth and not renewed:
                    call.auth.renew()
                    renewed = True
                    continue
                pause = self._decide_pause(failure, call, attempt)
                if pause > due - self._clock():
                    raise self._build_error(failure, call) from None
                self._sleep(pause)
                attempt += 1

    def _wait_for_turn(self, call: Call) -> float:
        """Seconds waited for the rate limit, and for the day's calls, which nobody waits for until tomorrow."""
        started = self._clock()
        if call.rate is not None:
            self._take(call, call.operation, call.rate)
        if call.daily is not None:
            self._take(call, call.daily.name, call.daily.quota)
        return self._clock() - started

    def _take(self, call: Call, name: str, plan: Plan) -> None:
        longest = self.max_wait if call.max_wait is None else call.max_wait
        started, key = self._clock(), self._name_bucket(name)
        cost, need = (call.cost, call.need) if isinstance(plan, Rate) else (1.0, 0.0)
        while True:
            waited = self._clock() - started
            wait = self._buckets.take(key, plan, cost, need=need, priority=call.priority, waited=waited)
            if not wait:
                return
            if waited + wait > longest:
                raise RateLimited(
                    f"{self.account}: the rate limit of {name} is used up for {wait:.0f} s; {_AGAIN}.", wait=wait
                )
            self._sleep(wait)

    def learn(self, operation: str, plan: Plan, *, left: float | None = None, cost: float = 0.0) -> None:
        """Record the limit that the vendor states, for all processes. left, cost: as in BucketStore."""
        self._buckets.learn(self._name_bucket(operation), plan, left=left, cost=cost)

    def close(self, operation: str, seconds: float) -> None:
        """Record that an operation's quota is used up for so long, when the vendor says so in another way than by a
        status."""
        self._buckets.close(self._name_bucket(operation), seconds, empty=True)

    def _name_bucket(self, operation: str) -> str:
        return f"{self.account}:{operation}"

    def _send_once(self, call: Call, request: requests.Request, due: float, attempt: int) -> Response:
        started, status, size = self._clock(), 0, 0
        if not hasattr(self._threads, "session"):
            self._threads.session = new_session()
        origin = _read_origin(call.url)
        public_only = origin not in self._named and not is_address(origin.rpartition(":")[0])
        try:
            status, headers, body = exchange(
                self._threads.session, request, due, self._clock, call.max_bytes, public_only=public_only
            )
            size = len(body)
        except NotPublic:
            raise _Failure(_UNTRUSTED, status, _INSIDE, sent=False) from None
        except TooLarge:
            says = f"it is more than {call.max_bytes} bytes; ask for smaller pages"
            raise _Failure(Rule(ProtocolError, says), status, "") from None
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
            rule = _BROKEN if is_cut_off(error) else _UNTRUSTED
            raise _Failure(rule, status, self._describe_obstacle(error), sent=not is_untrusted(error)) from None
        except (OSError, requests.RequestException, urllib3.exceptions.HTTPError, zlib.error) as error:
            raise _Failure(_BROKEN, status, self._describe_obstacle(error), sent=not is_unsent(error)) from None
        finally:
            _log.info(
                "%s %s status=%d ms=%d bytes=%d attempt=%d",
                self.account, call.operation, status, (self._clock() - started) * 1000, size, attempt + 1,
            )  # fmt: skip
        response = Response(status, headers, body, call.operation)
        if status in call.ok:
            if fault := _find_malformation(response):
                raise _Failure(Rule(ProtocolError, f"the answer is {fault}; {_AGAIN}", retry=True), status, "")
            return response
        rule = RULES.get(status) or _FAMILIES.get(status // 100) or _FAMILIES[2]
        wait = _read_retry_after(headers, self._instruments.now())
        reading = _read_said(response, call.describe or self._describe)
        raise _Failure(rule, status, reading.named, wait=wait, empty=self._used_up(response), words=Words(reading.text))

    def _describe_obstacle(self, error: BaseException) -> str:
        """Why there is no answer, and what to do about it; the class of an error that has no name of ours."""
        obstacle = find_obstacle(error)
        if obstacle is None:
            return type(error).__name__
        keys = f"endpoint or token_endpoint (Shopify: shop) of channels[{self.account}]"
        return f"{obstacle.says}; {obstacle.fix.format(key=keys)}"

    def _decide_pause(self, failure: _Failure, call: Call, attempt: int) -> float:
        """Seconds until the next attempt. Raises if there must be no next attempt."""
        rule = failure.rule
        if not rule.retry or attempt >= RETRIES or (call.repeat is Repeat.NEVER and not failure.undone):
            raise self._build_error(failure, call) from None
        backoff = min(_BACKOFF_LIMIT_SECONDS, _BACKOFF_SECONDS * 2**attempt) * (0.5 + self._instruments.jitter() / 2)
        if failure.status == 429 and call.rate:
            # If the vendor names no wait: a used-up quota yields its next token in 1/rate, and a busy gateway has
            # recovered by then.
            advice = max(backoff, 1 / call.rate.per_second) if failure.empty else backoff
            closed = advice if failure.wait is None else failure.wait
            self._buckets.close(self._name_bucket(call.operation), closed, empty=failure.empty)
            if failure.empty and call.daily:
                self._buckets.close(self._name_bucket(call.daily.name), DAILY_PAUSE_SECONDS, empty=False)
        return backoff if failure.wait is None else failure.wait

    def _build_error(self, failure: _Failure, call: Call) -> CommerceError:
        place = _read_origin(call.url)
        answer = f"{failure.status} {failure}".strip() if failure.status else f"no answer of {place} ({failure})"
        message = f"{self.account}: {call.operation} got {answer}: {failure.rule.says}."
        if call.repeat is Repeat.NEVER and not failure.undone:
            return UnknownOutcome(f"{self.account}: {call.operation} got {answer}: {UNKNOWN}", words=failure.words)
        if failure.status == 429:
            return RateLimited(message, wait=failure.wait, words=failure.words)
        if issubclass(failure.rule.error, TransientError):
            return TransientError(message, wait=failure.wait, words=failure.words)
        return failure.rule.error(message, words=failure.words)


def pages(fetch: Callable[[str | None], tuple[T, str | None]], start: str | None = None) -> Iterator[T]:
    """Page after page until a page names no next token: fetch(token) -> (page, next token).

    Raises ProtocolError, before the page is handed out, when a token comes again: following it would never end.
    """
    token, seen = start, {start} if start else set()
    while True:
        page, token = fetch(token)
        if token and token in seen:
            raise ProtocolError("The marketplace repeats a page token; the list is read again from its start later.")
        yield page
        if not token:
            return
        seen.add(token)


def _read_origin(url: str) -> str:
    """host:port of a URL, a host or host:port. Raises PermanentError for an address that may never be called."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    host = (parts.hostname or "").lower()
    encrypted = parts.scheme == "https"
    if host and not parts.username and (encrypted or (parts.scheme == "http" and host in LOOPBACK)):
        return f"{host}:{parts.port or (443 if encrypted else 80)}"
    raise PermanentError(f"{host or 'A URL without a host'} cannot be called: https is needed outside of loopback.")


def _find_malformation(response: Response) -> str:
    """The sign by which a broken answer is recognised without decoding it, '' if there is none: error pages of proxies
    and truncated answers come with status 200."""
    kind = response.headers.get("Content-Type", "").lower()
    if "html" in kind:
        return "HTML"
    body = response.body.strip()
    if "json" in kind and body[:1] in (b"{", b"[") and body[-1:] not in (b"}", b"]"):
        return "cut off"
    return ""


def _read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds of Retry-After (RFC 9110, 10.2.3): a number, or a date, which is compared with the sender's own clock."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value) if value[0].isdigit() else _count_seconds_until(value, headers.get("Date", ""), now)
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), 86_400.0)


def _count_seconds_until(date: str, sent_at: str, now: datetime) -> float:
    try:
        sent = parsedate_to_datetime(sent_at)
    except ValueError:
        sent = now
    return (parsedate_to_datetime(date) - sent).total_seconds()


def _read_said(response: Response, describe: Describe | None) -> Said:
    if describe is None:
        return Said()
    try:
        return describe(response)
    except (CommerceError, KeyError, IndexError, TypeError, ValueError, AttributeError):
        return Said()  # an error answer in an unknown shape: the status says enough
