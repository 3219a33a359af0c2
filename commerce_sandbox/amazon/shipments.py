"""confirmShipment of the stand-in (Orders API v0): parcels that the seller reports, on the orders of orders.py.

What belongs here: what Amazon checks in a confirmation, and what it makes of one. What does not: reading the order with
its parcels (orders.py), tokens and limits (api.py). Source: ordersV0.json; refusals as the issues of the vendor's
repository show them (amzn/selling-partner-api-models #5037, #5094, #492).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..server import Call, Reply
from .answers import Refused, instant, invalid, written
from .orders import Orders

REQUIRED = ("packageReferenceId", "carrierCode", "trackingNumber", "shipDate", "orderItems")
NOT_FOUND = (
    "Failed to create package due to not finding a matching package or order already fulfilled. "
    "ErrorMessage(errorCode=GeneralError, errorDescription=Unable to find package to update for order (), "
    "errorMetric=PackageToUpdateNotFound, packageIndex=null)"
)


class Shipments:
    """heard: how many parcels Amazon has told the buyer of, by order; a package that is edited is told once.
    refused: orders that no confirmation is taken for (Ship+, labels bought at Amazon)."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self.heard: Counter[str] = Counter()
        self.refused: set[str] = set()

    def confirm(self, call: Call, now: datetime, order_id: str) -> Reply:
        self.book(order_id, _read_package(call.json()), now)
        return Reply(204)

    def book(self, order_id: str, package: dict[str, Any], now: datetime) -> None:
        """Take a parcel, or another version of it. Raises Refused."""
        try:
            order = self._orders[order_id]
        except KeyError:
            raise Refused(404, "NotFound", f"No order with the id {order_id} is found.") from None
        _check_order(order, package, now)
        if order_id in self.refused:
            raise invalid("This order is not eligible for shipment confirmation.")
        units = _count_units(package, order)
        before = order.get("packages", [])
        others = [own for own in before if own["packageReferenceId"] != package["packageReferenceId"]]
        after = [*others, _show_package(package)]
        for item in order["orderItems"]:
            sent = _count_shipped(item) - _sum_units(before, item) + _sum_units(after, item)
            if units.get(item["orderItemId"]) and sent > item["quantityOrdered"]:
                raise invalid(NOT_FOUND)
        for item in order["orderItems"]:
            _update_counts(item, _count_shipped(item) - _sum_units(before, item) + _sum_units(after, item))
        waiting = any(item["fulfillment"]["quantityUnfulfilled"] for item in order["orderItems"])
        order["fulfillment"]["fulfillmentStatus"] = "PARTIALLY_SHIPPED" if waiting else "SHIPPED"
        order["packages"], order["lastUpdatedTime"] = after, written(now)
        self.heard[order_id] += len(after) > len(before)


def _read_package(body: dict[str, Any]) -> dict[str, Any]:
    package: dict[str, Any] = body.get("packageDetail", {})
    if not body.get("marketplaceId") or any(not package.get(name) for name in REQUIRED):
        raise invalid("The request is missing required fields.")
    reference = package["packageReferenceId"]
    if not isinstance(reference, str) or not reference.isdigit() or int(reference) < 1:
        raise invalid("The request has fields with invalid type [packageDetail.packageReferenceId].")
    if package["carrierCode"] == "Other" and not package.get("carrierName"):
        raise invalid("carrierName is required when carrierCode is Other.")
    if not isinstance(package["orderItems"], list):
        raise invalid("OrderItemId is invalid.")
    return package


def _check_order(order: dict[str, Any], package: dict[str, Any], now: datetime) -> None:
    fulfilment = order["fulfillment"]
    if fulfilment.get("fulfilledBy") != "MERCHANT" or fulfilment["fulfillmentStatus"] in ("PENDING", "CANCELLED"):
        raise invalid("The order is not in a state that can be confirmed.")
    if not instant(order["createdTime"], "createdTime") <= instant(package["shipDate"], "shipDate") <= now:
        raise invalid("shipDate lies before the purchase or in the future.")


def _count_units(package: dict[str, Any], order: dict[str, Any]) -> dict[str, int]:
    shipped = {
        item["orderItemId"]
        for item in order["orderItems"]
        if "cancellationExecution" not in item.get("cancellation", {})
    }
    for item in package["orderItems"]:
        if item.get("orderItemId") not in shipped or not isinstance(item.get("quantity"), int) or item["quantity"] < 1:
            raise invalid("OrderItemId is invalid.")
    return _list_units({"packageItems": package["orderItems"]})


def _list_units(package: dict[str, Any]) -> dict[str, int]:
    units: Counter[str] = Counter()
    for item in package.get("packageItems", []):
        units[item["orderItemId"]] += item["quantity"]
    return units


def _show_package(package: dict[str, Any]) -> dict[str, Any]:
    number = {"trackingNumber": package["trackingNumber"]} if package["trackingNumber"] else {}
    return number | {
        "packageReferenceId": package["packageReferenceId"],
        "createdTime": package["shipDate"],
        "shipTime": package["shipDate"],
        "packageStatus": {"status": "SHIPPED"},
        "carrier": package["carrierName"] if package["carrierCode"] == "Other" else package["carrierCode"],
        "packageItems": [
            {"orderItemId": item["orderItemId"], "quantity": item["quantity"]} for item in package["orderItems"]
        ],
    }


def _count_shipped(item: dict[str, Any]) -> int:
    return int(item.get("fulfillment", {}).get("quantityFulfilled", 0))


def _sum_units(packages: Sequence[dict[str, Any]], item: dict[str, Any]) -> int:
    return sum(_list_units(package).get(item["orderItemId"], 0) for package in packages)


def _update_counts(item: dict[str, Any], sent: int) -> None:
    """The item's counts; a cancelled item waits for nothing."""
    counts = item.setdefault("fulfillment", {"quantityUnfulfilled": item["quantityOrdered"]})
    waited = counts.get("quantityFulfilled", 0) + counts["quantityUnfulfilled"]
    counts |= {"quantityFulfilled": sent, "quantityUnfulfilled": waited - sent}
