"""How often each of eBay's operations may be called, and how the calls of a day are divided among them.

What belongs here: these tables. What does not: what eBay says is left (limits.py), waiting (channels/http/session.py).
"""

from __future__ import annotations

from ...http.throttle import Rate
from ..settings import Settings

NOTIFICATIONS = (
    "getPublicKey", "getConfig", "updateConfig", "getTopic", "getDestinations", "createDestination",
    "updateDestination", "getSubscriptions", "createSubscription", "updateSubscription",
)  # fmt: skip

# The pace of each operation, by eBay's documented calls of a day: so that a long reading leaves some of them for the
# rest of the day. What the day really has is counted by QUOTAS, which several operations share.
RATES: dict[str, Rate] = {
    "getOrders": Rate(1.1, 20_000),
    "getOrder": Rate(1.1, 20_000),
    "createShippingFulfillment": Rate(0.2, 5_000),
    "issueRefund": Rate(0.1, 2_000),
    "getShippingFulfillments": Rate(0.03, 2_000),
    "getInventoryItems": Rate(5, 10_000),
    "getInventoryItem": Rate(8, 50_000),
    "createOrReplaceInventoryItem": Rate(8, 50_000),
    "getOffers": Rate(8, 50_000),
    "updateOffer": Rate(8, 50_000),
    "createOffer": Rate(8, 50_000),
    "publishOffer": Rate(8, 50_000),
    "getInventoryLocation": Rate(8, 50_000),
    **dict.fromkeys(("getFulfillmentPolicy", "getPaymentPolicy", "getReturnPolicy"), Rate(0.2, 1_000)),
    "createImageFromFile": Rate(8, 40),  # 50 in five seconds, says eBay
    "bulkUpdatePriceQuantity": Rate(8, 50_000),
    "bulkGetInventoryItem": Rate(8, 50_000),
    **dict.fromkeys(NOTIFICATIONS, Rate(0.1, 1_000)),
}
# Budget: context and name of the API; its calls a day; the operations that count to them. The Analytics API states what
# the account really has.
QUOTAS: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("calls of sell fulfillment", 100_000,
     ("getOrders", "getOrder", "createShippingFulfillment", "getShippingFulfillments", "issueRefund")),
    ("calls of sell inventory", 2_000_000,
     ("getInventoryItems", "getInventoryItem", "createOrReplaceInventoryItem", "getOffers", "updateOffer",
      "createOffer", "publishOffer", "getInventoryLocation", "bulkUpdatePriceQuantity", "bulkGetInventoryItem")),
    ("calls of commerce notification", 10_000, NOTIFICATIONS),
)  # fmt: skip
TRADING_CALLS = "calls of tradingapi tradingapi"
# Trading calls share one daily quota: the part of each call, and how much of that part may be used at once.
TRADING_SHARES: dict[str, tuple[float, float]] = {
    "GetOrders": (0.45, 0.2),
    "ReviseInventoryStatus": (0.33, 0.5),
    "ReviseFixedPriceItem": (0.03, 0.5),
    "GetItem": (0.02, 0.5),
    "GetSellerList": (0.04, 0.5),
    "GetMyeBaySelling": (0.09, 0.5),
    "CompleteSale": (0.02, 0.5),
    "GetUser": (0.01, 0.5),
    "GeteBayDetails": (0.01, 0.5),
}
# Where orders are read by REST, most of the share of GetOrders goes to what changes listings.
WITHOUT_ORDERS: dict[str, float] = {
    "GetOrders": 0.05, "ReviseInventoryStatus": 0.43, "ReviseFixedPriceItem": 0.28, "GetItem": 0.05,
    "GetSellerList": 0.06,
}  # fmt: skip


def build_trading_rates(settings: Settings) -> dict[str, Rate]:
    per_day, others = settings.trading_calls_per_day, {} if settings.orders_api == "trading" else WITHOUT_ORDERS
    rates = {}
    for call, (share, at_once) in TRADING_SHARES.items():
        calls = per_day * others.get(call, share)
        rates[call] = Rate(calls * (1 - at_once) / 86_400, calls * at_once)
    return rates
