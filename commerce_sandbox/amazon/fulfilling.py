"""The feed POST_ORDER_FULFILLMENT_DATA of the stand-in: a parcel for each message, and its report.

What belongs here: reading the XML of Seller Central's OrderFulfillment.xsd. What does not: a feed's way (feeds.py),
what Amazon checks and makes of a parcel (shipments.py). A second feed of the same units is refused.
"""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from .answers import Refused
from .orders import Orders
from .processing import write_report
from .shipments import Shipments

FULFILMENTS = "POST_ORDER_FULFILLMENT_DATA"


class Fulfilling:
    """told: ids of the orders whose parcels were taken, once for each message."""

    def __init__(self, orders: Orders, shipments: Shipments) -> None:
        self._orders, self._shipments = orders, shipments
        self.told: list[str] = []

    def work(self, body: bytes, now: datetime) -> bytes:
        """The processing report of a feed."""
        messages = ET.fromstring(body).findall("Message")  # noqa: S314 - the product's own document
        errors: list[tuple[str, str]] = []
        for message in messages:
            try:
                self._ship(message, now)
            except Refused:
                errors.append((message.findtext("MessageID", ""), "18028"))
        return write_report(len(messages), errors)

    def _ship(self, message: ET.Element, now: datetime) -> None:
        """Raises Refused."""
        root = "OrderFulfillment"
        order_id = message.findtext(f"{root}/AmazonOrderID", "")
        data = f"{root}/FulfillmentData"
        package: dict[str, Any] = {
            "carrierCode": message.findtext(f"{data}/CarrierCode", "Other"),
            "carrierName": message.findtext(f"{data}/CarrierName", ""),
            "trackingNumber": message.findtext(f"{data}/ShipperTrackingNumber", ""),
            "shipDate": message.findtext(f"{root}/FulfillmentDate", ""),
            "orderItems": [
                {
                    "orderItemId": item.findtext("AmazonOrderItemCode", ""),
                    "quantity": int(item.findtext("Quantity", "0")),
                }
                for item in message.findall(f"{root}/Item")
            ],
        }
        there = {order["orderId"] for order in self._orders.values()}
        packages = self._orders[order_id].get("packages", []) if order_id in there else []
        taken = {package["packageReferenceId"] for package in packages}
        free = next(str(number) for number in itertools.count(1) if str(number) not in taken)
        self._shipments.book(order_id, package | {"packageReferenceId": free}, now)
        self.told.append(order_id)
