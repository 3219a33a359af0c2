"""What a person does on the demo's eBay: buys and cancels.

What belongs here: that, in eBay's terms. What does not: payloads (making.py, refunding.py), pages (../site).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..catalogue import CATALOGUE
from ..counter import Bought, Listed
from . import EbayStandIn
from .demo import PEOPLE
from .listings import item_id
from .making import Sold, make_order, written
from .refunding import count_left, refund_order

FIRST = 95_000  # above the numbers of the demo's own orders
DELIVERY = 449  # cents


class EbayCounter:
    """eBay calls an order by one id."""

    can_edit = False
    note = "It is asked every few seconds. A seller cannot change an order here, only cancel it."

    def __init__(self, ebay: EbayStandIn) -> None:
        self._ebay, self._numbers = ebay, itertools.count(FIRST)

    def list_orders(self, most: int | None = None) -> Sequence[Bought]:
        with self._ebay.lock:
            rows = list(self._ebay.orders.values())[::-1]  # of two in one second the later first
            rows.sort(key=lambda row: row["creationDate"], reverse=True)
            return [_read_order(row) for row in rows[:most]]

    def list_offers(self) -> Sequence[Listed]:
        with self._ebay.lock:
            return [
                Listed(listing.sku, listing.title, listing.shown)
                for listing in self._ebay.listings if listing.sku and not listing.ended
            ]  # fmt: skip

    def buy(self, sku: str, units: int, name: str, now: datetime) -> str:
        return self._place(sku, units, name, now)["orderId"]

    def _place(self, sku: str, units: int, name: str, now: datetime, wrong: float = 0.0) -> dict[str, Any]:
        """wrong: is added to the total."""
        articles = {article.sku: article for article in CATALOGUE}
        article, at = articles[sku], next(self._numbers)
        sold = Sold(sku, article.title, article.price_minor_eur, units, item_id=item_id(CATALOGUE, sku))
        buyer = PEOPLE[0]._replace(name=name, username=f"buyer-{at}", email=f"buyer{at}@members.ebay.de")
        order = make_order(at, now.astimezone(UTC), [sold], buyer, delivery=DELIVERY)
        total = order["pricingSummary"]["total"]
        total["value"] = f"{float(total['value']) + wrong:.2f}"
        self._ebay.add_new(order, now)
        return order

    def cancel(self, reference: str, now: datetime) -> None:
        with self._ebay.lock:
            order = self._ebay.orders[reference]
            at = now.astimezone(UTC)
            asked = {
                "cancelRequestId": f"52{next(self._numbers):08d}", "cancelInitiator": "BUYER",
                "cancelReason": "ORDER_PLACED_BY_MISTAKE", "cancelRequestState": "COMPLETED",
                "cancelRequestedDate": written(at), "cancelCompletedDate": written(at),
            }  # fmt: skip
            order["cancelStatus"] = {"cancelState": "CANCELED", "cancelRequests": [asked], "cancelledDate": written(at)}
            if cents := count_left(order):
                refund_order(order, cents, number=next(self._numbers), at=at)
            self._ebay.touch(reference, now)

    def take_out(self, reference: str, now: datetime) -> None:
        """Not on eBay. Raises KeyError."""
        raise KeyError(reference)

    def poison(self, now: datetime) -> str:
        """Its total is a cent above the sum of its lines."""
        return str(self._place(CATALOGUE[0].sku, 1, "Poisoned Order", now, wrong=0.01)["orderId"])


def _read_order(row: dict[str, Any]) -> Bought:
    total = row["pricingSummary"]["total"]
    lines = tuple((str(line.get("sku") or line["title"]), int(line["quantity"])) for line in row["lineItems"])
    is_cancelled = row["cancelStatus"]["cancelState"] == "CANCELED"
    is_open = row["orderFulfillmentStatus"] == "NOT_STARTED" and not is_cancelled
    state = "cancelled" if is_cancelled else row["orderFulfillmentStatus"].lower().replace("_", " ")
    paid = row["orderPaymentStatus"].lower().replace("_", " ")
    return Bought(
        row["orderId"], row["orderId"], row["creationDate"], f"{state}, {paid}",
        f"{float(total['value']):,.2f} {total['currency']}", lines, is_open,
    )  # fmt: skip
