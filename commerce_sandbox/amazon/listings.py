"""Listings Items v2021-08-01 of the stand-in: what the merchant offers, and changing it.

What belongs here: the listings, their search, patches and what they do to a quantity and to what buyers see. What does
not: the report of the same listings (reports.py), patches that come in a feed's document (feeds.py), entries of an
attribute (attributes.py). Source: listingsItems_2021-08-01.json.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..catalogue import Article
from ..server import Call
from .answers import Refused, instant, invalid, one_marketplace, written
from .attributes import LANGUAGES, NAME, Entries, apply_patch, find_fault, first_attributes
from .making import asin, hash_of, is_fba
from .places import PLACES

MOST = 1000
SEARCH = {
    "marketplaceIds", "includedData", "pageSize", "pageToken", "sortBy", "sortOrder", "issueLocale",
    "lastUpdatedAfter", "lastUpdatedBefore", "createdAfter", "createdBefore", "identifiers", "identifiersType",
}  # fmt: skip
DATA = {"summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "procurement", "relationships",
        "productTypes"}  # fmt: skip
ORDER = {"sku": "sku", "createdDate": "created", "lastUpdatedDate": "updated"}
COMMON = "PRODUCT"  # the product type whose attributes every listing has


@dataclass
class Offer:
    """One SKU. availability: the attribute fulfillment_availability, one entry per fulfilment channel. attributes:
    those that hold texts. shown: the title that buyers see, by marketplace, where it is not that of the catalogue."""

    sku: str
    title: str
    asin: str
    product_type: str
    marketplaces: tuple[str, ...]
    created: datetime
    updated: datetime
    availability: list[dict[str, Any]] = field(default_factory=list)
    attributes: dict[str, Entries] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)

    @property
    def quantity(self) -> int | None:
        return next((stock.get("quantity") for stock in self.availability if _read_code(stock) == "DEFAULT"), None)

    @property
    def by_amazon(self) -> bool:
        return any(_read_code(stock).startswith("AMAZON") for stock in self.availability)


def offers(catalogue: Sequence[Article], now: datetime) -> list[Offer]:
    """The catalogue as listings: what Amazon fulfils has no quantity of the merchant's, all others have one."""
    places = {
        article: [place.id for place in PLACES[: 1 + hash_of(article.sku) % len(PLACES)]] for article in catalogue
    }
    return [
        Offer(
            article.sku,
            article.title,
            asin(article),
            "KITCHEN" if hash_of(article.sku) % 2 else "COFFEE_MAKER",
            tuple(places[article]),
            now - timedelta(days=200),
            now - timedelta(days=30),
            [{"fulfillment_channel_code": "AMAZON_EU"}]
            if is_fba(article)
            else [{"fulfillment_channel_code": "DEFAULT", "quantity": hash_of(article.sku) % 40,
                   "lead_time_to_ship_max_days": 2}],
            first_attributes(article.title, places[article], article.price_minor_eur),
        )
        for article in catalogue
    ]  # fmt: skip


class Listings:
    """Listings by SKU. refused: SKU -> (code, message) of an error that every change of it meets. foreign: SKUs of a
    brand whose owner decides what buyers see."""

    def __init__(self) -> None:
        self.offers: dict[str, Offer] = {}
        self.refused: dict[str, tuple[str, str]] = {}
        self.foreign: set[str] = set()

    def add(self, *offers: Offer) -> None:
        self.offers.update((offer.sku, offer) for offer in offers)

    def sold(self, sku: str, units: int) -> None:
        """An order reduces the merchant's quantity, which Amazon does not count as a change of the listing."""
        for stock in self.offers[sku].availability if sku in self.offers else ():
            if _read_code(stock) == "DEFAULT" and stock.get("quantity"):
                stock["quantity"] = max(stock["quantity"] - units, 0)

    def search(self, call: Call, now: datetime, seller: str) -> dict[str, Any]:
        unknown = call.query.keys() - SEARCH
        included = call.parameter("includedData", "summaries").split(",")
        size = int(call.parameter("pageSize", "10"))
        if unknown or not DATA.issuperset(included) or not 1 <= size <= 20 or not call.parameter("marketplaceIds"):
            raise invalid("Invalid input")
        by = ORDER[call.parameter("sortBy", "lastUpdatedDate")]
        places = set(call.parameter("marketplaceIds").split(","))
        matching = sorted(
            (offer for offer in self.offers.values() if places & set(offer.marketplaces) and _is_within(offer, call)),
            key=lambda offer: getattr(offer, by),
            reverse=call.parameter("sortOrder", "DESC") == "DESC",
        )
        start = int(base64.b64decode(call.parameter("pageToken"))) if call.parameter("pageToken") else 0
        answer: dict[str, Any] = {
            "numberOfResults": len(matching),
            "items": [_build_item(offer, places, included) for offer in matching[start : start + size]],
        }
        if start + size < min(len(matching), MOST):
            answer["pagination"] = {"nextToken": base64.b64encode(str(start + size).encode()).decode()}
        return answer

    def get(self, call: Call, now: datetime, seller: str, sku: str) -> dict[str, Any]:
        included, places = call.parameter("includedData").split(","), set(call.parameter("marketplaceIds").split(","))
        if sku not in self.offers or not places & set(self.offers[sku].marketplaces):
            raise Refused(404, "NotFound", f"SKU '{sku}' is not found.")
        return _build_item(self.offers[sku], places, included)

    def patch(self, call: Call, now: datetime, seller: str, sku: str) -> dict[str, Any]:
        if call.query.keys() - {"marketplaceIds", "issueLocale", "includedData", "mode"}:
            raise invalid("Invalid input")
        one_marketplace(places := call.parameter("marketplaceIds").split(","))
        body = call.json()
        if sku not in self.offers or not body.get("patches"):
            raise invalid(f"SKU '{sku}' is not found in the given marketplaces.")
        preview = call.parameter("mode") == "VALIDATION_PREVIEW"
        issues = self.change(sku, places[0], body.get("productType"), body["patches"], now, preview=preview)
        status = "INVALID" if issues else "VALID" if preview else "ACCEPTED"
        return {"sku": sku, "status": status, "submissionId": secrets.token_hex(16), "issues": issues}

    def change(
        self,
        sku: str,
        place: str,
        product_type: str | None,
        patches: list[dict[str, Any]],
        now: datetime,
        *,
        preview: bool = False,
    ) -> list[dict[str, Any]]:
        """Apply patches; returns the issues that prevented it."""
        offer = self.offers.get(sku)
        if offer is None or place not in offer.marketplaces:
            return [_issue("8541", f"SKU '{sku}' is not found.")]
        if sku in self.refused:
            return [_issue(*self.refused[sku])]
        if product_type not in (COMMON, offer.product_type):
            return [_issue("4000003", "The Amazon product type specified is invalid or not supported.")]
        new, texts = offer.availability, dict(offer.attributes)
        for patch in patches:
            name = patch["path"].removeprefix("/attributes/")
            if name != "fulfillment_availability":
                if fault := find_fault(name, patch, place):
                    return [{**_issue("90220", fault), "attributeNames": [name]}]
                texts[name] = apply_patch(texts.get(name, []), name, patch, place)
                continue
            value = patch.get("value", [])
            if patch["path"] != "/attributes/fulfillment_availability" or not value or not all(map(_is_sound, value)):
                return [_issue("4000001", "The provided value for 'fulfillment_availability' is invalid.")]
            if patch["op"] == "merge":
                kept = {_read_code(stock): stock for stock in new}
                new = list(
                    {
                        **kept,
                        **{_read_code(stock): {**kept.get(_read_code(stock), {}), **stock} for stock in value},
                    }.values()
                )
            else:
                new = value
        if not preview:
            offer.availability, offer.attributes, offer.updated = new, texts, now
            self._show(offer, place)
        return []

    def _show(self, offer: Offer, place: str) -> None:
        """Buyers see the title that the brand's owner wrote in the marketplace's language."""
        language = LANGUAGES.get(place)
        for entry in offer.attributes.get(NAME, ()):
            if offer.sku not in self.foreign and (entry["marketplace_id"], entry["language_tag"]) == (place, language):
                offer.shown[place] = entry["value"]


def _read_code(availability: dict[str, Any]) -> str:
    return str(availability.get("fulfillment_channel_code", ""))


def _is_sound(value: dict[str, Any]) -> bool:
    quantity = value.get("quantity", 0)
    return bool(_read_code(value)) and isinstance(quantity, int) and 0 <= quantity < 10**7


def _issue(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "severity": "ERROR", "categories": ["INVALID_ATTRIBUTE"]}


def _is_within(offer: Offer, call: Call) -> bool:
    if call.parameter("identifiers") and call.parameter("identifiersType") == "SKU":
        wanted = call.parameter("identifiers").split(",")
        if len(wanted) > 20:
            raise invalid("Too many identifiers.")
        return offer.sku in wanted
    for what, when in (("lastUpdated", offer.updated), ("created", offer.created)):
        after, before = call.parameter(f"{what}After"), call.parameter(f"{what}Before")
        if (after and when < instant(after, what)) or (before and when > instant(before, what)):
            return False
    return True


def _build_item(offer: Offer, places: set[str], included: Sequence[str]) -> dict[str, Any]:
    here = [place for place in offer.marketplaces if place in places]
    buyable = offer.by_amazon or offer.quantity
    data = {
        "summaries": [
            {
                "marketplaceId": place,
                "asin": offer.asin,
                "productType": offer.product_type,
                "conditionType": "new_new",
                "status": ["BUYABLE", "DISCOVERABLE"] if buyable else ["DISCOVERABLE"],
                "itemName": offer.shown.get(place, offer.title),
                "createdDate": written(offer.created),
                "lastUpdatedDate": written(offer.updated),
            }
            for place in here
        ],
        "fulfillmentAvailability": [
            {"fulfillmentChannelCode": _read_code(stock)}
            | ({"quantity": stock["quantity"]} if "quantity" in stock else {})
            for stock in offer.availability
        ],
        "attributes": {
            name: [entry for entry in entries if entry["marketplace_id"] in here]
            for name, entries in offer.attributes.items()
        },
        "productTypes": [{"marketplaceId": place, "productType": offer.product_type} for place in here],
    }
    return {"sku": offer.sku} | {name: value for name, value in data.items() if name in included}
