"""How the Inventory API answers: items and offers page by page, quantities in bulk, an item or an offer replaced.

What belongs here: answers to getInventoryItems, getInventoryItem, bulkGetInventoryItem, getOffers,
bulkUpdatePriceQuantity, createOrReplaceInventoryItem and updateOffer. What does not: the listings and eBay's rules for
them (listings.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import unquote

from ..server import Call, Reply
from .listings import MOST_TITLE, Offered, Refused, count, of_inventory
from .making import money

PATH = "/sell/inventory/v1"
DOMAIN = "API_INVENTORY"
MOST_ITEMS = 25  # of bulkGetInventoryItem
MOST_NAME, MOST_VALUE = 40, 50  # characters of an aspect


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
        case "POST", "/bulk_get_inventory_item":
            return _answer_some(by_sku, call)
        case "POST", "/bulk_update_price_quantity":
            return _update(by_sku, call, refused, skus_a_call)
    if call.method == "PUT" and not call.headers.get("content-language"):
        return build_error(400, 25709, "Invalid value for header Content-Language.")
    what, _, name = unquote(call.path.removeprefix(PATH)).removeprefix("/").partition("/")
    if what == "inventory_item" and name in by_sku:
        offered_item = by_sku[name]
        if call.method == "GET":
            return Reply(200, {**_build_item(offered_item), "groupIds": []})
        return _put(offered_item, call.json(), _replace_item) if call.method == "PUT" else Reply(404)
    by_offer = {row.offer_id: row for row in by_sku.values()}
    if what == "offer" and name in by_offer and call.method == "PUT":
        return _put(by_offer[name], call.json(), _replace_offer)
    return build_error(404, 25710 if what == "inventory_item" else 25713, "We didn't find the entity you requested.")


def _put(offered: Offered, body: dict[str, Any], replace: Callable[[Offered, dict[str, Any]], None]) -> Reply:
    """A full replacement: what is not sent is gone."""
    try:
        if offered.ended:
            raise Refused("25002", "The listing has ended.")
        count([offered])
        replace(offered, body)
    except Refused as refusal:
        return build_error(400, int(refusal.code), refusal.message)
    return Reply(204)


def _replace_item(offered: Offered, body: dict[str, Any]) -> None:
    product = dict(body.get("product", {}))
    title, stock = product.pop("title", ""), body.get("availability", {}).get("shipToLocationAvailability", {})
    if not title or len(title) > MOST_TITLE:
        raise Refused("25718", "Invalid value for title.")
    if not product.get("imageUrls"):
        raise Refused("25717", "A published item needs a picture.")
    for name, values in product.get("aspects", {}).items():
        if len(name) > MOST_NAME or any(len(value) > MOST_VALUE for value in values):
            raise Refused("25719", "Invalid value for aspects.")
    offered.title, offered.total = title, stock.get("quantity", 0)
    offered.item = {name: value for name, value in body.items() if name not in ("product", "availability")}
    offered.item["product"] = product


def _replace_offer(offered: Offered, body: dict[str, Any]) -> None:
    body = dict(body)
    offered.description = body.pop("listingDescription", "")
    if not offered.description:
        raise Refused("25016", "A published offer needs a listing description.")
    offered.available = body.pop("availableQuantity", 0)
    offered.price = round(float(body.pop("pricingSummary", {}).get("price", {}).get("value", "0")) * 100)
    offered.offer = body


def _build_item(offered: Offered) -> dict[str, Any]:
    return {
        "sku": offered.sku,
        "locale": "de_DE",
        **offered.item,
        "product": {"title": offered.title, **offered.item.get("product", {})},
        "availability": {"shipToLocationAvailability": {"quantity": offered.total}},
    }


def _answer_items(by_sku: dict[str, Offered], call: Call, url: str) -> Reply:
    """`offset` is the page's number."""
    limit, page = int(call.parameter("limit", "25")), int(call.parameter("offset", "0"))
    if not 1 <= limit <= 200:
        return build_error(400, 25706, "You have provided invalid pagination values.")
    skus = sorted(by_sku)[page * limit : (page + 1) * limit]
    pages = -(-len(by_sku) // limit)
    body: dict[str, Any] = {
        "href": f"{PATH}/inventory_item?limit={limit}&offset={page}",
        "limit": limit,
        "total": len(by_sku),
        "size": pages,
        "inventoryItems": [_build_item(by_sku[sku]) for sku in skus],
    }
    if page + 1 < pages:
        body["next"] = f"{PATH}/inventory_item?limit={limit}&offset={page + 1}"
    return Reply(200, body)


def _answer_some(by_sku: dict[str, Offered], call: Call) -> Reply:
    skus = [request["sku"] for request in call.json()["requests"]]
    if not 1 <= len(skus) <= MOST_ITEMS:
        return build_error(400, 25707, "Too many SKUs.")
    responses = [
        {"statusCode": 200, "sku": sku, "inventoryItem": {**_build_item(by_sku[sku]), "inventoryItemGroupKeys": []}}
        if sku in by_sku else {"statusCode": 404, "sku": sku, "errors": [{"errorId": 25710}]}
        for sku in skus
    ]  # fmt: skip
    return Reply(200 if all(sku in by_sku for sku in skus) else 207, {"responses": responses})


def _answer_offers(by_sku: dict[str, Offered], call: Call, url: str) -> Reply:
    offered = by_sku.get(call.parameter("sku"))
    if offered is None:
        return build_error(404, 25713, "This Offer is not available.")
    offer: dict[str, Any] = {
        **offered.offer,
        "offerId": offered.offer_id,
        "sku": offered.sku,
        "marketplaceId": "EBAY_DE",
        "format": "FIXED_PRICE",
        "availableQuantity": offered.available,
        "pricingSummary": {"price": money(offered.price, "EUR")},
        "status": "UNPUBLISHED" if offered.ended else "PUBLISHED",
    }
    if offered.description:
        offer["listingDescription"] = offered.description
    if not offered.ended:
        offer["listing"] = {"listingId": offered.item_id, "listingStatus": "ACTIVE", "soldQuantity": offered.sold}
    href = f"{PATH}/offer?sku={offered.sku}"
    return Reply(200, {"href": href, "total": 1, "size": 1, "limit": 100, "offers": [offer]})


def _update(by_sku: dict[str, Offered], call: Call, refused: Mapping[str, Refused], skus_a_call: int) -> Reply:
    """200 where all went well, else 207; a status for each offer, and one for each item without an offer's id."""
    requests = call.json()["requests"]
    if len(requests) > skus_a_call or sum(len(entry.get("offers", ())) for entry in requests) > 25:
        return build_error(400, 25709, "Invalid value for requests.")
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
                    of_offer.available = offer.get("availableQuantity", of_offer.available)
                    if price := offer.get("price"):
                        of_offer.price = round(float(price["value"]) * 100)
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


def build_error(status: int, error_id: int, message: str) -> Reply:
    return Reply(status, {"errors": [_build_entry(error_id, message)]})


def _build_entry(error_id: int, message: str) -> dict[str, Any]:
    return {"errorId": error_id, "domain": DOMAIN, "category": "REQUEST", "message": message}
