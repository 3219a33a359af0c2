"""One Shopify shop as a Channel: reading orders, proving totals, tokens.

What belongs here: the operations of the Channel protocol and what they ask. What does not: sending one query
(api/graphql.py), the queries (api/queries.py), paging (api/pages.py), what is fetched per order afterwards (whole.py),
stock (inventory/quantities.py), what orders mean (translate.py).

**Byte shape.** An order is the node of the Admin GraphQL API that `queries.orders` asks for, byte for byte as
Shopify sent it; where something of it had to be fetched afterwards it is merged into that node. Webhook bodies (REST
shape) are read as well.

**Placed** means `createdAt`: it is set when the checkout completes and never changes, whereas `processedAt` may be set
to any day by an import.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from ....core.errors import CredentialError, ProtocolError, RecordError
from ....domain.inventory.listings import Listing as Offer
from ....domain.inventory.listings import Push, PushOutcome
from ....domain.orders.order import Order
from ...capabilities import OrderHead, OrderTotal, Page, Window
from ...http.auth import StaticAuth, TokenAuth
from ...http.session import HttpSession
from ...http.throttle import BucketStore, TokenStore
from ..api.bulk import FILES
from ..api.graphql import GraphQL, describe
from ..api.pages import Listing, PageSizes, Resume, SortKey, listed, resumed, second
from ..api.queries import FIRST_ORDERS, queries
from ..inventory.quantities import Inventory
from ..settings import Settings
from . import payloads
from .charges import reader, side
from .payloads import Bag, CashRounding, Instant, number
from .translate import status, translate
from .whole import Whole

HEADER = "X-Shopify-Access-Token"
HISTORY = timedelta(days=60)  # what an app sees without the scope read_all_orders
WITHOUT = {
    "read_all_orders": "only orders of the last 60 days",
    "read_customers": "no order with a customer can be read until the app is granted it and installed again",
}
WITHOUT_FOR_STOCK = dict.fromkeys(
    ("read_products", "read_inventory", "read_locations", "write_inventory"), "stock cannot be read and published"
)
ORDER_ID = re.compile(r"[0-9]{1,20}\Z")


class Times(msgspec.Struct, frozen=True):
    createdAt: Instant
    updatedAt: Instant


class Liable(msgspec.Struct, frozen=True):
    channelLiable: bool | None = None


class Total(msgspec.Struct, frozen=True):
    id: str
    createdAt: Instant
    totalPriceSet: Bag
    cancelledAt: datetime | None = None
    test: bool = False
    edited: bool = False
    displayFinancialStatus: str | None = None
    totalCashRoundingAdjustment: CashRounding | None = None
    taxLines: list[Liable] = []


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


class Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 86_399.0


_times = msgspec.json.Decoder(Times)
_tokens = msgspec.json.Decoder(Token)


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
        self.name, self._settings, self._now = settings.name, settings, now
        base = (settings.endpoint or f"https://{settings.shop}").rstrip("/")
        self._token_url = settings.token_endpoint or f"{base}/admin/oauth/access_token"
        self._session = HttpSession(self.name, {base, self._token_url, FILES}, buckets, clock=clock, sleep=sleep)
        keys = settings.credentials
        auth: StaticAuth | TokenAuth
        if keys.access_token:
            auth = StaticAuth(HEADER, keys.access_token.value())
        else:
            auth = TokenAuth(tokens, f"shopify:{self.name}", self._mint, HEADER)
        url = f"{base}/admin/api/{settings.api_version}/graphql.json"
        self._graphql = GraphQL(self._session, url, auth, settings.api_version, clock=clock, sleep=sleep)
        self._queries = queries(settings.currency_basis)
        self._whole = Whole(self._graphql, self._queries, settings.currency_basis)
        self._sizes = PageSizes(self._graphql, FIRST_ORDERS)
        self._inventory = Inventory(self._graphql, self._session, sleep)
        self._scopes: frozenset[str] = frozenset()

    def changed_orders(self, window: Window, resume: str | None = None) -> Iterator[Page]:
        """Orders whose `updatedAt` lies in the window (to the second), oldest change first."""
        return self._pages("UPDATED_AT", window, resume)

    def placed_orders(self, window: Window) -> Iterator[Page]:
        """Orders whose `createdAt` lies in the window (to the second)."""
        self._check_history(window)
        return self._pages("CREATED_AT", window, None)

    def _pages(self, by: SortKey, window: Window, resume: str | None) -> Iterator[Page]:
        end, start = second(window.end), resumed(resume, window.start)

        def when(raw: msgspec.Raw) -> datetime:
            times = _times.decode(raw)
            return times.createdAt if by == "CREATED_AT" else times.updatedAt

        for nodes, following in listed(self._sizes, self._queries.orders, Listing[msgspec.Raw], by, start, end, when):
            whole = [self._whole.complete(node) for node in nodes]
            yield Page(
                orders=tuple([raw for raw, _ in whole]),
                heads=tuple([head for _, head in whole]),
                resume=following.text() if following else None,
                watermark=end,
            )

    def order(self, order_id: str) -> bytes | None:
        return self._whole.order(order_id) if ORDER_ID.match(order_id) else None

    def order_totals(self, window: Window) -> Iterator[OrderTotal]:
        """Totals of real orders; test orders are never booked, so they are not claimed either.

        An order that was edited, or whose tax the channel remits, is worth less than its stated total by what only
        its lines tell: it is read whole.
        """
        self._check_history(window)
        end, start = second(window.end), Resume(second(window.start))
        seen = set()
        for nodes, _ in listed(
            self._sizes, self._queries.totals, Listing[Total], "CREATED_AT", start, end, lambda node: node.createdAt
        ):
            for node in nodes:
                if not node.test and node.id not in seen:
                    seen.add(node.id)
                    yield self._total(node)

    def head(self, raw: bytes) -> OrderHead:
        return payloads.head(raw)

    def translate(self, raw: bytes) -> Order:
        return translate(
            payloads.order(raw), channel=self.name, shop=self._settings.shop, basis=self._settings.currency_basis
        )

    def listings(self) -> Iterator[tuple[Offer, ...]]:
        return self._inventory.listings()

    def push_quantities(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        return self._inventory.push(pushes)

    def probe(self) -> str:
        """Whose shop it is and what the app sees of it. Raises CredentialError when it may not read orders."""
        found = self._graphql.ask(self._queries.probe, {}, Probe)
        granted = {scope.get("handle", "") for scope in found.currentAppInstallation.accessScopes}
        # Writing includes reading, and Shopify may list the greater right alone.
        self._scopes = frozenset(granted | {scope.replace("write_", "read_", 1) for scope in granted})
        shop = found.shop
        if not self._scopes & {"read_orders", "read_all_orders"}:
            raise CredentialError(f"{self.name}: the app lacks the scope read_orders; grant it and install it again.")
        said = [f"Shopify: {shop.name} ({shop.myshopifyDomain})", shop.currencyCode]
        said.append("prices with tax" if shop.taxesIncluded else "prices without tax")
        wanted = WITHOUT | (WITHOUT_FOR_STOCK if self._settings.inventory.enabled else {})
        said += [f"without {scope}: {means}" for scope, means in wanted.items() if scope not in self._scopes]
        return ", ".join(said) + "."

    def _check_history(self, window: Window) -> None:
        """Without read_all_orders Shopify leaves older orders out and says nothing: a day would look complete."""
        if window.start >= self._now() - HISTORY or "read_all_orders" in self._scopes:
            return
        self.probe()
        if "read_all_orders" not in self._scopes:
            raise CredentialError(
                f"{self.name}: orders older than 60 days need the scope read_all_orders; grant it to the app and "
                "install it again, or start later (start_date)."
            )

    def _total(self, node: Total) -> OrderTotal:
        basis = self._settings.currency_basis
        currency = side(node.totalPriceSet, basis).currencyCode
        minor = reader(currency, basis)
        total, collected = minor(node.totalPriceSet), 0
        stands = status(node.displayFinancialStatus, node.cancelledAt is not None, total)
        if node.totalCashRoundingAdjustment:
            total += minor(node.totalCashRoundingAdjustment.paymentSet)
        if node.edited or any(tax.channelLiable for tax in node.taxLines):
            total, collected = self._worth(number(node.id)) or (total, 0)
        return OrderTotal(
            order_id=number(node.id),
            placed_at=node.createdAt.astimezone(UTC),
            status=stands,
            currency=currency,
            total=total,
            collected=collected,
        )

    def _worth(self, order_id: str) -> tuple[int, int] | None:
        """Total and collected tax as the lines tell; None where they cannot be read: the stated total counts then."""
        raw = self.order(order_id)
        try:
            order = self.translate(raw) if raw else None
        except RecordError:
            return None
        return (order.total, order.collected) if order else None

    def _mint(self) -> tuple[str, float]:
        keys = self._settings.credentials
        if keys.client_id is None or keys.client_secret is None:
            raise CredentialError(f"channels[{self.name}].credentials lacks client_id and client_secret.")
        form: dict[str, Any] = {
            "grant_type": "client_credentials",
            "client_id": keys.client_id.value(),
            "client_secret": keys.client_secret.value(),
        }
        response = self._session.request(
            "POST",
            self._token_url,
            operation="token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            data=urlencode(form).encode(),
            describe=describe,
        )
        try:
            token = _tokens.decode(response.body)
        except msgspec.DecodeError:
            raise ProtocolError(f"{self.name}: Shopify answered the token request without a token.") from None
        return token.access_token, token.expires_in
