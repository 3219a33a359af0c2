"""A stand-in for eBay: OAuth tokens, the Fulfillment, Inventory and Trading APIs, over the same orders and listings.

What belongs here: state and routes. What does not: answers (rest.py, shipping.py, inventory.py, trading.py,
selling.py, limits.py, new_items.py), orders (making.py, demo.py), listings (listings.py).
"""

from __future__ import annotations

import base64
import copy
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from ..catalogue import CATALOGUE
from ..server import Call, Reply, StandIn
from . import inventory, issuing, limits, media, new_items, rest, selling, trading
from .demo import demo_orders
from .listings import Offered, Refused, seed
from .making import written
from .shipping import PART, Parcels

__all__ = ["EbayStandIn", "demo_orders"]

TOKEN = "/identity/v1/oauth2/token"
TOKEN_SECONDS = 7_200


class EbayStandIn(StandIn):
    """One seller account.

    revoked: the refresh token is no longer accepted. refused: SKUs whose quantity eBay does not take. skus_a_call: what
    one bulkUpdatePriceQuantity takes: 25 as eBay's guide and schema say, 1 as its description does.
    out_of_stock_control: the seller's preference by which a listing stays active with quantity 0.
    """

    def __init__(self, port: int = 0, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(port, now)
        self.orders: dict[str, dict[str, Any]] = {}
        self.parcels, self.issuing = Parcels(self.orders), issuing.Issuing(self.orders)
        self.listings: list[Offered] = seed(CATALOGUE)
        self.new_items = new_items.NewItems(lambda: self.listings)
        self.media = media.Media()
        self.quotas = limits.Quotas(self.now)
        self.revoked = False
        self.refused: dict[str, Refused] = {}
        self.skus_a_call = 25
        self.out_of_stock_control = True
        self._tokens: dict[str, datetime] = {}
        self._numbers = itertools.count(1)

    def add(self, order: dict[str, Any]) -> None:
        """Keep an order unchanged; an order with the same id is replaced."""
        with self.lock:
            self.orders[order["orderId"]] = copy.deepcopy(order)

    def add_new(self, order: dict[str, Any], now: datetime) -> None:
        """The order, placed now; the quantities that it sold are no longer offered."""
        at = written(now.astimezone(UTC))
        self.add({**order, "creationDate": at, "lastModifiedDate": at})
        with self.lock:
            units = {line["sku"]: line["quantity"] for line in order["lineItems"]}
            for listing in self.listings:
                bought = units.get(listing.sku, 0)
                listing.available, listing.total = max(0, listing.available - bought), max(0, listing.total - bought)
                listing.sold += bought

    def touch(self, order_id: str, now: datetime) -> None:
        """Mark the order as modified now, so that it leaves every window that ends earlier."""
        with self.lock:
            self.orders[order_id]["lastModifiedDate"] = written(now.astimezone(UTC))

    def shown(self) -> dict[str, int]:
        """What buyers see, by SKU."""
        with self.lock:
            return {listing.sku: listing.shown for listing in self.listings if not listing.ended}

    def expire_tokens(self) -> None:
        with self.lock:
            self._tokens.clear()

    def handle(self, call: Call) -> Reply:
        if call.path == TOKEN:
            return self._build_token(call)
        api = limits.find_api(call.path)
        if api and not self.quotas.spend(api):
            if api[0] == "sell":
                return rest.error(429, 2001, "Too many requests. The request limit has been reached for the resource.")
            name = call.headers.get("x-ebay-api-call-name", "")
            return trading.failure(name, self.now(), "518", "Your application has exceeded usage limit.")
        if call.path == "/ws/api.dll":
            return self._answer_trading(call)
        if not self._is_valid(call.headers.get("authorization", "").removeprefix("Bearer ")):
            return rest.error(401, 1001, "Invalid access token", "OAuth")
        try:
            return self._answer_rest(call)
        except rest.Refusal as refusal:
            return refusal.reply

    def _answer_rest(self, call: Call) -> Reply:
        if call.method == "GET" and call.path == rest.PATH:
            return rest.get_orders(self.orders.values(), call, self.url, self.now())
        if call.path.startswith(f"{rest.PATH}/") and call.path.endswith(PART):
            order_id = unquote(call.path.removeprefix(f"{rest.PATH}/").removesuffix(PART))
            return self.parcels.answer(order_id, call, self.url, self.now().astimezone(UTC))
        if call.method == "POST" and call.path.endswith(issuing.PART):
            order_id = unquote(call.path.removeprefix(f"{rest.PATH}/").removesuffix(issuing.PART))
            reply = self.issuing.issue(order_id, call, self.now().astimezone(UTC))
            self.orders[order_id]["lastModifiedDate"] = written(self.now().astimezone(UTC))
            return reply
        if call.method == "GET" and call.path.startswith(f"{rest.PATH}/"):
            return rest.get_order(self.orders, unquote(call.path.removeprefix(f"{rest.PATH}/")), call)
        if call.path.startswith((inventory.PATH, new_items.POLICIES)):
            if (fresh := self.new_items.answer(call)) is not None:
                return fresh
            return inventory.answer(self.listings, call, self.url, self.refused, self.skus_a_call)
        if call.path.startswith(media.PATH):
            return self.media.answer(call, self.url, self.now())
        if call.path.startswith(limits.PATH):
            return limits.answer(self.quotas, call)
        return Reply(404)

    def _answer_trading(self, call: Call) -> Reply:
        name, now = call.headers.get("x-ebay-api-call-name", ""), self.now()
        if not self._is_valid(call.headers.get("x-ebay-api-iaf-token", "")):
            return trading.failure(name, now, "21917053", "Expired IAF token.")
        request = trading.read(call.body)
        if name == "GetOrders":
            return trading.get_orders(self.orders.values(), request, now)
        if name == "GetMyeBaySelling":
            return selling.my_selling(self.listings, request, now)
        if name == "GetSellerList":
            return selling.seller_list(self.listings, request, now)
        if name == "GetItem":
            return selling.get_item(self.listings, request, now)
        if name == "ReviseFixedPriceItem":
            return selling.revise_item(self.listings, request, now, self.refused)
        if name == "ReviseInventoryStatus":
            return selling.revise_status(self.listings, request, now, self.refused, self.out_of_stock_control)
        if name == "CompleteSale":
            return self.parcels.complete_sale(request, now.astimezone(UTC))
        if name == "GeteBayDetails":
            return trading.get_details(request, now)
        if name == "GetUser":
            return trading.get_user(now)
        return trading.failure(name, now, "2", f"Unsupported API call: {name}.")

    def _build_token(self, call: Call) -> Reply:
        form, scheme = call.form(), call.headers.get("authorization", "").partition(" ")
        try:
            is_client = scheme[0] == "Basic" and ":" in base64.b64decode(scheme[2], validate=True).decode()
        except ValueError:
            is_client = False
        if not is_client:
            return Reply(401, {"error": "invalid_client", "error_description": "client authentication failed"})
        kind = "User Access Token"
        if form.get("grant_type") == "client_credentials" and form.get("scope"):
            kind = "Application Access Token"
        elif form.get("grant_type") != "refresh_token" or not form.get("refresh_token") or self.revoked:
            description = "the provided authorization refresh token is invalid or was issued to another client"
            return Reply(400, {"error": "invalid_grant", "error_description": description})
        token = f"v^1.1#i^1#sandbox-{next(self._numbers)}"
        self._tokens[token] = self.now() + timedelta(seconds=TOKEN_SECONDS)
        return Reply(200, {"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": kind})

    def _is_valid(self, token: str) -> bool:
        return token in self._tokens and self.now() < self._tokens[token]
