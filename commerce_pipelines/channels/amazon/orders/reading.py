"""Amazon's orders: Orders v2026-01-01.

What belongs here: order operations and their paging. What does not: one call and its errors (api/api.py), the types
(payloads.py), their meaning (translate.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from ....core.errors import PermanentError, RecordError, TransientError
from ....core.topics import Topic
from ....core.words import Words
from ....domain.money import to_minor
from ....domain.orders.order import Order, OrderStatus
from ...capabilities import Head, NamedPlan, Orders, OrderTotal, Page, Unchanged, Window
from ...http.session import pages
from ...totals import totals
from ..api.api import Api, decode, describe, errors
from ..personal import cut_order
from . import order_reports, payloads, translate
from .strategy import SETTLED, choose, share_calls

ORDERS = "/orders/2026-01-01/orders"

# EXPENSE (points), PAYMENT and FULFILLMENT_ORDERS (Easy Ship) are not requested, because nothing reads them.
INCLUDED = "BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX"
# What money and state need. RECIPIENT is among it because the destination decides who remits tax.
INCLUDED_FOR_TOTALS = "RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT,TAX"
PAGE_SIZE = 100
WAY = f"pages of {PAGE_SIZE} orders, names and addresses included"
TOKEN_LIFE = timedelta(hours=24)
# Seconds. Changes are read in a sensor's tick, which cannot wait for a rate limit of one call in three minutes.
TICK_WAIT_SECONDS = 10.0
# A pull of days waits for what it leaves to others, too: for twelve calls at most, at one in three minutes.
PULL_WAIT_SECONDS = 3_600.0


class Resume(msgspec.Struct, frozen=True):
    """Where a list of orders continues. All parameters, bounds included, must be the same as in the call that gave the
    token."""

    token: str
    by: str  # lastUpdated or created
    after: datetime
    before: datetime
    issued: datetime


class _Turn(NamedTuple):
    """How a call of searchOrders waits. longest: seconds. leaves: calls that are left to what is more urgent."""

    longest: float
    leaves: float


class _TokenExpired(Exception):
    """Amazon no longer takes a page token, which is valid for 24 hours."""


class AmazonOrders(Orders):
    """Orders of one seller account. marketplaces: where it sells, called when that is needed. Every call may raise
    TransientError, CredentialError, ProtocolError, PermanentError."""

    topic = Topic.ORDERS

    def __init__(self, api: Api, marketplaces: Callable[[], Sequence[str]]) -> None:
        self._api, self._settings, self._marketplaces = api, api.settings, marketplaces
        leaves = share_calls(api.settings.receives)
        self._poll, self._pull = _Turn(TICK_WAIT_SECONDS, leaves.poll), _Turn(PULL_WAIT_SECONDS, leaves.pull)

    def changed(self, window: Window, resume: str | None = None, unchanged: Unchanged | None = None) -> Iterator[Page]:
        """Orders updated in the window, up to two and a half minutes ago; nothing if the window begins later.

        A `resume` older than 24 hours begins the window again. Raises TransientError, with the wait, instead of waiting
        more than ten seconds for the rate limit; the pages read so far need not be read again.
        """
        last = _read_resume(resume)
        if last and last.by == "lastUpdated" and self._api.now() - last.issued < TOKEN_LIFE:
            return self._read_order_pages("lastUpdated", Window(last.after, last.before), last.token, turn=self._poll)
        return self._read_order_pages("lastUpdated", window, None, turn=self._poll)

    def created(self, window: Window) -> Iterator[Page]:
        """Orders created in the window. Amazon gives no count to verify."""
        return self._read_order_pages("created", window, None, turn=self._pull)

    def plan_named(self, waiting: Sequence[datetime]) -> NamedPlan:
        return choose(waiting, self._api.now())

    def read_span(self, span: Window) -> Page:
        for page in self._read_order_pages("lastUpdated", span, None, turn=_Turn(0.0, 0.0)):
            return page
        return Page(records=(), resume=None, watermark=span.start)

    def fetch(self, record_id: str) -> bytes | None:
        """None also for an order of a marketplace that the settings leave out: no list of ours would have it."""
        response = self._api.call(
            "getOrder", f"{ORDERS}/{quote(record_id, safe='')}", {"includedData": INCLUDED}, ok=(200, 400, 404)
        )
        if response.status == 400 and not any(error.code == "InvalidInput" for error in errors(response)):
            raise PermanentError(f"{self._api.name}: getOrder got 400 {describe(response)}: the request is refused.")
        if response.status != 200:
            return None
        raw = bytes(decode(response, payloads.GetOrderResponse).order)
        return raw if self._is_read(raw) else None

    def _is_read(self, raw: bytes) -> bool:
        if not self._settings.marketplace_ids:
            return True
        try:
            return payloads.read_order(raw).sales_channel.marketplace_id in self._settings.marketplace_ids
        except RecordError:
            return True

    def list_placed(self, window: Window, landed: Collection[str]) -> dict[str, datetime] | None:
        if not order_reports.is_worth_it(window, landed):
            return None
        return order_reports.read_placed(self._api, self._marketplaces(), window, landed)

    def totals(self, window: Window) -> Iterator[OrderTotal]:
        """As in channels/totals.py; an order that cannot be translated counts with Amazon's grand total."""
        return totals(
            self._read_order_pages("created", window, None, INCLUDED_FOR_TOTALS, turn=self._pull),
            self.translate,
            _read_stated_total,
        )

    def head(self, raw: bytes) -> Head:
        return translate.head(raw)

    def cut(self, raw: bytes) -> bytes:
        return cut_order(raw)

    def subjects(self, raw: bytes) -> tuple[str, ...]:
        return translate.subjects(raw)

    def translate(self, raw: bytes) -> Order:
        return translate.translate(raw, self._api.name, self._settings.prices_include_tax)

    def _read_order_pages(
        self, by: str, window: Window, token: str | None, included: str = INCLUDED, *, turn: _Turn
    ) -> Iterator[Page]:
        after, before = (
            _cut_to_milliseconds(window.start),
            _cut_to_milliseconds(min(window.end, self._api.now() - SETTLED)),
        )
        if after > before:
            return
        params = {
            f"{by}After": _format_instant(after),
            f"{by}Before": _format_instant(before),
            "maxResultsPerPage": str(PAGE_SIZE),
            "includedData": included,
        }
        if self._settings.marketplace_ids:
            params["marketplaceIds"] = ",".join(self._settings.marketplace_ids)

        def fetch(token: str | None) -> tuple[Page, str | None]:
            answer = self._search_orders(params, token, turn)
            following = (answer.pagination and answer.pagination.next_token) or None
            resume = Resume(following, by, after, before, self._api.now()) if following else None
            seen_until = answer.last_updated_before if by == "lastUpdated" else answer.created_before
            return Page(
                records=tuple(
                    raw for raw in map(bytes, answer.orders) if by != "created" or _is_placed_before(raw, window)
                ),
                resume=msgspec.json.encode(resume).decode() if resume else None,
                watermark=min(before, seen_until or before),
                way=WAY,
            ), following

        for _ in range(2):
            try:
                yield from pages(fetch, token)
                return
            except _TokenExpired:
                token = None  # the window begins again; the landing recognises what it has already
        raise TransientError(
            f"{self._api.name}: Amazon refuses its own page tokens; the window is asked for again later."
        )

    def _search_orders(
        self, params: Mapping[str, str], token: str | None, turn: _Turn
    ) -> payloads.SearchOrdersResponse:
        resumed = {} if token is None else {"paginationToken": token}
        ok = (200, 400) if resumed else (200,)
        query = {**params, **resumed}
        response = self._api.call("searchOrders", ORDERS, query, ok=ok, max_wait=turn.longest, leaves=turn.leaves)
        if response.status == 200:
            return decode(response, payloads.SearchOrdersResponse)
        if any(error.code == "InvalidInput" for error in errors(response)):
            raise _TokenExpired
        answer = describe(response)
        raise PermanentError(
            f"{self._api.name}: searchOrders got 400 {answer.named}: the request is refused.",
            words=Words(answer.text),
        )


def _read_stated_total(raw: bytes) -> OrderTotal:
    """The order's total from its head and grand total alone. Raises RecordError if those cannot be read either."""
    order = payloads.read_order(raw)
    stated = order.proceeds.grand_total if order.proceeds else None
    return OrderTotal(
        order_id=order.order_id,
        placed_at=order.created_time,
        status=OrderStatus.PAID,
        currency=stated.currency_code if stated else "",
        total=to_minor(stated.amount, stated.currency_code) if stated else 0,
    )


def _is_placed_before(raw: bytes, window: Window) -> bool:
    """Whether an order belongs to the window: Amazon's bounds include both instants, a window excludes its end. An
    order that cannot be read belongs to it."""
    try:
        return payloads.read_head(raw).created_time < window.end
    except RecordError:
        return True


def _read_resume(text: str | None) -> Resume | None:
    try:
        return msgspec.json.decode(text, type=Resume) if text else None
    except msgspec.DecodeError:
        return None


def _cut_to_milliseconds(instant: datetime) -> datetime:
    instant = instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _format_instant(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
