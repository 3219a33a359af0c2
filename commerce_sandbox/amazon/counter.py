"""What a person does on the demo's Amazon: buys and cancels.

What belongs here: that, in Amazon's terms. What does not: payloads (making.py), pages (../site).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..catalogue import CATALOGUE
from ..counter import Bought, Listed
from .answers import written
from .api import AmazonStandIn
from .demo import cancel_item
from .making import Maker, is_fba
from .places import DE

SEED = 9_001  # of no order of the demo's own


class AmazonCounter:
    """Amazon calls an order by one id."""

    can_edit = False
    note = (
        "It shows an order to programs after two minutes and is asked every two minutes, because it admits 20 searches "
        "at once and one more each three minutes. A seller cannot change an order here, only cancel it."
    )

    def __init__(self, amazon: AmazonStandIn) -> None:
        self._amazon, self._maker = amazon, Maker(SEED, CATALOGUE)

    def list_orders(self, most: int | None = None) -> Sequence[Bought]:
        with self._amazon.lock:
            rows = list(self._amazon.orders.values())[::-1]  # of two in one second the later first
            rows.sort(key=lambda row: row["createdTime"], reverse=True)
            return [_read_order(row) for row in rows[:most]]

    def list_offers(self) -> Sequence[Listed]:
        with self._amazon.lock:
            return [Listed(offer.sku, offer.title, offer.quantity) for offer in self._amazon.listings.offers.values()]

    def buy(self, sku: str, units: int, name: str, now: datetime) -> str:
        return str(self._place(sku, units, name, now)["orderId"])

    def _place(self, sku: str, units: int, name: str, now: datetime, wrong: float = 0.0) -> dict[str, Any]:
        """What Amazon itself sends has another form; it is not sold here. wrong: is added to the total. Raises
        KeyError."""
        articles = {article.sku: article for article in CATALOGUE if not is_fba(article)}
        order = self._maker.order(DE, now, [self._maker.item(DE, articles[sku], units)])
        order["buyer"]["buyerName"] = order["recipient"]["deliveryAddress"]["name"] = name
        total = order["proceeds"]["grandTotal"]
        total["amount"] = f"{float(total['amount']) + wrong:.2f}"
        self._amazon.add_new(order, now)
        return order

    def cancel(self, reference: str, now: datetime) -> None:
        """Amazon shows neither proceeds nor units of what was cancelled."""
        with self._amazon.lock:
            order = dict(self._amazon.orders[reference])
            order.pop("proceeds", None)
            order["lastUpdatedTime"] = written(now)
            order["fulfillment"] = {**order["fulfillment"], "fulfillmentStatus": "CANCELLED"}
            order["orderItems"] = [
                {name: part for name, part in item.items() if name != "proceeds"} for item in order["orderItems"]
            ]
            for item in order["orderItems"]:
                cancel_item(item, "BUYER", "Ordered by mistake")
            self._amazon.orders.add(order)

    def take_out(self, reference: str, now: datetime) -> None:
        """Not on Amazon. Raises KeyError."""
        raise KeyError(reference)

    def poison(self, now: datetime) -> str:
        """Its total is a cent above the sum of its items."""
        return str(self._place(CATALOGUE[0].sku, 1, "Poisoned Order", now, wrong=0.01)["orderId"])


def _read_order(row: dict[str, Any]) -> Bought:
    total = row.get("proceeds", {}).get("grandTotal")
    lines = tuple(
        (str(item["product"].get("sellerSku") or item["product"]["asin"]), int(item["quantityOrdered"]))
        for item in row["orderItems"]
    )
    status = row["fulfillment"]["fulfillmentStatus"]
    is_own = row["fulfillment"].get("fulfilledBy") == "MERCHANT"
    return Bought(
        row["orderId"], row["orderId"], row["createdTime"],
        status.lower().replace("_", " ") + ("" if is_own else ", by Amazon"),
        f"{float(total['amount']):,.2f} {total['currencyCode']}" if total else "",
        lines, is_own and status == "UNSHIPPED",
    )  # fmt: skip
