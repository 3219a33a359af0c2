"""Amazon's refunds: transactions of the Finances API v2024-06-19, of FBA and of merchant-fulfilled orders alike.

What belongs here: the calls and their windows. What does not: one call and its errors (api/api.py), types
(transactions.py), what a refund means (refund_translate.py).

Amazon posts a transaction up to 48 hours after the moment that it states for it, so each look begins three days
earlier. A list longer than 180 days is answered empty. Pages may be empty before the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from ....core.errors import PermanentError, RecordError, TransientError
from ....core.topics import Topic
from ....core.words import Words
from ....domain.returns.records import Outline, Refund
from ...capabilities import AfterSale, Head, Page, Unchanged, Window
from ...http.session import pages
from ..api.api import TRANSACTIONS, Api, decode, describe, errors
from . import transactions
from .refund_translate import outline, translate

LATE_BY = timedelta(hours=72)
LONGEST_SPAN = timedelta(days=179)
SETTLED = timedelta(minutes=2, seconds=30)  # two minutes, and half a minute for clocks that differ
TICK_WAIT_SECONDS = 10.0  # a sensor's tick cannot wait longer for a rate limit


class Resume(msgspec.Struct, frozen=True):
    """Where a list continues, with the bounds of the call that gave the token."""

    token: str
    after: datetime
    before: datetime


class _TokenExpired(Exception):
    """Amazon no longer takes a page token."""


class AmazonRefunds(AfterSale[Refund]):
    """Refunds of one seller account."""

    topic = Topic.REFUNDS

    def __init__(self, api: Api) -> None:
        self._api, self._settings = api, api.settings

    def changed(self, window: Window, resume: str | None = None, unchanged: Unchanged | None = None) -> Iterator[Page]:
        """Refunds posted in the window or up to three days before it. Raises TransientError instead of waiting more
        than ten seconds for the rate limit."""
        place = _read_resume(resume)
        begin = Window(place.after, place.before) if place else Window(window.start - LATE_BY, window.end)
        yield from self._read_span(begin, place.token if place else None, TICK_WAIT_SECONDS)

    def created(self, window: Window) -> Iterator[Page]:
        """Refunds posted in the window."""
        start = window.start
        while start < window.end:
            end = min(start + LONGEST_SPAN, window.end)
            yield from self._read_span(Window(start, end), None, None)
            start = end

    def fetch(self, record_id: str) -> bytes | None:
        order_id, _, key = record_id.partition(":")
        records = self.of_order(order_id) if key else ()
        return next((raw for raw in records if read_key(raw) == record_id), None)

    def of_order(self, order_id: str) -> Sequence[bytes]:
        query = {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order_id}

        def fetch(token: str | None) -> tuple[tuple[bytes, ...], str | None]:
            answer = self._list_transactions({**query, **({"nextToken": token} if token else {})}, None, ok=(200, 404))
            return (self._select_refunds(answer), answer.payload.next_token) if answer else ((), None)

        return [raw for records in pages(fetch) for raw in records]

    def head(self, raw: bytes) -> Head:
        return transactions.head(raw)

    def translate(self, raw: bytes) -> Refund:
        return translate(transactions.read_transaction(raw), self._api.name)

    def outline(self, raw: bytes) -> Outline | None:
        try:
            return outline(transactions.read_transaction(raw))
        except RecordError:
            return None

    def _read_span(self, span: Window, token: str | None, max_wait: float | None) -> Iterator[Page]:
        after, before = _cut_to_seconds(span.start), _cut_to_seconds(min(span.end, self._api.now() - SETTLED))
        if after >= before:
            return
        query = {"postedAfter": _format_instant(after), "postedBefore": _format_instant(before)}

        def fetch(token: str | None) -> tuple[Page, str | None]:
            ok = (200, 400) if token else (200,)
            answer = self._list_transactions({**query, **({"nextToken": token} if token else {})}, max_wait, ok=ok)
            if answer is None:
                raise _TokenExpired
            following = answer.payload.next_token or None
            resume = Resume(following, after, before) if following else None
            return Page(
                records=self._select_refunds(answer),
                resume=msgspec.json.encode(resume).decode() if resume else None,
                watermark=before,
            ), following

        for _ in range(2):
            try:
                yield from pages(fetch, token)
                return
            except _TokenExpired:
                token = None  # the span begins again; the landing recognises what it has already
        raise TransientError(
            f"{self._api.name}: Amazon refuses its own page tokens; the window is asked for again later."
        )

    def _list_transactions(
        self, query: dict[str, str], max_wait: float | None, *, ok: tuple[int, ...]
    ) -> transactions.TransactionsPage | None:
        """One page; None where Amazon refuses the page token, or does not know the order."""
        response = self._api.call("listTransactions", TRANSACTIONS, query, ok=ok, max_wait=max_wait)
        if response.status == 200:
            return decode(response, transactions.TransactionsPage)
        if response.status == 404 or any(error.code == "InvalidInput" for error in errors(response)):
            return None
        answer = describe(response)
        raise PermanentError(
            f"{self._api.name}: listTransactions got {response.status} {answer.named}: the request is refused.",
            words=Words(answer.text),
        )

    def _select_refunds(self, answer: transactions.TransactionsPage) -> tuple[bytes, ...]:
        """The page's refunds in the configured marketplaces. What cannot be read is landed, so that somebody sees
        it."""
        return tuple(raw for raw in map(bytes, answer.payload.transactions or ()) if self._is_refund(raw))

    def _is_refund(self, raw: bytes) -> bool:
        try:
            kind = transactions.read_kind(raw)
        except RecordError:
            return True
        place = kind.marketplace_details.marketplace_id if kind.marketplace_details else None
        configured = self._settings.marketplace_ids
        return kind.transaction_type.lower() == transactions.REFUND and (
            not configured or not place or place in configured
        )


def read_key(raw: bytes) -> str:
    """The refund's id as it is landed, '' where nothing names it."""
    try:
        return transactions.head(raw).record_id
    except RecordError:
        return ""


def _read_resume(text: str | None) -> Resume | None:
    try:
        return msgspec.json.decode(text, type=Resume) if text else None
    except msgspec.DecodeError:
        return None


def _cut_to_seconds(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)


def _format_instant(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
