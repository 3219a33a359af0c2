"""The feed POST_PAYMENT_ADJUSTMENT_DATA of the stand-in: what is paid back for each message, and its report.

What belongs here: reading the XML of Seller Central's OrderAdjustment.xsd, what Amazon refuses, the transaction that
follows. What does not: a feed's way (feeds.py), listing transactions (finances.py). A second feed pays again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from .finances import Finances, make_item, make_refund
from .orders import Orders
from .processing import write_report

ADJUSTMENTS = "POST_PAYMENT_ADJUSTMENT_DATA"
REASONS = frozenset(("CustomerReturn", "GeneralAdjustment", "CouldNotShip", "DifferentItem", "PriceError", "Other"))
_NAMES = {"Principal": "OurPricePrincipal", "Shipping": "ShippingPrincipal", "Goodwill": "GoodwillPrincipal"}
LATE = timedelta(minutes=3)  # a transaction is listed two minutes after its date


class Adjusting:
    """made: (order, cents) of each adjustment that was carried out. refused: codes by order."""

    def __init__(self, orders: Orders, finances: Finances) -> None:
        self._orders, self._finances = orders, finances
        self.made: list[tuple[str, int]] = []
        self.refused: dict[str, str] = {}

    def work(self, body: bytes, now: datetime) -> bytes:
        """The processing report of a feed."""
        messages = ET.fromstring(body).findall("Message")  # noqa: S314 - the product's own document
        errors = [(number, code) for message in messages for number, code in self._apply_message(message, now)]
        return write_report(len(messages), errors)

    def _apply_message(self, message: ET.Element, now: datetime) -> Iterator[tuple[str, str]]:
        """The error of a message, if it has one."""
        number, order_id = message.findtext("MessageID", ""), message.findtext("OrderAdjustment/AmazonOrderID", "")
        adjusted = message.findall("OrderAdjustment/AdjustedItem")
        there = {order["orderId"] for order in self._orders.values()}
        code = self.refused.get(order_id, "" if order_id in there else "18028")
        items: list[dict[str, Any]] = []
        for place, part in enumerate(adjusted, 1):
            sku = self._find_sku(order_id, part.findtext("AmazonOrderItemCode", "")) if order_id in there else ""
            if not sku or part.findtext("AdjustmentReason", "") not in REASONS:
                code = code or "18029"
                continue
            leaves = {
                _NAMES[component.findtext("Type", "")]: -round(float(component.findtext("Amount", "0")) * 100)
                for component in part.findall("ItemPriceAdjustments/Component")
            }
            items.append(make_item(sku, leaves, number=place))
        if code or not items:
            yield number, code or "18030"
            return
        cents = sum(round(-item["totalAmount"]["currencyAmount"] * 100) for item in items)
        self.made.append((order_id, cents))
        self._finances.add(make_refund(9_000_000 + len(self.made), order_id, now - LATE, *items))

    def _find_sku(self, order_id: str, item_id: str) -> str:
        items = self._orders[order_id]["orderItems"]
        return next((str(row["product"]["sellerSku"]) for row in items if row["orderItemId"] == item_id), "")
