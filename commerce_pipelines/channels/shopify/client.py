"""One Shopify shop as a Channel: lists that prove their own completeness, whole orders, tokens.

What belongs here: listing, what is fetched per order afterwards, probing. What does not: sending one query
(graphql.py), the queries (queries.py), what orders mean (translate.py).

**Byte shape.** An order is the node of the Admin GraphQL API that `queries.orders` asks for, byte for byte as
Shopify sent it. Where something of it had to be fetched afterwards (lines beyond the first slice, refunds of an
edited order, duties, fees) it is merged into that node and encoded again: still one JSON document of the same shape.

**Placed** means `createdAt`: it is set when the checkout completes and never changes, whereas `processedAt` may be set
to any day by an import. **Listings** are sorted by the time they filter, with a fixed upper bound, and page by cursor:
an order that changes meanwhile leaves the window and is found by the next poll. Shopify stops any list at 25,000
objects, so that a long one is begun anew from the last time seen.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from ...domain.errors import CredentialError, ProtocolError, TransientError
from ...domain.orders import Order
from ..auth import StaticAuth, TokenAuth
from ..base import OrderHead, OrderTotal, Page, Window
from ..http import HttpSession, pages
from ..throttle import BucketStore, TokenStore
from . import Settings, payloads, rest
from .charges import reader, side
from .graphql import GraphQL, TooExpensive, describe
from .payloads import Bag, CashRounding, Instant, PageInfo, number
from .queries import FIRST_ORDERS, MOST_ORDERS, MOST_POINTS, queries
from .translate import status, translate

N = TypeVar("N")

HEADER = "X-Shopify-Access-Token"
LISTED_AT_ONCE = 20_000  # of the 25,000 objects that Shopify lists at most
HISTORY = timedelta(days=60)  # what an app sees without the scope read_all_orders
ROOM = 0.9  # of the points that a query may cost: costs of equal queries differ a little
ORDER_ID = re.compile(r"[0-9]{1,20}\Z")


class Count(msgspec.Struct, frozen=True):
    count: int
    precision: str = "EXACT"


class Connection(msgspec.Struct, Generic[N], frozen=True):
    nodes: list[N]
    pageInfo: PageInfo


class Listing(msgspec.Struct, Generic[N], frozen=True):
    orders: Connection[N]
    ordersCount: Count


class Rare(msgspec.Struct, frozen=True):
    """What tells whether a listed order is whole."""

    id: str
    createdAt: Instant
    updatedAt: Instant
    lineItems: Pages
    shippingLines: Pages
    edited: bool = False
    originalTotalDutiesSet: msgspec.Raw = msgspec.Raw(b"null")
    originalTotalAdditionalFeesSet: msgspec.Raw = msgspec.Raw(b"null")


class Pages(msgspec.Struct, frozen=True):
    pageInfo: PageInfo


class Total(msgspec.Struct, frozen=True):
    id: str
    createdAt: Instant
    updatedAt: Instant
    totalPriceSet: Bag
    cancelledAt: datetime | None = None
    test: bool = False
    edited: bool = False
    displayFinancialStatus: str | None = None
    totalCashRoundingAdjustment: CashRounding | None = None
    taxLines: list[Liable] = []  # noqa: RUF012 - msgspec copies it


class Liable(msgspec.Struct, frozen=True):
    channelLiable: bool | None = None


class One(msgspec.Struct, frozen=True):
    order: msgspec.Raw = msgspec.Raw(b"null")


class Resume(msgspec.Struct, frozen=True):
    """Where a listing goes on: from this time, after this cursor, of which so many were listed already."""

    since: datetime
    after: str | None = None
    listed: int = 0


class Installation(msgspec.Struct, frozen=True):
    accessScopes: list[dict[str, str]]


class Shop(msgspec.Struct, frozen=True):
    name: str
    myshopifyDomain: str
    currencyCode: str
    taxesIncluded: bool


class Probe(msgspec.Struct, frozen=True):
    shop: Shop
    currentAppInstallation: Installation


_listings = msgspec.json.Decoder(Listing[msgspec.Raw])
_totals = msgspec.json.Decoder(Listing[Total])
_one = msgspec.json.Decoder(One)
_any: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_probes = msgspec.json.Decoder(Probe)
_rare = msgspec.json.Decoder(Rare)
_resumes = msgspec.json.Decoder(Resume)
_tokens: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class ShopifyChannel:
    """A Channel. clock and sleep: seconds; now: the wall clock, to know which orders are beyond `HISTORY`."""

    kind = "shopify"

    def __init__(
        self,
        settings: Settings,
        buckets: BucketStore,
        tokens: TokenStore,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = settings.name
        self._settings = settings
        base = (settings.endpoint or f"https://{settings.shop}").rstrip("/")
        self._token_url = settings.token_endpoint or f"{base}/admin/oauth/access_token"
        self._session = HttpSession(self.name, {base, self._token_url}, buckets, clock=clock, sleep=sleep)
        keys = settings.credentials
        auth: StaticAuth | TokenAuth
        if keys.access_token:
            auth = StaticAuth(HEADER, keys.access_token.value())
        else:
            auth = TokenAuth(tokens, f"shopify:{self.name}", self._mint, HEADER)
        url = f"{base}/admin/api/{settings.api_version}/graphql.json"
        self._graphql = GraphQL(self._session, url, auth, settings.api_version, clock=clock, sleep=sleep)
        self._queries = queries(settings.currency_basis)
        self._first = FIRST_ORDERS
        self._now = now
        self._scopes: frozenset[str] | None = None

    # Reading orders

    def changed_orders(self, window: Window, resume: str | None = None) -> Iterator[Page]:
        """Orders whose `updatedAt` lies in the window (to the second), oldest change first."""
        end = _second(window.end)
        start = Resume(_second(window.start))
        if resume:
            try:
                start = _resumes.decode(resume)
            except msgspec.DecodeError:
                pass  # a foreign token: the window is read again from its start, which changes nothing twice
        for nodes, following in self._list(self._queries.orders, _listings, "UPDATED_AT", end, start):
            orders = tuple([self._whole(node) for node in nodes])
            yield Page(
                orders=orders,
                resume=msgspec.json.encode(following).decode() if following else None,
                watermark=end,
            )

    def placed_orders(self, window: Window) -> Iterator[Page]:
        """Orders whose `createdAt` lies in the window (to the second)."""
        self._check_history(window)
        end = _second(window.end)
        start = Resume(_second(window.start))
        for nodes, following in self._list(self._queries.orders, _listings, "CREATED_AT", end, start):
            orders = tuple([self._whole(node) for node in nodes])
            yield Page(
                orders=orders,
                resume=msgspec.json.encode(following).decode() if following else None,
                watermark=end,
            )

    def order(self, order_id: str) -> bytes | None:
        """One order afresh; None if the shop does not know it."""
        if not ORDER_ID.match(order_id):
            return None
        raw = self._graphql.ask(self._queries.order, {"id": f"gid://shopify/Order/{order_id}"}, _one).order
        return None if bytes(raw) == b"null" else self._whole(raw)

    def order_totals(self, window: Window) -> Iterator[OrderTotal]:
        """Totals of real orders; test orders are never booked, so they are not claimed either.

        An order that was edited, or whose tax the channel remits, is worth less than its stated total by what only
        its lines tell: it is read whole.
        """
        self._check_history(window)
        basis = self._settings.currency_basis
        end, start = _second(window.end), Resume(_second(window.start))
        for nodes, _ in self._list(self._queries.totals, _totals, "CREATED_AT", end, start):
            for node in nodes:
                if node.test:
                    continue
                money = side(node.totalPriceSet, basis)
                minor = reader(money.currencyCode, basis)
                stated = total = minor(node.totalPriceSet)
                if node.totalCashRoundingAdjustment:
                    total += minor(node.totalCashRoundingAdjustment.paymentSet)
                collected = 0
                if node.edited or any(tax.channelLiable for tax in node.taxLines):
                    raw = self.order(number(node.id))
                    if raw is None:
                        continue  # deleted since
                    whole = self._worth(raw)
                    total, collected = whole if whole else (total, 0)
                yield OrderTotal(
                    order_id=number(node.id),
                    placed_at=node.createdAt.astimezone(UTC),
                    status=status(node.displayFinancialStatus, node.cancelledAt is not None, stated),
                    currency=money.currencyCode,
                    total=total,
                    collected=collected,
                )
