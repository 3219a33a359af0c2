"""Items and offers of the Inventory API that no listing shows yet, and how they are published.

What belongs here: createOrReplaceInventoryItem and createOffer for a new SKU, publishOffer and what it refuses, the
seller's locations and business policies. What does not: what is published (inventory.py, listings.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from ..server import Call, Reply
from .inventory import PATH, build_error
from .listings import MOST_TITLE, Offered, of_inventory

POLICIES = "/sell/account/v1"
FIRST = 120_000_000_000  # item id of the first listing that is made
# The error of a policy that publishOffer does not know, by its field in the offer and its kind.
FAULTS = {
    "fulfillment_policy": ("fulfillmentPolicyId", 25007), "payment_policy": ("paymentPolicyId", 25008),
    "return_policy": ("returnPolicyId", 25009),
}  # fmt: skip


class NewItems:
    """listings: returns those of the seller, to which published offers are added. items: by SKU. offers: by id. wants:
    names of the aspects that the category asks for."""

    def __init__(self, listings: Callable[[], list[Offered]]) -> None:
        self._listings = listings
        self.items: dict[str, dict[str, Any]] = {}
        self.offers: dict[str, dict[str, Any]] = {}
        self.locations = {"bremen": "ENABLED", "closed": "DISABLED"}
        self.policies = {"fulfillment_policy": {"6001"}, "payment_policy": {"6002"}, "return_policy": {"6003"}}
        self.categories, self.wants = {"20667", "9355"}, set[str]()
        self.published: list[str] = []
        self._numbers = itertools.count(1)

    def answer(self, call: Call) -> Reply | None:
        """None for what is about listings that are there."""
        if call.path.startswith(f"{POLICIES}/"):
            return self._show_policy(*unquote(call.path.removeprefix(f"{POLICIES}/")).split("/", 1))
        what, _, name = unquote(call.path.removeprefix(f"{PATH}/")).partition("/")
        if what == "location":
            return self._show_location(name)
        if what == "offer" and not name and call.method == "POST":
            return self._make_offer(call)
        if what == "offer" and not name:
            return self._list_offers(call.parameter("sku"))
        if what == "offer" and name.endswith("/publish"):
            return self._make_listing(name.removesuffix("/publish"))
        if what == "offer" and name in self.offers and call.method == "PUT":
            kept = {key: self.offers[name][key] for key in ("sku", "marketplaceId", "format")}
            self.offers[name] = {**call.json(), **kept}
            return Reply(204)
        if what != "inventory_item" or not name or name in of_inventory(self._listings()):
            return None
        if call.method == "PUT":
            return self._put_item(name, call)
        item = self.items.get(name)
        return Reply(200, {"sku": name, "locale": "de_DE", **item}) if item and call.method == "GET" else None

    def _put_item(self, sku: str, call: Call) -> Reply:
        body = call.json()
        if not call.headers.get("content-language"):
            return build_error(400, 25709, "Invalid value for header Content-Language.")
        if len(body.get("product", {}).get("title", "")) > MOST_TITLE:
            return build_error(400, 25718, "Invalid value for title.")
        status = 204 if sku in self.items else 201
        self.items[sku] = body
        return Reply(204) if status == 204 else Reply(201, {"warnings": []})

    def _list_offers(self, sku: str) -> Reply | None:
        if sku in of_inventory(self._listings()):
            return None
        rows = [
            {**offer, "offerId": id_, "status": "UNPUBLISHED"} for id_, offer in self.offers.items()
            if offer["sku"] == sku
        ]  # fmt: skip
        if not rows:
            return build_error(404, 25713, "This Offer is not available.")
        return Reply(200, {"href": PATH, "total": len(rows), "size": len(rows), "limit": 100, "offers": rows})

    def _make_offer(self, call: Call) -> Reply:
        body = call.json()
        there = {(row["sku"], row["marketplaceId"], row["format"]) for row in self.offers.values()}
        there |= {(sku, "EBAY_DE", "FIXED_PRICE") for sku in of_inventory(self._listings())}
        if not call.headers.get("content-language"):
            return build_error(400, 25709, "Invalid value for header Content-Language.")
        if body["sku"] not in self.items and body["sku"] not in of_inventory(self._listings()):
            return build_error(400, 25702, "The SKU could not be found or is not available in the system.")
        if (body["sku"], body["marketplaceId"], body["format"]) in there:
            return build_error(400, 25002, "Offer entity already exists.")
        id_ = f"{9_500_000_000 + next(self._numbers)}"
        self.offers[id_] = body
        return Reply(201, {"offerId": id_})

    def _make_listing(self, id_: str) -> Reply:
        offer = self.offers.get(id_)
        if offer is None and id_ in self.published:
            return build_error(400, 25002, "The offer is published already.")
        if offer is None:
            return build_error(404, 25713, "This Offer is not available.")
        item = self.items[offer["sku"]]
        if code := self._find_fault(offer, item):
            return build_error(400, code, "The offer cannot be published.")
        product, price = dict(item["product"]), offer["pricingSummary"]["price"]
        listed = Offered(
            item_id=str(FIRST + next(self._numbers)), sku=offer["sku"], title=product.pop("title"), offer_id=id_,
            price=round(float(price["value"]) * 100), available=offer["availableQuantity"], total=_count(item), sold=0,
            description=offer["listingDescription"],
            item={**{name: value for name, value in item.items() if name != "availability"}, "product": product},
            offer={
                name: value for name, value in offer.items()
                if name not in ("sku", "availableQuantity", "pricingSummary", "listingDescription")
            },
        )  # fmt: skip
        self._listings().append(listed)
        self.published.append(id_)
        del self.offers[id_], self.items[offer["sku"]]
        return Reply(200, {"listingId": listed.item_id})

    def _find_fault(self, offer: dict[str, Any], item: dict[str, Any]) -> int:
        """The code of the first thing that is wrong, 0 where nothing is."""
        product, policies = item.get("product", {}), offer.get("listingPolicies", {})
        price = offer.get("pricingSummary", {}).get("price", {})
        for kind, (field, code) in FAULTS.items():
            if policies.get(field) not in self.policies[kind]:
                return code
        faults = [
            (any(row.sku == offer["sku"] and not row.ended for row in self._listings()), 25002),
            (price.get("currency") != "EUR" or float(price.get("value", 0)) <= 0, 25003),
            (min(_count(item), offer.get("availableQuantity", 0)) < 1, 25004),
            (offer.get("categoryId") not in self.categories, 25005),
            (self.locations.get(offer.get("merchantLocationKey", "")) != "ENABLED", 25012),
            (not product.get("imageUrls"), 25014),
            (not offer.get("listingDescription") or not product.get("title"), 25016),
            (not item.get("condition"), 25021),
            (bool(self.wants - set(product.get("aspects", {}))), 25002),
        ]  # fmt: skip
        return next((code for is_wrong, code in faults if is_wrong), 0)

    def _show_location(self, key: str) -> Reply:
        if key not in self.locations:
            return build_error(404, 25804, "The location is not found.")
        return Reply(200, {"merchantLocationKey": key, "merchantLocationStatus": self.locations[key], "name": key})

    def _show_policy(self, kind: str, id_: str) -> Reply:
        if id_ not in self.policies.get(kind, ()):
            return build_error(404, 20404, "The policy is not found.")
        return Reply(200, {FAULTS[kind][0]: id_, "marketplaceId": "EBAY_DE", "name": kind})


def _count(item: dict[str, Any]) -> int:
    stock = item.get("availability", {}).get("shipToLocationAvailability", {})
    return int(stock.get("quantity", 0))
