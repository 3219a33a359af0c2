"""One Amazon account as a Channel.

What belongs here: putting the account's capabilities behind the protocol. What does not: what the capabilities do.
"""

from __future__ import annotations

from ...core.instruments import Instruments
from ..capabilities import Channel
from ..http.throttle import BucketStore, Priority, TokenStore
from .account import AmazonAccount
from .api.api import Api
from .content.image_host import ImageHost
from .content.new_offers import AmazonNewOffers
from .content.texts import AmazonContent
from .fulfilment.shipments import AmazonShipments
from .inbound.fba_stock import AmazonFbaStock
from .inbound.inbound_plans import AmazonInboundPlans
from .inventory.listings import AmazonListings
from .inventory.quantities import AmazonQuantities
from .notices.queue import AmazonInbox
from .notices.subscriptions import AmazonSubscriptions
from .orders.reading import AmazonOrders
from .refunding.buyer_refunds import AmazonBuyerRefunds
from .returns.refund_reading import AmazonRefunds
from .returns.return_reading import AmazonReturns
from .settings import Settings


class AmazonChannel(Channel):
    kind = "amazon"
    account: AmazonAccount
    orders: AmazonOrders
    listings: AmazonListings
    quantities: AmazonQuantities
    shipments: AmazonShipments
    returns: AmazonReturns
    refunds: AmazonRefunds
    buyer_refunds: AmazonBuyerRefunds
    fba_stock: AmazonFbaStock
    inbound_plans: AmazonInboundPlans
    inbox: AmazonInbox | None
    subscriptions: AmazonSubscriptions
    content: AmazonContent
    new_listings: AmazonNewOffers

    def __init__(self, settings: Settings, buckets: BucketStore, tokens: TokenStore, instruments: Instruments) -> None:
        api = Api(settings, buckets, tokens, instruments)
        stock = api.serving(Priority.STOCK)
        self.name = settings.name
        self.account = AmazonAccount(api)
        self.orders = AmazonOrders(api, self.account.marketplaces)
        self.listings = AmazonListings(stock, self.account.marketplaces)
        self.quantities = AmazonQuantities(stock, self.account.marketplaces)
        self.shipments = AmazonShipments(api)
        self.returns = AmazonReturns(api, self.account.marketplaces)
        self.refunds = AmazonRefunds(api)
        self.buyer_refunds = AmazonBuyerRefunds(api, self.refunds)
        self.fba_stock = AmazonFbaStock(api.serving(Priority.CONTENT), self.account.marketplaces)
        self.inbound_plans = AmazonInboundPlans(api.serving(Priority.CONTENT), self.account.marketplaces)
        self.inbox = AmazonInbox(settings) if settings.receives else None
        self.subscriptions = AmazonSubscriptions(api)
        rules = settings.content.image_host
        host = ImageHost(self.name, rules, buckets, instruments) if rules else None
        self.content = AmazonContent(api.serving(Priority.CONTENT), self.account.marketplaces, host)
        new = settings.content.new_listings.amazon
        self.new_listings = AmazonNewOffers(api.serving(Priority.CONTENT), self.account.marketplaces, new)
