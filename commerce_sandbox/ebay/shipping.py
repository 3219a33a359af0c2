"""Parcels of eBay's orders: shipping fulfilments of the Fulfillment API, and CompleteSale of the Trading API.

What belongs here: what eBay checks in a parcel, and what it makes of one. What does not: the orders (making.py), how
both APIs answer otherwise (rest.py, trading.py). Source: sell_fulfillment_v1_oas3.json; a fulfilment's id is its
tracking number, else 999. Neither call is idempotent; CompleteSale replaces the tracking of one line.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from ..server import Call, Reply
from . import trading
from .making import written
from .rest import PATH, Refusal

Data = dict[str, Any]
MOST_NUMBERS = 100
PART = "/shipping_fulfillment"


class Parcels:
    """made: fulfilments by order. heard: how many parcels eBay has told the buyer of, by order."""

    def __init__(self, orders: dict[str, Data]) -> None:
        self._orders = orders
        self.made: dict[str, list[Data]] = {}
        self.heard: Counter[str] = Counter()

    def answer(self, order_id: str, call: Call, url: str, now: datetime) -> Reply:
        """GET or POST /order/{order_id}/shipping_fulfillment."""
        if order_id not in self._orders:
            raise Refusal(400, 32100, f"Invalid order ID: {order_id}")
        made = self.made.get(order_id, [])
        if call.method == "GET":
            return Reply(200, {"fulfillments": made, "total": len(made)})
        fulfilment = self._create(order_id, call.json(), now)
        place = f"{url}{PATH}/{order_id}{PART}/{fulfilment['fulfillmentId']}"
        self._orders[order_id]["fulfillmentHrefs"].append(place)
        return Reply(201, {}, {"Location": place})

    def complete_sale(self, request: ET.Element, now: datetime) -> Reply:
        """The tracking of one line becomes that of the request."""
        name = request.findtext("OrderLineItemID", "")
        tracking = request.find("Shipment/ShipmentTrackingDetails")
        for order_id, order in self._orders.items():
            for line in order["lineItems"]:
                if name == f"{line['legacyItemId']}-{line['lineItemId']}" and tracking is not None:
                    number = tracking.findtext("ShipmentTrackingNumber", "")
                    if not _is_plain(number):
                        return trading.failure("CompleteSale", now, "21916963", "Invalid tracking number.")
                    self._replace(order_id, line, number, tracking.findtext("ShippingCarrierUsed", ""), now)
                    return trading.answer("CompleteSale", "Success", now, ())
        return trading.failure("CompleteSale", now, "55", "No order line item was found.")

    def _create(self, order_id: str, details: Data, now: datetime) -> Data:
        order, made = self._orders[order_id], self.made.setdefault(order_id, [])
        units = self._count_units(order_id, details.get("lineItems", []))
        number, carrier = details.get("trackingNumber", ""), details.get("shippingCarrierCode", "")
        if bool(number) != bool(carrier) or not _is_plain(number):
            raise Refusal(400, 32300, "Invalid shipment tracking number or carrier")
        if number in {fulfilment.get("shipmentTrackingNumber") for fulfilment in made} and number:
            raise Refusal(400, 34500, "Please use PUT operation for updating shipping fulfillment")
        if len(made) >= MOST_NUMBERS:
            raise Refusal(400, 34100, "Maximum tracking number for order is exceeded")
        shipped_at = details.get("shippedDate") or written(now)
        if not order["creationDate"] <= shipped_at <= written(now):
            raise Refusal(400, 32500, "Invalid shipped date")
        lines = [{"lineItemId": line_id, "quantity": quantity} for line_id, quantity in units.items()]
        fulfilment = {"fulfillmentId": number or "999", "shippedDate": shipped_at, "lineItems": lines}
        if number:
            fulfilment |= {"shipmentTrackingNumber": number, "shippingCarrierCode": carrier}
        made.append(fulfilment)
        self._settle(order_id, now)
        self.heard[order_id] += 1
        return fulfilment

    def _count_units(self, order_id: str, lines: list[Data]) -> dict[str, int]:
        left = {
            line["lineItemId"]: 0 if line["lineItemFulfillmentStatus"] == "FULFILLED" else line["quantity"]
            for line in self._orders[order_id]["lineItems"]
        }
        for fulfilment in self.made[order_id]:
            for line in fulfilment["lineItems"]:
                left[line["lineItemId"]] -= line["quantity"]
        units: dict[str, int] = {}
        for line in lines:
            line_id, quantity = line.get("lineItemId", ""), line.get("quantity", 1)
            if line_id not in left:
                raise Refusal(400, 32200, f"Invalid line item id: {line_id}")
            if line_id in units:
                raise Refusal(400, 32210, "Duplicate line item in the request")
            if not 1 <= quantity <= left[line_id]:
                raise Refusal(400, 32600, "Invalid input data")
            units[line_id] = quantity
        if not units:
            raise Refusal(400, 32600, "Invalid input data")
        return units

    def _replace(self, order_id: str, line: Data, number: str, carrier: str, now: datetime) -> None:
        line_id, every = line["lineItemId"], self.made.setdefault(order_id, [])
        units = sum(row["quantity"] for made in every for row in made["lineItems"] if row["lineItemId"] == line_id)
        for fulfilment in list(every):
            fulfilment["lineItems"] = [row for row in fulfilment["lineItems"] if row["lineItemId"] != line_id]
            if not fulfilment["lineItems"]:
                every.remove(fulfilment)
        same = next((made for made in every if made["fulfillmentId"] == number), None)
        row = {"lineItemId": line_id, "quantity": units or line["quantity"]}
        if same:
            same["lineItems"].append(row)
        else:
            every.append({
                "fulfillmentId": number, "shipmentTrackingNumber": number, "shippingCarrierCode": carrier,
                "shippedDate": written(now), "lineItems": [row],
            })  # fmt: skip
        self._settle(order_id, now)

    def _settle(self, order_id: str, now: datetime) -> None:
        """The lines' states by their parcels, and the order's."""
        order = self._orders[order_id]
        sent: Counter[str] = Counter()
        for fulfilment in self.made[order_id]:
            for row in fulfilment["lineItems"]:
                sent[row["lineItemId"]] += row["quantity"]
        for line in order["lineItems"]:
            count = sent[line["lineItemId"]]
            if count:
                line["lineItemFulfillmentStatus"] = "FULFILLED" if count >= line["quantity"] else "IN_PROGRESS"
        states = {line["lineItemFulfillmentStatus"] for line in order["lineItems"]}
        order["orderFulfillmentStatus"] = states.pop() if len(states) == 1 else "IN_PROGRESS"
        order["lastModifiedDate"] = written(now)


def _is_plain(number: str) -> bool:
    return not number or (number.isascii() and number.isalnum())
