"""The shop's fulfilment orders (what is to be sent, and from where) and its fulfilments (parcels that were sent).

What belongs here: orders with both, `fulfillmentCreate` and `fulfillmentTrackingInfoUpdate`, and what these refuse.
What does not: orders (shop.py), GraphQL (execution.py). An order's fulfilment order is made when it is asked for first.
The mutations are not idempotent, and each of them sends the buyer a mail if it is asked to.
"""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import datetime
from typing import Any

from .execution import Data
from .shop import Orders, number

LOCATION = 71
READY = ("OPEN", "IN_PROGRESS")


class Fulfilments:
    """orders: fulfilment orders by order id. made: fulfilments by order id. heard: how many mails the buyer got, by
    order id."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._numbers = itertools.count(6_000_001)
        self.orders: dict[str, list[Data]] = {}
        self.made: dict[str, list[Data]] = {}
        self.heard: Counter[str] = Counter()

    def list_orders(self, order_id: str) -> list[Data]:
        """The fulfilment orders of an order, which a test may change."""
        if order_id not in self.orders:
            order = self._orders.rows[order_id]
            sent = order["displayFulfillmentStatus"] == "FULFILLED"
            units = [
                (item["id"], 0 if sent or order["cancelledAt"] else item["currentQuantity"])
                for item in order["lineItems"]
                if item["requiresShipping"]
            ]
            self.orders[order_id] = [self.new_order(units, "CLOSED" if sent else "OPEN")]
        return self.orders[order_id]

    def new_order(self, units: list[tuple[str, int]], status: str = "OPEN", location: int = LOCATION) -> Data:
        """A fulfilment order of (line item id, units)."""
        return {
            "id": f"gid://shopify/FulfillmentOrder/{next(self._numbers)}",
            "status": status,
            "assignedLocation": {"location": {"id": f"gid://shopify/Location/{location}"}},
            "supportedActions": [{"action": "CREATE_FULFILLMENT"}, {"action": "HOLD"}] if status in READY else [],
            "lineItems": [
                {
                    "id": f"gid://shopify/FulfillmentOrderLineItem/{next(self._numbers)}",
                    "remainingQuantity": quantity,
                    "lineItem": {"id": line},
                }
                for line, quantity in units
            ],
        }

    def find_order(self, gid: str) -> Data | None:
        """The order with its fulfilment orders and fulfilments; None if the id is not an order's."""
        if gid not in self._orders.rows:
            return None
        return {
            **self._orders.rows[gid],
            "__typename": "Order",
            "fulfillments": self.made.get(gid, []),
            "fulfillmentOrders": self.list_orders(gid),
        }

    def create(self, wanted: Data, now: datetime) -> Data:
        """fulfillmentCreate: one fulfilment, or none and the user errors."""
        rows: list[tuple[Data, int]] = []
        chosen: list[tuple[str, Data]] = []
        for part in wanted["lineItemsByFulfillmentOrder"]:
            hit = next((pair for pair in self._list_pairs() if pair[1]["id"] == part["fulfillmentOrderId"]), None)
            if hit is None:
                return _refuse("Fulfillment order does not exist.")
            chosen.append(hit)
            lines = part.get("fulfillmentOrderLineItems") or [
                {"id": row["id"], "quantity": row["remainingQuantity"]} for row in hit[1]["lineItems"]
            ]
            for line in lines:
                row = next((row for row in hit[1]["lineItems"] if row["id"] == line["id"]), None)
                if row is None or not 1 <= line["quantity"] <= row["remainingQuantity"]:
                    return _refuse("Invalid fulfillment order line item quantity requested.")
                rows.append((row, line["quantity"]))
        if problem := _find_problem(chosen, rows, wanted.get("trackingInfo", {})):
            return _refuse(problem)
        order_id = chosen[0][0]
        made = {
            "id": f"gid://shopify/Fulfillment/{next(self._numbers)}",
            "status": "SUCCESS",
            "trackingInfo": _show_tracking(wanted.get("trackingInfo", {})),
            "fulfillmentLineItems": [{"lineItem": row["lineItem"], "quantity": quantity} for row, quantity in rows],
        }
        for row, quantity in rows:
            row["remainingQuantity"] -= quantity
        self.made.setdefault(order_id, []).append(made)
        self._settle(order_id, now)
        self.heard[order_id] += bool(wanted.get("notifyCustomer"))
        return {"fulfillment": made, "userErrors": []}

    def set_tracking(self, arguments: Data, now: datetime) -> Data:
        """fulfillmentTrackingInfoUpdate: another carrier and number for a fulfilment, or the user errors."""
        for order_id, made in ((order_id, made) for order_id, every in self.made.items() for made in every):
            if made["id"] == arguments["fulfillmentId"]:
                made["trackingInfo"] = _show_tracking(arguments["trackingInfoInput"])
                self.heard[order_id] += bool(arguments.get("notifyCustomer"))
                self._orders.change(str(number(order_id)), now)
                return {"fulfillment": made, "userErrors": []}
        return _refuse("Fulfillment could not be found.")

    def _list_pairs(self) -> list[tuple[str, Data]]:
        return [(order_id, row) for order_id, every in self.orders.items() for row in every]

    def _settle(self, order_id: str, now: datetime) -> None:
        """States after a parcel: of the fulfilment orders, and of the order itself."""
        left = 0
        for row in self.orders[order_id]:
            waiting = sum(line["remainingQuantity"] for line in row["lineItems"])
            left += waiting
            if row["status"] in READY:
                row["status"] = "IN_PROGRESS" if waiting else "CLOSED"
        status = "PARTIALLY_FULFILLED" if left else "FULFILLED"
        self._orders.change(str(number(order_id)), now, displayFulfillmentStatus=status)


def _find_problem(chosen: list[tuple[str, Data]], rows: list[tuple[Data, int]], tracking: Data) -> str:
    places = {row["assignedLocation"]["location"]["id"] for _, row in chosen}
    if len({order_id for order_id, _ in chosen}) != 1 or len(places) != 1:
        return "All fulfillment orders must belong to the same order and be assigned to the same location."
    if any(row["status"] not in READY for _, row in chosen):
        return "Fulfillment order is not in an open state."
    if not rows:
        return "Fulfillment must have at least one line item."
    if {"number", "numbers"} <= tracking.keys() or {"url", "urls"} <= tracking.keys():
        return "Only one of number and numbers may be given."
    return ""


def _show_tracking(tracking: Data) -> list[Data]:
    numbers = tracking.get("numbers") or ([tracking["number"]] if tracking.get("number") else [])
    urls = tracking.get("urls") or ([tracking["url"]] if tracking.get("url") else [])
    pairs = itertools.zip_longest(numbers, urls)
    return [{"number": text, "url": url, "company": tracking.get("company")} for text, url in pairs]


def _refuse(message: str) -> dict[str, Any]:
    return {"fulfillment": None, "userErrors": [{"field": ["fulfillment"], "message": message}]}
