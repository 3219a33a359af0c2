"""Amazon's Selling Partner API over HTTP: Orders v2026-01-01 as a Channel.

What belongs here: operations, their rates, paging, Amazon's own error codes. What does not: retries and limits in
general (http.py), the types (payloads.py), their meaning (translate.py).

Requests carry a Login with Amazon access token and nothing else. They are not signed: since 2 October 2023 the API
needs neither AWS IAM nor Signature Version 4 and disregards a signature. A restricted data token is not needed either:
with v2026-01-01 personal data depends on the application's roles.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from ...domain.errors import CredentialError, PermanentError, ProtocolError, RecordError, SettingsError, TransientError
from ...domain.money import to_minor
from ...domain.orders import Order, OrderStatus
from ..base import OrderHead, OrderTotal, Page, Window
from ..http import HttpSession, Response, TokenAuth, pages
from ..throttle import BucketStore, Rate, TokenStore
from . import Settings, payloads, translate

ORDERS = "/orders/2026-01-01/orders"
PARTICIPATIONS = "/sellers/v1/marketplaceParticipations"

# Default usage plans of the API's own description (calls a second, burst). The answer's x-amzn-RateLimit-Limit says
# what the account really has.
RATES: dict[str, Rate] = {
    "searchOrders": Rate(0.0056, 20),
    "getOrder": Rate(0.5, 30),
    "getMarketplaceParticipations": Rate(0.016, 15),
}
# EXPENSE (points), PAYMENT and FULFILLMENT_ORDERS (Easy Ship) are not asked for: nothing reads them.
INCLUDED = "BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX"
# What money and state need; the destination decides who remits tax. No buyer, no parcels.
INCLUDED_FOR_TOTALS = "RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT,TAX"
PAGE_SIZE = 100
# Upper bounds must be "at least two minutes before the time of the request"; the rest is for clocks that disagree.
SETTLED = timedelta(minutes=2, seconds=30)
TOKEN_LIFE = timedelta(hours=24)
# Following changes happens in a sensor's tick, which may not sit out a bucket of one call in three minutes.
TICK_WAIT = 10.0

T = TypeVar("T")


class Resume(msgspec.Struct, frozen=True):
    """Where a listing goes on. All parameters must be the same as in the call that gave the token, bounds included."""

    token: str
    by: str  # lastUpdated or created
    after: datetime
    before: datetime
    issued: datetime


class _TokenExpired(Exception):
    """Amazon no longer takes a page token (they live 24 hours)."""


class AmazonChannel:
    """One seller account. Every call may raise TransientError, CredentialError, ProtocolError, PermanentError."""

    kind = "amazon"

    def __init__(
        self,
        settings: Settings,
        buckets: BucketStore,
        tokens: TokenStore,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = settings.name
        self._settings, self._now = settings, now
        self._rates = dict(RATES)
        hosts = (settings.base_url, settings.token_url)
        self._session = HttpSession(
            settings.name, hosts, buckets, clock=clock, sleep=sleep, jitter=jitter, describe=_describe
        )
        self._auth = TokenAuth(tokens, f"{settings.name}:lwa", self._mint, "x-amz-access-token")

    def changed_orders(self, window: Window, resume: str | None = None) -> Iterator[Page]:
        """Orders updated in the window, up to two and a half minutes ago; nothing when the window is younger.

        A `resume` older than 24 hours begins the window again. Raises TransientError, with the wait, rather than wait
        more than ten seconds for the rate limit: the pages seen so far can be resumed.
        """
        last = _read_resume(resume)
        if last and last.by == "lastUpdated" and self._now() - last.issued < TOKEN_LIFE:
            return self._listing("lastUpdated", Window(last.after, last.before), last.token, max_wait=TICK_WAIT)
        return self._listing("lastUpdated", window, None, max_wait=TICK_WAIT)

    def placed_orders(self, window: Window) -> Iterator[Page]:
        """Orders created in the window. Amazon gives no count to verify."""
        return self._listing("created", window, None)

    def order(self, order_id: str) -> bytes | None:
        response = self._call(
            "getOrder", f"{ORDERS}/{quote(order_id, safe='')}", {"includedData": INCLUDED}, ok=(200, 404)
        )
        if response.status == 404:
            return None
        return bytes(_decode(response, payloads.GetOrderResponse).order)

    def order_totals(self, window: Window) -> Iterator[OrderTotal]:
        """Each order once. Sales of other channels (multi-channel fulfilment) are left out: they are no sales here.

        An order that cannot be translated counts with the grand total that Amazon states, so that it is missed.
        """
        seen = set()
        for page in self._listing("created", window, None, INCLUDED_FOR_TOTALS):
            for raw in page.orders:
                total = self._total(raw)
                if total and total.order_id not in seen:
                    seen.add(total.order_id)
                    yield total

    def head(self, raw: bytes) -> OrderHead:
        return translate.head(raw)

    def translate(self, raw: bytes) -> Order:
        return translate.translate(raw, self.name, self._settings.prices_include_tax)

    def probe(self) -> str:
        """The account's stores. Raises SettingsError when it does not sell on a configured marketplace."""
        response = self._call("getMarketplaceParticipations", PARTICIPATIONS, {})
        found = {
            each.marketplace.id: each
            for each in _decode(response, payloads.MarketplaceParticipations).payload
            if each.participation is None or each.participation.is_participating
        }
        absent = [each for each in self._settings.marketplace_ids if each not in found]
        if absent:
            raise SettingsError(
                f"channels[{self.name}].marketplaces: the account does not sell on {', '.join(absent)}; "
                f"it sells on {', '.join(found) or 'no marketplace'}."
            )
        stores = ", ".join(sorted({each.store_name for each in found.values()} - {""})) or "unnamed store"
        places = ", ".join(sorted(each.marketplace.name or each.marketplace.id for each in found.values()))
        return f"Amazon {self._settings.region.upper()}: {stores} on {places}."

    def _listing(
        self, by: str, window: Window, token: str | None, included: str = INCLUDED, max_wait: float | None = None
    ) -> Iterator[Page]:
        after, before = _milliseconds(window.start), _milliseconds(min(window.end, self._now() - SETTLED))
        if after > before:
            return
        params = {
            f"{by}After": _instant(after),
            f"{by}Before": _instant(before),
            "maxResultsPerPage": str(PAGE_SIZE),
            "includedData": included,
        }
        if self._settings.marketplace_ids:
            params["marketplaceIds"] = ",".join(self._settings.marketplace_ids)

        def fetch(token: str | None) -> tuple[Page, str | None]:
            answer = self._search(params, token, max_wait)
            following = (answer.pagination and answer.pagination.next_token) or None
            resume = Resume(following, by, after, before, self._now()) if following else None
            seen_until = answer.last_updated_before if by == "lastUpdated" else answer.created_before
            return Page(
                orders=tuple(
                    raw for raw in map(bytes, answer.orders) if by != "created" or _placed_before(raw, window)
                ),
                resume=msgspec.json.encode(resume).decode() if resume else None,
                watermark=min(before, seen_until or before),
            ), following

        for _ in range(2):
            try:
                yield from pages(fetch, token)
                return
            except _TokenExpired:
                token = None  # the window begins again; what was seen already is recognised when it is landed
        raise TransientError(f"{self.name}: Amazon refuses its own page tokens; the window is asked for again later.")

    def _search(
        self, params: Mapping[str, str], token: str | None, max_wait: float | None
    ) -> payloads.SearchOrdersResponse:
        resumed = {} if token is None else {"paginationToken": token}
        ok = (200, 400) if resumed else (200,)
        response = self._call("searchOrders", ORDERS, {**params, **resumed}, ok=ok, max_wait=max_wait)
        if response.status == 200:
            return _decode(response, payloads.SearchOrdersResponse)
        if any(error.code == "InvalidInput" for error in _errors(response)):
            raise _TokenExpired
        raise PermanentError(f"{self.name}: searchOrders got 400 {_describe(response)}: the request is refused.")

    def _call(
        self,
        operation: str,
        path: str,
        params: Mapping[str, str],
        ok: Collection[int] = (200,),
        max_wait: float | None = None,
    ) -> Response:
        """Amazon answers 403, not 401, when an access token has expired, so that one is looked into as well."""
        for may_renew in (True, False):
            response = self._session.request(
                "GET",
                self._settings.base_url + path,
                operation=operation,
                rate=self._rates[operation],
                params=params,
                headers={"x-amz-date": f"{self._now():%Y%m%dT%H%M%SZ}"},
                auth=self._auth,
                ok=(*ok, 403) if may_renew else ok,
                max_wait=max_wait,
            )
            self._learn_rate(operation, response)
            if response.status != 403:
                break
            if not _token_refused(response):
                raise CredentialError(
                    f"{self.name}: {operation} got 403 {_describe(response)}: the application lacks the role for "
                    "it, or the seller's authorisation ended; check both in Seller Central."
                )
            self._auth.renew()
        return response

    def _learn_rate(self, operation: str, response: Response) -> None:
        try:
            per_second = float(response.headers.get("x-amzn-RateLimit-Limit", ""))
        except ValueError:
            return
        if 0 < per_second < 1000:
            self._rates[operation] = Rate(per_second, RATES[operation].burst)

    def _mint(self) -> tuple[str, float]:
        credentials = self._settings.credentials
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credentials.refresh_token.value(),
            "client_id": credentials.client_id.value(),
            "client_secret": credentials.client_secret.value(),
        }
        response = self._session.request(
            "POST",
            self._settings.token_url,
            operation="token",
            headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
            data=urlencode(form).encode(),
            describe=_describe_token_error,
        )
        token = _decode(response, payloads.AccessToken)
        return token.access_token, token.expires_in

    def _total(self, raw: bytes) -> OrderTotal | None:
        try:
            order = self.translate(raw)
        except RecordError:
            return _stated_total(raw)
        if order.is_other_channel:
            return None
        return OrderTotal(
            order_id=order.order_id,
            placed_at=order.placed_at,
            status=order.status,
            currency=order.currency,
            total=order.total,
            collected=order.collected,
        )


def _stated_total(raw: bytes) -> OrderTotal | None:
    """The order by its head and grand total alone; None where not even those can be read (the landing says so)."""
    try:
        order = payloads.read_order(raw)
        stated = order.proceeds.grand_total if order.proceeds else None
        return OrderTotal(
            order_id=order.order_id,
            placed_at=order.created_time,
            status=OrderStatus.PAID,
            currency=stated.currency_code if stated else "",
            total=to_minor(stated.amount, stated.currency_code) if stated else 0,
        )
    except RecordError:
        return None


def _placed_before(raw: bytes, window: Window) -> bool:
    """Amazon's bounds include their instants, a window excludes its end. What cannot be read is kept."""
    try:
        return payloads.read_head(raw).created_time < window.end
    except RecordError:
        return True


def _read_resume(text: str | None) -> Resume | None:
    try:
        return msgspec.json.decode(text, type=Resume) if text else None
    except msgspec.DecodeError:
        return None


def _decode(response: Response, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(response.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        path = str(error).partition(" - at ")[2] or "its beginning"
        raise ProtocolError(
            f"The answer to {response.operation} is not shaped as Amazon's API says, at {path}."
        ) from None


def _errors(response: Response) -> list[payloads.Error]:
    try:
        return msgspec.json.decode(response.body, type=payloads.ErrorList).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def _describe(response: Response) -> str:
    return "; ".join(f"{error.code} ({error.message})" for error in _errors(response))[:300]


def _describe_token_error(response: Response) -> str:
    return msgspec.json.decode(response.body, type=payloads.TokenError).error


def _token_refused(response: Response) -> bool:
    return any("access token" in f"{error.message} {error.details or ''}".lower() for error in _errors(response))


def _milliseconds(instant: datetime) -> datetime:
    instant = instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _instant(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
