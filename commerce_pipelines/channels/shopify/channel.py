"""One Shopify shop as a Channel.

What belongs here: putting the shop's capabilities behind the protocol. What does not: everything that they do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from ..capabilities import Channel
from ..http.throttle import BucketStore, TokenStore
from .account import ShopifyAccount
from .api.connect import connect
from .inventory.quantities import ShopifyInventory
from .orders.reading import ShopifyOrders
from .settings import Settings


class ShopifyChannel(Channel):
    """clock and sleep: seconds; now: the wall clock."""

    kind = "shopify"
    account: ShopifyAccount
    orders: ShopifyOrders
    listings: ShopifyInventory
    quantities: ShopifyInventory

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
        session, graphql = connect(settings, buckets, tokens, clock=clock, sleep=sleep)
        self.name = settings.name
        self.account = ShopifyAccount(graphql, settings)
        self.orders = ShopifyOrders(graphql, settings, self.account, now)
        self.listings = self.quantities = ShopifyInventory(graphql, session, sleep)
