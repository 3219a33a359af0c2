"""Amazon's catalogue and offers on its pages: searchCatalogItems, and putListingsItem of an offer alone.

What belongs here: pages by ASIN with their barcodes, what Amazon refuses of a new offer. What does not: listings that
are there (listings.py). Sources: catalogItems_2022-04-01.json, listingsItems_2021-08-01.json.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..server import Call
from .answers import invalid, one_marketplace
from .listings import COMMON, Listings, Offer

KINDS = {"EAN": (8, 13), "UPC": (12,), "GTIN": (8, 12, 13, 14)}
NEEDED = ("merchant_suggested_asin", "condition_type", "purchasable_offer")
MOST_SKU = 40


@dataclass
class Page:
    """A product of the catalogue. restricted: only its brand's owner may offer it."""

    asin: str
    title: str
    barcode: str
    product_type: str = "KITCHEN"
    restricted: bool = False


class Catalog:
    """pages: by ASIN, to which tests add theirs."""

    def __init__(self, listings: Listings) -> None:
        self.listings, self.pages = listings, dict[str, Page]()

    def add(self, *pages: Page) -> None:
        self.pages.update((page.asin, page) for page in pages)

    def operations(self) -> dict[str, Any]:
        """What answers each operation, by its name."""
        return {"putListingsItem": self.put, "searchCatalogItems": self.search}

    def search(self, call: Call, now: datetime) -> dict[str, Any]:
        """searchCatalogItems by barcodes."""
        places = call.parameter("marketplaceIds").split(",")
        wanted, kind = call.parameter("identifiers").split(","), call.parameter("identifiersType")
        size = int(call.parameter("pageSize", "10"))
        if len(places) != 1 or kind not in KINDS or not 1 <= len(wanted) <= 20 or not 1 <= size <= 20:
            raise invalid("Invalid input")
        if any(len(code) not in KINDS[kind] for code in wanted):
            raise invalid("Invalid 'identifiers' provided.")
        rows = [page for page in self.pages.values() if page.barcode in wanted]
        start = int(base64.b64decode(call.parameter("pageToken"))) if call.parameter("pageToken") else 0
        answer: dict[str, Any] = {
            "numberOfResults": len(rows),
            "items": [_show(page, places[0]) for page in rows[start : start + size]],
        }
        if start + size < len(rows):
            answer["pagination"] = {"nextToken": base64.b64encode(str(start + size).encode()).decode()}
        return answer

    def put(self, call: Call, now: datetime, seller: str, sku: str) -> dict[str, Any]:
        """putListingsItem: a listing as a whole, which replaces one that is there."""
        one_marketplace(places := call.parameter("marketplaceIds").split(","))
        body = call.json()
        issues = self._list_issues(body, places[0], sku)
        is_preview = call.parameter("mode") == "VALIDATION_PREVIEW"
        if not issues and not is_preview:
            self._make(body, places[0], sku, now)
        status = "INVALID" if issues else "VALID" if is_preview else "ACCEPTED"
        return {"sku": sku, "status": status, "submissionId": secrets.token_hex(16), "issues": issues}

    def _list_issues(self, body: dict[str, Any], place: str, sku: str) -> list[dict[str, Any]]:
        attributes = body.get("attributes", {})
        if body.get("requirements") != "LISTING_OFFER_ONLY":
            return [_issue("4000001", "The stand-in takes offers only.", "requirements")]
        if len(sku) > MOST_SKU:
            return [_issue("8057", "The SKU is too long.", "sku")]
        for name in NEEDED:
            entries = attributes.get(name) or [{}]
            if entries[0].get("marketplace_id") != place:
                return [_issue("90220", f"'{name}' is required but missing.", name)]
        page = self.pages.get(attributes["merchant_suggested_asin"][0].get("value"))
        if page is None:
            return [_issue("8541", "The ASIN is not in the catalogue.", "merchant_suggested_asin")]
        if page.restricted:
            return [_issue("5461", "You may not list this brand.", "merchant_suggested_asin")]
        if body.get("productType") not in (COMMON, page.product_type):
            return [_issue("4000003", "The product type is invalid.", "productType")]
        return []

    def _make(self, body: dict[str, Any], place: str, sku: str, now: datetime) -> None:
        attributes = body["attributes"]
        page = self.pages[attributes["merchant_suggested_asin"][0]["value"]]
        availability = attributes.get("fulfillment_availability", [])
        kept = {name: entries for name, entries in attributes.items() if name == "purchasable_offer"}
        self.listings.add(Offer(
            sku, page.title, page.asin, page.product_type, (place,), now, now, availability, kept,
        ))  # fmt: skip


def _show(page: Page, place: str) -> dict[str, Any]:
    kind = {8: "EAN", 12: "UPC", 13: "EAN"}.get(len(page.barcode), "GTIN")
    return {
        "asin": page.asin,
        "identifiers": [
            {"marketplaceId": place, "identifiers": [{"identifierType": kind, "identifier": page.barcode}]}
        ],
        "productTypes": [{"marketplaceId": place, "productType": page.product_type}],
    }


def _issue(code: str, message: str, name: str) -> dict[str, Any]:
    return {"code": code, "message": message, "severity": "ERROR", "categories": ["INVALID_ATTRIBUTE"],
            "attributeNames": [name]}  # fmt: skip
