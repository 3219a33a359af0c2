"""One eBay account as a Channel.

What belongs here: putting the account's capabilities behind the protocol. What does not: what the capabilities do.
"""

from __future__ import annotations

from ...core.instruments import Instruments
from ..capabilities import Channel
from ..http.throttle import BucketStore, Priority, TokenStore
from .account import EbayAccount
from .api.account import Account
from .content.new_items import EbayNewItems
from .content.texts import EbayContent
from .fulfilment.shipments import EbayShipments
from .inventory.listings import EbayListings
from .inventory.quantities import EbayQuantities
from .notices.keys import open_notices
from .notices.messages import EbayNotices
from .notices.subscriptions import EbaySubscriptions
from .orders.reading import EbayOrders
from .orders.rest_reading import FulfillmentOrders
from .refunding.buyer_refunds import EbayBuyerRefunds
from .returns.reading import EbayRefunds
from .settings import Settings


class EbayChannel(Channel):
    kind = "ebay"
    account: EbayAccount
    orders: EbayOrders
    listings: EbayListings
    quantities: EbayQuantities
    shipments: EbayShipments
    refunds: EbayRefunds | None
    buyer_refunds: EbayBuyerRefunds | None
    notices: EbayNotices | None
    subscriptions: EbaySubscriptions
    content: EbayContent
    new_listings: EbayNewItems | None

    def __init__(
        self,
        settings: Settings,
        buckets: BucketStore,
        tokens: TokenStore,
        instruments: Instruments,
    ) -> None:
        account = Account(settings, buckets, tokens, instruments)
        self.name = settings.name
        self.account = EbayAccount(account)
        self.orders = EbayOrders(account, instruments.now)
        stock = account.serving(Priority.STOCK)
        self.listings = EbayListings(stock)
        self.quantities = EbayQuantities(stock, buckets)
        self.shipments = EbayShipments(account, instruments.now)
        # The Trading API names the lines of an order differently, and states no refund of a line.
        lists = FulfillmentOrders(account, instruments.now) if settings.orders_api == "fulfillment" else None
        self.refunds = EbayRefunds(lists, settings, instruments.now) if lists else None
        self.buyer_refunds = EbayBuyerRefunds(account) if lists else None
        self.notices = open_notices(account, instruments.clock)
        self.subscriptions = EbaySubscriptions(account)
        texts = account.serving(Priority.CONTENT)
        self.content = EbayContent(texts, buckets, instruments.now, instruments.clock)
        new = settings.content.new_listings.ebay
        self.new_listings = EbayNewItems(texts, self.content, new) if new else None
