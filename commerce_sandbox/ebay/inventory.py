"""How the Inventory API answers: items and offers page by page, quantities in bulk.

What belongs here: answers to getInventoryItems, getOffers and bulkUpdatePriceQuantity. What does not: the listings and
eBay's rules for them (listings.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..server import Call, Reply
from .listings import Offered, Refused, count, of_inventory
from .making import money

PATH = "/sell/inventory/v1"
DOMAIN = "API_INVENTORY"


def answer(
    offered: Collection[Offered], call: Call, url: str, refused: Mapping[str, Refused], skus_a_call: int
) -> Reply:
    """refused: SKUs whose updates eBay declines, with its reason. skus_a_call: how many one update may name."""
    by_sku = of_inventory(offered)
    match call.method, call.path.removeprefix(PATH):
        case "GET", "/inventory_item":
            return _answer_items(by_sku, call, url)
        case "GET", "/offer":
            return _answer_offers(by_sku, call, url)
        case "POST", "/bulk_update_price_quantity":
            return _update(by_sku, call, refused, skus_a_call)
    return Reply(404)


def _answer_items(by_sku: dict[str, Offered], call: Call, url: str) -> Reply:
    """`offset` is the page's number."""
    limit, page = int(call.parameter("limit", "25")), int(call.parameter("offset", "0"))
    if not 1 <= limit <= 200:
        return _build_error(400, 25706, "You have provided invalid pagination values.")
    skus = sorted(by_sku)[page * limit : (page + 1) * limit]
    pages = -(-len(by_sku) // limit)
    body: dict[str, Any] = {
        "href": f"{PATH}/inventory_item?limit={limit}&offset={page}",
        "limit": limit,
        "total": len(by_sku),
        "size": pages,
        "inventoryItems": [
            {
                "sku": sku,
                "locale": "de_DE",
                "condition": "NEW",
                "product": {"title": by_sku[sku].title},
                "availability": {"shipToLocationAvailability": {"quantity": by_sku[sku].total}},
            }
            for sku in skus
        ],
    }
    if page + 1 < pages:
        body["next"] = f"{PATH}/inventory_item?limit={limit}&offset={page + 1}"
    return Reply(200, body)


def _answer_offers(by_sku: dict[str, Offered], call: Call, url: str) -> Reply:
    offered = by_sku.get(call.parameter("sku"))
    if offered is None:
        return _build_error(404, 25713, "This Offer is not available.")
    offer = {
        "offerId": offered.offer_id,
        "sku": offered.sku,
        "marketplaceId": "EBAY_DE",
        "format": "FIXED_PRICE",
        "availableQuantity": offered.available,
        "pricingSummary": {"price": money(offered.price, "EUR")},
        "status": "UNPUBLISHED" if offered.ended else "PUBLISHED",
    }
    if not offered.ended:
        offer["listing"] = {"listingId": offered.item_id, "listingStatus": "ACTIVE", "soldQuantity": offered.sold}
    href = f"{PATH}/offer?sku={offered.sku}"
    return Reply(200, {"href": href, "total": 1, "size": 1, "limit": 100, "offers": [offer]})


def _update(by_sku: dict[str, Offered], call: Call, refused: Mapping[str, Refused], skus_a_call: int) -> Reply:
    """200 where all went well, else 207; a status for each offer, and one for each item without an offer's id."""
    requests = call.json()["requests"]
    if len(requests) > skus_a_call or sum(len(entry.get("offers", ())) for entry in requests) > 25:
        return _build_error(400, 25709, "Invalid value for requests.")
    by_offer = {entry.offer_id: entry for entry in by_sku.values()}
    responses: list[dict[str, Any]] = []
    for request in requests:
        sku, stock = request.get("sku", ""), request.get("shipToLocationAvailability")
        if stock:
            of_sku = by_sku.get(sku)
            if of_sku and sku not in refused:
                of_sku.total = stock["quantity"]
            responses.append(_build_response(sku, "", of_sku, refused.get(sku)))
        for offer in request.get("offers", ()):
            of_offer = by_offer.get(offer["offerId"])
            problem = refused.get(of_offer.sku) if of_offer else None
            if of_offer and not problem:
                try:
                    count([of_offer])
                    of_offer.available = offer["availableQuantity"]
                except Refused as error:
                    problem = error
            responses.append(_build_response(of_offer.sku if of_offer else sku, offer["offerId"], of_offer, problem))
    whole = all(entry["statusCode"] == 200 for entry in responses)
    return Reply(200 if whole else 207, {"responses": responses})


def _build_response(sku: str, offer_id: str, offered: Offered | None, problem: Refused | None) -> dict[str, Any]:
    response: dict[str, Any] = {"sku": sku, "statusCode": 200}
    if offer_id:
        response["offerId"] = offer_id
    if offered is None:
        problem = Refused("25713", "This Offer is not available.")
    if problem:
        response["statusCode"] = 404 if offered is None else 400
        response["errors"] = [_build_entry(int(problem.code), problem.message)]
    return response


def _build_error(status: int, error_id: int, message: str) -> Reply:
    return Reply(status, {"errors": [_build_entry(error_id, message)]})


def _build_entry(error_id: int, message: str) -> dict[str, Any]:
    return {"errorId": error_id, "domain": DOMAIN, "category": "REQUEST", "message": message}
