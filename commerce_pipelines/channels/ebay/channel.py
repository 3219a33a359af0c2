"""One eBay account as a Channel.

What belongs here: putting the account's readers and writers behind the protocol. What does not: everything that they
do: orders (orders/rest_reading.py, orders/trading_reading.py), listings (inventory/listings.py), quantities
(inventory/quantities.py).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from ...core.errors import RecordError
from ...domain.inventory.listings import Listing, Push, PushOutcome
from ...domain.money import to_minor
from ...domain.orders.order import Order, OrderStatus
from ..capabilities import OrderHead, OrderTotal, Page, Window
from ..http.throttle import BucketStore, TokenStore
from .api import trading_payloads
from .api.account import Account
from .inventory import listings
from .inventory.quantities import Quantities
from .orders import rest_payloads, translate
from .orders.rest_reading import FulfillmentOrders
from .orders.trading_reading import TradingOrders
from .settings import Settings

READERS: dict[str, type[FulfillmentOrders] | type[TradingOrders]] = {
    "fulfillment": FulfillmentOrders,
    "trading": TradingOrders,
}


class EbayChannel:
    """One seller account. Every call may raise TransientError, CredentialError, ProtocolError, PermanentError."""

    kind = "ebay"

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
        self._settings = settings
        self._account = Account(settings, buckets, tokens, clock=clock, sleep=sleep, jitter=jitter)
        self._quantities = Quantities(self._account, buckets)
        self._orders = READERS[settings.orders_api](self._account, now)

    def changed_orders(self, window: Window, resume: str | None = None) -> Iterator[Page]:
        """Orders modified in the window, up to some seconds ago; nothing when the window is younger."""
        return self._orders.changed(window, resume)

    def placed_orders(self, window: Window) -> Iterator[Page]:
        """Orders created in the window, checked against eBay's own count."""
        return self._orders.placed(window)

    def order(self, order_id: str) -> bytes | None:
        return self._orders.order(order_id)

    def order_totals(self, window: Window) -> Iterator[OrderTotal]:
        """Each order once. One that cannot be translated counts with the total that eBay states, so that it is
        missed."""
        seen = set()
        for page in self._orders.placed(window, whole=False):
            for raw in page.orders:
                total = self._total(raw)
                if total and total.order_id not in seen:
                    seen.add(total.order_id)
                    yield total

    def head(self, raw: bytes) -> OrderHead:
        return translate.head(raw)

    def translate(self, raw: bytes) -> Order:
        return translate.translate(raw, self.name, self._settings.marketplace, self._settings.prices_include_tax)

    def probe(self) -> str:
        return self._orders.who()

    def listings(self) -> Iterator[tuple[Listing, ...]]:
        """Active fixed-price listings, whichever API made them."""
        return listings.listings(self._account)

    def push_quantities(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        """By ReviseInventoryStatus (four listings a call) or bulkUpdatePriceQuantity, as each listing demands."""
        return self._quantities.push(pushes)

    def _total(self, raw: bytes) -> OrderTotal | None:
        try:
            order = self.translate(raw)
        except RecordError:
            return _stated_total(raw)
        return OrderTotal(
            order_id=order.order_id,
            placed_at=order.placed_at,
            status=order.status,
            currency=order.currency,
            total=order.total,
            collected=order.collected,
        )


def _stated_total(raw: bytes) -> OrderTotal | None:
    """The order by its head and stated total alone; None where not even those can be read (the landing says so)."""
    try:
        top = translate.head(raw)
        if translate.is_xml(raw):
            total = trading_payloads.read_order(raw).Total
            value, currency = total.value, total.currencyID
        else:
            stated = rest_payloads.read_order(raw).pricing_summary.total
            value, currency = stated.value, stated.currency
        return OrderTotal(
            order_id=top.order_id,
            placed_at=top.placed_at,
            status=OrderStatus.PAID,
            currency=currency,
            total=to_minor(value, currency),
        )
    except RecordError:
        return None
