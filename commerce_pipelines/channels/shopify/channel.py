"""One Shopify shop as a Channel.

What belongs here: putting the shop's capabilities behind the protocol. What does not: what the capabilities do.
"""

from __future__ import annotations

from ...core.instruments import Instruments
from ..capabilities import Channel
from ..http.throttle import BucketStore, Priority, TokenStore
from .account import ShopifyAccount
from .api.bulk import run_bulks
from .api.shop_access import connect
from .content.new_products import ShopifyNewProducts
from .content.texts import ShopifyContent
from .fulfilment.shipments import ShopifyShipments
from .inventory.quantities import ShopifyInventory
from .notices.messages import ShopifyNotices
from .notices.subscriptions import ShopifySubscriptions
from .orders.reading import ShopifyOrders
from .refunding.buyer_refunds import ShopifyBuyerRefunds
from .returns.reading import ShopifyRefunds, ShopifyReturns
from .settings import Settings


class ShopifyChannel(Channel):
    kind = "shopify"
    account: ShopifyAccount
    orders: ShopifyOrders
    listings: ShopifyInventory
    quantities: ShopifyInventory
    returns: ShopifyReturns
    refunds: ShopifyRefunds
    shipments: ShopifyShipments
    buyer_refunds: ShopifyBuyerRefunds
    content: ShopifyContent
    new_listings: ShopifyNewProducts
    notices: ShopifyNotices | None
    subscriptions: ShopifySubscriptions

    def __init__(
        self,
        settings: Settings,
        buckets: BucketStore,
        tokens: TokenStore,
        instruments: Instruments,
    ) -> None:
        session, graphql = connect(settings, buckets, tokens, instruments)
        self.name = settings.name
        self.account = ShopifyAccount(graphql, settings)
        self.orders = ShopifyOrders(
            graphql, settings, self.account, instruments.now,
            lambda queries: run_bulks(graphql, session, queries, instruments.sleep),
        )  # fmt: skip
        self.listings = self.quantities = ShopifyInventory(graphql.serving(Priority.STOCK), session, instruments.sleep)
        self.returns = ShopifyReturns(graphql, settings, self.account, instruments.now)
        self.refunds = ShopifyRefunds(graphql, settings, self.account, instruments.now)
        self.shipments = ShopifyShipments(graphql, settings.fulfilment.notify)
        self.buyer_refunds = ShopifyBuyerRefunds(graphql, settings.refunding.notify)
        self.content = ShopifyContent(
            graphql, session, instruments.sleep, instruments.clock, sorted(settings.content.translations)
        )  # fmt: skip
        new = settings.content.new_listings
        self.new_listings = ShopifyNewProducts(graphql, session, instruments.sleep, new.shopify)
        secrets = [secret.value() for secret in settings.signing_secrets] if settings.receives else []
        self.notices = ShopifyNotices(settings.shop, secrets) if secrets else None
        self.subscriptions = ShopifySubscriptions(graphql)
