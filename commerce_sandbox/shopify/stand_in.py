"""The shop's server: tokens, versions, scopes, points, and what each of them refuses.

What belongs here: everything around a GraphQL query that Shopify checks. What does not: GraphQL (execution.py), the
shop's state (shop.py, stock.py, fulfilment.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ..server import Call, Reply, StandIn
from .bulk import Bulk
from .contents import Contents
from .execution import Data, Execution, Refused, actual_cost
from .fulfilment import Fulfilments
from .new_products import NewProducts
from .refund_create import PayingBack
from .shop import Orders, number
from .stock import Stock
from .webhooks import Webhooks

VERSION = "2026-10"
MOST_POINTS = 1_000
STATIC_TOKEN = "shpat_sandbox"
TOKEN_LIFE = timedelta(seconds=86_399)
SCOPES = frozenset(
    ("read_orders", "write_orders", "read_all_orders", "read_returns", "read_customers", "read_products",
     "write_products", "read_files", "write_files", "read_translations", "write_translations", "read_inventory",
     "write_inventory", "read_locations", "read_publications", "write_publications",
     "read_merchant_managed_fulfillment_orders", "write_merchant_managed_fulfillment_orders")
)  # fmt: skip
NEEDED = {
    "orders": "read_orders",
    "order": "read_orders",
    "ordersCount": "read_orders",
    "productVariants": "read_products",
    "products": "read_products",
    "productUpdate": "write_products",
    "fileUpdate": "write_files",
    "translatableResource": "read_translations",
    "translationsRegister": "write_translations",
    "productVariantsBulkUpdate": "write_products",
    "productCreate": "write_products",
    "productVariantsBulkCreate": "write_products",
    "productByIdentifier": "read_products",
    "inventoryBulkToggleActivation": "write_inventory",
    "publications": "read_publications",
    "publishablePublish": "write_publications",
    "inventoryItem": "read_inventory",
    "locations": "read_locations",
    "inventorySetQuantities": "write_inventory",
    "fulfillmentCreate": "write_merchant_managed_fulfillment_orders",
    "refundCreate": "write_orders",
    "fulfillmentTrackingInfoUpdate": "write_merchant_managed_fulfillment_orders",
}
_REFUSED_TOKEN = {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}


class ShopifyStandIn(StandIn):
    """One shop over HTTP. points: size of the bucket; restore: points that come back per second. The default is the
    bucket of Shopify Plus, so that the demo does not wait.

    Tests set `scopes`, `deprecated` (the text of the header), `served` (the version in the answer), `orders.listable`,
    `taxes_included` (of the shop's prices).
    """

    def __init__(
        self,
        port: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        shop: str = "demo.myshopify.com",
        static_token: str = STATIC_TOKEN,
        points: float = 20_000,
        restore: float = 1_000,
    ) -> None:
        super().__init__(port, now)
        self.shop, self.orders, self.stock, self.bulk = shop, Orders(), Stock(), Bulk()
        self.fulfilments, self.paying_back = Fulfilments(self.orders), PayingBack(self.orders)
        self.webhooks = Webhooks(shop)
        self.contents = Contents(self.stock, now())
        self.new_products = NewProducts(self.contents)
        self.points, self.restore = points, restore
        self.scopes, self.served, self.deprecated = SCOPES, VERSION, ""
        self.taxes_included = True
        self.valid_for = {static_token: datetime.max.replace(tzinfo=UTC)}  # token -> when it expires
        self._left, self._at = points, now()

    def add(self, order: Data) -> None:
        """Keep an order node as it is."""
        with self.lock:
            self.orders.add(order)

    def add_new(self, order: Data, now: datetime) -> Data:
        """Take the order as placed at `now`, under a new id, and tell who subscribed to it."""
        with self.lock:
            order = self.orders.add_new(order, now)
        self.webhooks.tell("ORDERS_CREATE", order)
        return order

    def handle(self, call: Call) -> Reply:
        """Answer one request: the token, a bulk file, or GraphQL."""
        if call.method == "GET" and (content := self.bulk.file(call.path)) is not None:
            return Reply(200, content, {"Content-Type": "application/jsonl"})
        if call.method != "POST":
            return Reply(405)
        if call.path == "/uploads":
            return Reply(201 if self.contents.pictures.take(call.body, self.url) else 400)
        if call.path == "/admin/oauth/access_token":
            return self._mint(call)
        if call.path.startswith("/admin/api/") and call.path.endswith("/graphql.json"):
            until = self.valid_for.get(call.headers.get("x-shopify-access-token", ""))
            if until is None or until <= self.now():
                return Reply(401, _REFUSED_TOKEN)
            headers = {"X-Shopify-API-Version": self.served}
            if self.deprecated:
                headers["X-Shopify-API-Deprecated-Reason"] = self.deprecated
            return Reply(200, self._answer_graphql(call), headers)
        return Reply(404, {"errors": "Not Found"})

    def _mint(self, call: Call) -> Reply:
        form = call.form()
        if form.get("grant_type") != "client_credentials":
            return Reply(400, {"error": "unsupported_grant_type"})
        if not form.get("client_id") or not form.get("client_secret"):
            return Reply(400, {"error": "invalid_client"})
        token = f"shpat_{secrets.token_hex(16)}"
        self.valid_for[token] = self.now() + TOKEN_LIFE
        life = int(TOKEN_LIFE.total_seconds())
        return Reply(200, {"access_token": token, "scope": ",".join(sorted(self.scopes)), "expires_in": life})

    def _answer_graphql(self, call: Call) -> Data:
        body, requested = call.json(), 0
        try:
            execution = Execution(body["query"], body.get("variables") or {})
            requested = execution.requested_cost()
            self._check(execution, requested)
            root = self._build_mutations(execution) if execution.is_mutation else self._build_queries()
            data = execution.run(root)
        except Refused as refused:
            return {"errors": [refused.error], "extensions": self._spend(requested, None)}
        return {"data": data, "extensions": self._spend(requested, actual_cost(data))}

    def _check(self, execution: Execution, requested: int) -> None:
        if requested > MOST_POINTS:
            raise Refused(
                f"Query cost is {requested}, which exceeds the single query max cost limit ({MOST_POINTS}).",
                "MAX_COST_EXCEEDED", cost=requested, maxCost=MOST_POINTS,
            )  # fmt: skip
        if requested > self._compute_available():
            raise Refused("Throttled", "THROTTLED")
        for name in execution.roots():
            scope = NEEDED.get(name)
            if scope and scope not in self.scopes:
                access = f"`{scope}` access scope."
                raise Refused(f"Access denied for {name} field. Required access: {access}", "ACCESS_DENIED", [name],
                              requiredAccess=access)  # fmt: skip

    def _compute_available(self) -> float:
        now = self.now()
        seconds = max(0.0, (now - self._at).total_seconds())
        self._left, self._at = min(self.points, self._left + seconds * self.restore), now
        return self._left

    def _spend(self, requested: int, actual: int | None) -> Data:
        self._left = self._compute_available() - (actual or 0)
        status = {"maximumAvailable": self.points, "currentlyAvailable": int(self._left), "restoreRate": self.restore}
        return {"cost": {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}}

    def _build_queries(self) -> Data:
        now = self.now()
        installation = {"accessScopes": [{"handle": scope} for scope in sorted(self.scopes)]}
        shop = {"name": "Sandbox Coffee", "myshopifyDomain": self.shop, "currencyCode": "EUR",
                "taxesIncluded": self.taxes_included}  # fmt: skip
        orders = self.orders.fields(now, "read_all_orders" in self.scopes)
        return {"shop": shop, "currentAppInstallation": installation, **orders, **self.stock.fields(),
                **self.webhooks.fields(), **self.contents.fields(), **self.new_products.fields(),
                "productVariants": self._list_variants,
                "translatableResource": lambda arguments: self.contents.texts.resource(
                    self.contents.rows[number(arguments["resourceId"])]
                ),
                "nodes": lambda arguments: [
                    self.fulfilments.find_order(gid) or self.contents.find_record(gid) or self.orders.find_record(gid)
                    for gid in arguments["ids"]
                ],
                "bulkOperation": lambda arguments: self.bulk.state(arguments["id"], self.url, now)}  # fmt: skip

    def _list_variants(self, arguments: Data) -> Any:
        """By SKU they are searched with their products, otherwise with their stock."""
        query = arguments.get("query") or ""
        if "sku:" in query:
            return self.new_products.find_variants(query)
        return self.stock.fields()["productVariants"](arguments)

    def _build_mutations(self, execution: Execution) -> Data:
        def set_quantities(arguments: Data) -> Any:
            return self.stock.set_quantities(arguments["input"], execution.idempotency_key())

        def run_bulk(arguments: Data) -> Any:
            return self.bulk.run(arguments["query"], self._build_queries(), self.now())

        now = self.now()
        return {
            "inventorySetQuantities": set_quantities,
            "bulkOperationRunQuery": run_bulk,
            "refundCreate": lambda arguments: self.paying_back.create(
                arguments["input"], execution.idempotency_key(), now
            ),
            "fulfillmentCreate": lambda arguments: self.fulfilments.create(arguments["fulfillment"], now),
            "fulfillmentTrackingInfoUpdate": lambda arguments: self.fulfilments.set_tracking(arguments, now),
            "productUpdate": lambda arguments: self.new_products.update(arguments, now),
            "productCreate": lambda arguments: self.new_products.create(arguments["product"], now),
            "productVariantsBulkCreate": lambda arguments: self.new_products.add_variants(arguments, now),
            "inventoryBulkToggleActivation": lambda arguments: self.new_products.stock_item(arguments),
            "publishablePublish": lambda arguments: self.new_products.publish(arguments),
            "stagedUploadsCreate": lambda arguments: self.contents.pictures.stage(arguments["input"], self.url),
            "fileUpdate": lambda arguments: self.contents.pictures.replace(arguments["files"]),
            "translationsRegister": lambda arguments: self.contents.texts.register(
                self.contents.rows[number(arguments["resourceId"])], arguments["translations"]
            ),
            "productVariantsBulkUpdate": lambda arguments: self.new_products.fill(arguments, now),
            **self.webhooks.mutations(),
        }
