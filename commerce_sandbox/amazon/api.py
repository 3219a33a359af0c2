"""The stand-in's front: tokens, rate limits, routing. Every call is checked here in Amazon's order.

What belongs here: the table of operations, Login with Amazon, who may call how often. What does not: what an operation
answers (orders.py, shipments.py, finances.py, listings.py, reports.py, return_rows.py, ledger_rows.py,
inbound_shipments.py, inbound_plans.py, feeds.py). Source: the vendor's API descriptions; bodies of refused tokens as
its documentation shows them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

from ..catalogue import CATALOGUE
from ..server import Call, Reply, StandIn
from .adjusting import Adjusting
from .answers import Bucket, Refused
from .attributes import build_schema
from .catalog import Catalog
from .documents import PATH, Documents
from .feeds import Feeds
from .finances import Finances
from .fulfilling import Fulfilling
from .inbound_plans import InboundPlans
from .inbound_shipments import InboundShipments
from .ledger_rows import Ledger
from .listings import Listings, offers
from .orders import Orders
from .places import PLACES
from .plan_operations import PLAN_OPERATIONS
from .reports import Reports
from .return_rows import Returns
from .shipments import Shipments
from .subscribing import Subscribing

TOKEN_LIFE = timedelta(hours=1)
GENEROUS, GENEROUS_LIMIT = 10_000.0, 500.0


class Operation(NamedTuple):
    """rate: calls a second, burst: calls at once, as the API's description says."""

    name: str
    method: str
    path: str
    rate: float
    burst: float


OPERATIONS = (
    Operation("searchOrders", "GET", r"/orders/2026-01-01/orders", 0.0056, 20),
    Operation("getOrder", "GET", r"/orders/2026-01-01/orders/([^/]+)", 0.5, 30),
    Operation("confirmShipment", "POST", r"/orders/v0/orders/([^/]+)/shipmentConfirmation", 2, 10),
    Operation("listTransactions", "GET", r"/finances/2024-06-19/transactions", 0.5, 10),
    Operation("getMarketplaceParticipations", "GET", r"/sellers/v1/marketplaceParticipations", 0.016, 15),
    Operation("searchListingsItems", "GET", r"/listings/2021-08-01/items/([^/]+)", 5, 5),
    Operation("getListingsItem", "GET", r"/listings/2021-08-01/items/([^/]+)/([^/]+)", 5, 10),
    Operation("patchListingsItem", "PATCH", r"/listings/2021-08-01/items/([^/]+)/([^/]+)", 5, 5),
    Operation("putListingsItem", "PUT", r"/listings/2021-08-01/items/([^/]+)/([^/]+)", 5, 10),
    Operation("searchCatalogItems", "GET", r"/catalog/2022-04-01/items", 2, 2),
    Operation("getInventorySummaries", "GET", r"/fba/inventory/v1/summaries", 2, 2),
    Operation("getShipments", "GET", r"/fba/inbound/v0/shipments", 2, 30),
    Operation("getShipmentItemsByShipmentId", "GET", r"/fba/inbound/v0/shipments/([^/]+)/items", 2, 30),
    Operation("getDefinitionsProductType", "GET", r"/definitions/2020-09-01/productTypes/([^/]+)", 5, 10),
    Operation("getReports", "GET", r"/reports/2021-06-30/reports", 0.0222, 10),
    Operation("createReport", "POST", r"/reports/2021-06-30/reports", 0.0167, 15),
    Operation("getReport", "GET", r"/reports/2021-06-30/reports/([^/]+)", 2, 15),
    Operation("getReportDocument", "GET", r"/reports/2021-06-30/documents/([^/]+)", 0.0167, 15),
    Operation("createFeedDocument", "POST", r"/feeds/2021-06-30/documents", 0.5, 15),
    # Of createFeed's fifteen calls at once, JSON_LISTINGS_FEED gets five in five minutes.
    Operation("createFeed", "POST", r"/feeds/2021-06-30/feeds", 0.0083, 5),
    Operation("getFeeds", "GET", r"/feeds/2021-06-30/feeds", 0.0222, 10),
    Operation("getFeed", "GET", r"/feeds/2021-06-30/feeds/([^/]+)", 2, 15),
    Operation("getFeedDocument", "GET", r"/feeds/2021-06-30/documents/([^/]+)", 0.0222, 10),
    Operation("getDestinations", "GET", r"/notifications/v1/destinations", 1, 5),
    Operation("createDestination", "POST", r"/notifications/v1/destinations", 1, 5),
    Operation("getSubscription", "GET", r"/notifications/v1/subscriptions/([^/]+)", 1, 5),
    Operation("createSubscription", "POST", r"/notifications/v1/subscriptions/([^/]+)", 1, 5),
    Operation("deleteSubscriptionById", "DELETE", r"/notifications/v1/subscriptions/([^/]+)/([^/]+)", 1, 5),
    *(Operation(*row[:5]) for row in PLAN_OPERATIONS),
)


PREVIEW = Operation("VALIDATION_PREVIEW", "PATCH", "", 1, 1)  # of patchListingsItem, which has a rate of its own
SCHEMA_PATH = "/schemas/product-type.json"
# Operations of the application itself, which take a token that no seller stands behind.
GRANTLESS = frozenset(("getDestinations", "createDestination", "deleteSubscriptionById"))


class AmazonStandIn(StandIn):
    """One seller account. generous: rates ten thousand times the default, as the rate header then says.

    revoked: refresh tokens that Login with Amazon no longer takes. forbidden: operations that the application has no
    role for. says_rate: whether answers carry x-amzn-RateLimit-Limit (Amazon sends it "when available").
    """

    def __init__(
        self, port: int = 0, now: Callable[[], datetime] = lambda: datetime.now(UTC), *, generous: bool = True
    ) -> None:
        super().__init__(port, now)
        self.generous, self.says_rate = generous, True
        self.revoked, self.forbidden = set[str](), set[str]()
        self.orders, self.listings = Orders(), Listings()
        self.shipments = Shipments(self.orders)
        self.listings.add(*offers(CATALOGUE, now()))
        self.finances, self.catalog = Finances(), Catalog(self.listings)
        self.returns, self.ledger = Returns(), Ledger()
        self.documents, self.inbound = Documents(), InboundShipments()
        self.plans = InboundPlans(self.inbound, self.documents)
        self.reports = Reports(self.listings, self.returns, self.orders, self.documents, self.ledger)
        self.adjusting = Adjusting(self.orders, self.finances)
        self.fulfilling = Fulfilling(self.orders, self.shipments)
        self.feeds = Feeds(self.listings, self.documents, self.adjusting, self.fulfilling)
        self.subscribing = Subscribing()
        self._grantless, self._access = set[str](), dict[str, datetime]()
        self._buckets: dict[str, Bucket] = {}
        answers: dict[str, Callable[..., Any]] = {row[0]: getattr(self.plans, row[5]) for row in PLAN_OPERATIONS}
        answers |= self.catalog.operations()
        self._answers: Mapping[str, Callable[..., Any]] = answers | {
            "searchOrders": self.orders.search,
            "getOrder": self.orders.get,
            "confirmShipment": self.shipments.confirm,
            "listTransactions": self.finances.list_transactions,
            "getMarketplaceParticipations": _list_participations,
            "searchListingsItems": self.listings.search,
            "getListingsItem": self.listings.get,
            "patchListingsItem": self.listings.patch,
            "getInventorySummaries": self.ledger.list_inventory,
            "getShipments": self.inbound.list,
            "getShipmentItemsByShipmentId": self.inbound.list_items,
            "getDefinitionsProductType": self._describe_type,
            "getReports": self.reports.list,
            "createReport": self.reports.create,
            "getReport": self.reports.get,
            "getReportDocument": self.reports.document,
            "createFeedDocument": self.feeds.new_document,
            "createFeed": self.feeds.create,
            "getFeeds": self.feeds.list,
            "getFeed": self.feeds.get,
            "getFeedDocument": self.feeds.document,
            "getDestinations": self.subscribing.list_destinations,
            "createDestination": self.subscribing.create_destination,
            "getSubscription": self.subscribing.read,
            "createSubscription": self.subscribing.create,
            "deleteSubscriptionById": self.subscribing.delete,
        }

    def start(self) -> Self:
        super().start()
        self.documents.base = self.documents.base or self.url
        return self

    def add(self, order: dict[str, Any]) -> None:
        """Keep an order, or its new revision, unchanged."""
        with self.lock:
            self.orders.add(order)

    def add_new(self, order: dict[str, Any], now: datetime) -> None:
        """The same order, placed and changed now; the merchant's quantities are reduced by it."""
        with self.lock:
            self.orders.add_new(order, now)
            for item in order["orderItems"]:
                self.listings.sold(item["product"].get("sellerSku", ""), item["quantityOrdered"])

    def expire_tokens(self) -> None:
        """All access tokens expire at once."""
        with self.lock:
            self._access.clear()

    def handle(self, call: Call) -> Reply:
        if call.path == "/auth/o2/token":
            return self._log_in(call)
        if call.path.startswith(PATH):
            return self.documents.serve(call, self.now())
        if call.path == SCHEMA_PATH:
            return Reply(200, build_schema())
        headers = {"x-amzn-RequestId": secrets.token_hex(8)}
        try:
            operation, arguments = _route(call)
            self._admit(call, operation)
            rate = self._spend(operation)
            if call.parameter("mode") == PREVIEW.name:
                self._spend(PREVIEW)
            if self.says_rate:
                headers["x-amzn-RateLimit-Limit"] = str(rate)
            answer = self._answers[operation.name](call, self.now(), *arguments)
            reply = answer if isinstance(answer, Reply) else Reply(200, answer)
        except Refused as refused:
            reply = refused.reply
        return Reply(reply.status, reply.body, {**headers, **reply.headers})

    def _log_in(self, call: Call) -> Reply:
        form = call.form() if call.method == "POST" else {}
        if form.get("grant_type") == "client_credentials" and form.get("scope") == "sellingpartnerapi::notifications":
            form["refresh_token"] = ""
        elif form.get("grant_type") != "refresh_token" or not form.get("refresh_token"):
            form = {}
        if not (form.get("client_id") and form.get("client_secret")):
            return _refuse_login("invalid_request", "The request is missing a required parameter.")
        if form["refresh_token"] in self.revoked:
            return _refuse_login("invalid_grant", "The request has an invalid grant parameter : refresh_token")
        token = f"Atza|{secrets.token_urlsafe(24)}"
        self._access[token] = self.now() + TOKEN_LIFE
        if not form["refresh_token"]:
            self._grantless.add(token)
        seconds = int(TOKEN_LIFE.total_seconds())
        body = {"access_token": token, "token_type": "bearer", "expires_in": seconds}
        return Reply(200, {**body, "refresh_token": form["refresh_token"]})

    def _describe_type(self, call: Call, now: datetime, product_type: str) -> dict[str, Any]:
        """The definition of a product type: every type has the same texts."""
        if not call.parameter("marketplaceIds"):
            raise Refused(400, "InvalidInput", "Missing required parameter: marketplaceIds.")
        link = {
            "link": {"resource": f"{self.documents.base}{SCHEMA_PATH}", "verb": "GET"},
            "checksum": "2jmj7l5rSw0yVb",
        }
        return {
            "schema": link, "requirements": call.parameter("requirements", "LISTING"),
            "requirementsEnforced": call.parameter("requirementsEnforced", "ENFORCED"), "propertyGroups": {},
            "locale": "en_US", "marketplaceIds": call.parameter("marketplaceIds").split(","),
            "productType": product_type, "displayName": product_type.title(),
            "productTypeVersion": {"version": "U8L4z4Ud95N16tZl", "latest": True},
        }  # fmt: skip

    def _admit(self, call: Call, operation: Operation) -> None:
        if not call.headers.get("user-agent"):
            raise Refused(400, "InvalidInput", "Missing required header: user-agent.")
        token = call.headers.get("x-amz-access-token")
        if not token:
            raise _deny("Access token is missing in the request header.")
        expires = self._access.get(token)
        if expires is None or expires <= self.now():
            raise _deny("The access token you provided has expired.")
        if operation.name in self.forbidden or (token in self._grantless) != (operation.name in GRANTLESS):
            raise _deny("")

    def _spend(self, operation: Operation) -> float:
        rate, burst = operation.rate, operation.burst
        if self.generous:
            rate, burst = min(rate * GENEROUS, GENEROUS_LIMIT), burst * GENEROUS
        bucket = self._buckets.setdefault(operation.name, Bucket(rate, burst, self.now()))
        if not bucket.spend(self.now()):
            raise Refused(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
        return rate


def _route(call: Call) -> tuple[Operation, list[str]]:
    for operation in OPERATIONS:
        hit = re.fullmatch(operation.path, call.path)
        if hit and operation.method == call.method:
            return operation, [unquote(group) for group in hit.groups()]
    raise Refused(404, "NotFound", "The requested resource is not found.")


def _deny(details: str) -> Refused:
    return Refused(403, "Unauthorized", "Access to requested resource is denied.", details)


def _refuse_login(error: str, description: str) -> Reply:
    return Reply(400, {"error": error, "error_description": description})


def _list_participations(call: Call, now: datetime) -> dict[str, Any]:
    return {
        "payload": [
            {
                "marketplace": {
                    "id": place.id,
                    "name": place.name,
                    "countryCode": place.country,
                    "defaultCurrencyCode": place.currency,
                    "defaultLanguageCode": place.language,
                    "domainName": f"www.{place.name.lower()}",
                },
                "storeName": "Third Wave Supplies",
                "participation": {"isParticipating": True, "hasSuspendedListings": False},
            }
            for place in PLACES
        ]
    }
