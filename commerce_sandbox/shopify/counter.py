"""What a person does in the demo's shop: buys, cancels, edits an order.

What belongs here: that, in Shopify's terms. What does not: nodes (making.py, returning.py), pages (../site).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..catalogue import CATALOGUE
from ..counter import Bought, Listed
from .demo import PEOPLE, build_customer, sell
from .making import Line, make_order
from .returning import Back, make_refund
from .shop import instant, number
from .stand_in import ShopifyStandIn
from .stock import LOCATIONS

FIRST = 5_700_000_000_000  # above the numbers of the demo's own orders
SHIPPING = 490  # cents
OWN = next(iter(LOCATIONS))  # the location that ships


class ShopifyCounter:
    """Orders are called #1234 everywhere, and have a number of their own."""

    can_edit = True
    note = "It tells of a new order by webhook: Odoo has it within seconds."

    def __init__(self, shop: ShopifyStandIn) -> None:
        self._shop, self._numbers, self._records = shop, itertools.count(FIRST), itertools.count(9_000_000)

    def list_orders(self, most: int | None = None) -> Sequence[Bought]:
        with self._shop.lock:
            rows = list(self._shop.orders.rows.values())[::-1]  # of two in one second the later first
            rows.sort(key=lambda row: row["createdAt"], reverse=True)
            return [_read_order(row) for row in rows[:most]]

    def list_offers(self) -> Sequence[Listed]:
        with self._shop.lock:
            stock = self._shop.stock
            return [
                Listed(row["sku"], row["displayName"], stock.quantities.get((row["item"], OWN)))
                for row in stock.variants.values() if row["sku"]
            ]  # fmt: skip

    def buy(self, sku: str, units: int, name: str, now: datetime) -> str:
        articles = {article.sku: article for article in CATALOGUE}
        return self._place([sell(articles[sku], quantity=units)], name, now)

    def _place(self, lines: list[Line], name: str, now: datetime, wrong: float = 0.0) -> str:
        """wrong: is added to the total."""
        first, _, last = name.strip().rpartition(" ")
        person = PEOPLE[0]._replace(first=first, last=last)
        order = make_order(
            lines, number=next(self._numbers), created=instant(now), shipping=SHIPPING, **build_customer(person)
        )
        for money in order["totalPriceSet"].values():
            money["amount"] = f"{float(money['amount']) + wrong:.2f}"
        with self._shop.lock:
            order = self._shop.orders.add_new(order, now)
            for line in order["lineItems"]:
                self._shop.stock.take(line["sku"], OWN, line["quantity"])
        self._shop.webhooks.tell("ORDERS_CREATE", order)
        return str(order["name"])

    def cancel(self, reference: str, now: datetime) -> None:
        """Nothing is given back of an order that nobody paid."""
        with self._shop.lock:
            order = self._find(reference)
            rest = [
                Back(place, line["currentQuantity"], "CANCEL")
                for place, line in enumerate(order["lineItems"]) if line["currentQuantity"]
            ]  # fmt: skip
            refunds, status = order["refunds"], "VOIDED"
            if order["displayFinancialStatus"] != "PENDING":
                refund = make_refund(order, rest, number=next(self._records), created=instant(now), shipping=True)
                refunds, status = [*refunds, refund], "REFUNDED"
            for line in order["lineItems"]:
                line["currentQuantity"] = 0
            fields = {"cancelledAt": instant(now), "displayFinancialStatus": status}
            self._shop.orders.change(str(number(order["id"])), now, refunds=refunds, **fields)

    def take_out(self, reference: str, now: datetime) -> None:
        """The removal has a refund that moves no money, as an edit leaves it."""
        with self._shop.lock:
            order = self._find(reference)
            place = next(at for at, line in enumerate(order["lineItems"]) if line["currentQuantity"])
            refund = make_refund(
                order, [Back(place, 1, "CANCEL")], number=next(self._records), created=instant(now), adjustment=0
            )
            none = {
                side: {**money, "amount": "0.0"} for side, money in refund["totalRefundedSet"].items()
            }  # fmt: skip
            refund |= {"transactions": [], "totalRefundedSet": none}
            order["lineItems"][place]["currentQuantity"] -= 1
            self._shop.orders.change(str(number(order["id"])), now, refunds=[*order["refunds"], refund], edited=True)

    def poison(self, now: datetime) -> str:
        """Its total is a cent above the sum of its lines."""
        return self._place([sell(CATALOGUE[0])], "Poisoned Order", now, wrong=0.01)

    def _find(self, reference: str) -> dict[str, Any]:
        return next(row for row in self._shop.orders.rows.values() if row["name"] == reference)


def _read_order(row: dict[str, Any]) -> Bought:
    money = row["totalPriceSet"]["presentmentMoney"]
    lines = tuple((str(line["sku"] or line["name"]), int(line["currentQuantity"])) for line in row["lineItems"])
    is_open = row["displayFulfillmentStatus"] == "UNFULFILLED" and not row["cancelledAt"]
    state = "cancelled" if row["cancelledAt"] else row["displayFulfillmentStatus"].lower().replace("_", " ")
    paid = row["displayFinancialStatus"].lower().replace("_", " ")
    return Bought(
        row["name"], str(number(row["id"])), row["createdAt"], f"{state}, {paid}",
        f"{float(money['amount']):,.2f} {money['currencyCode']}", lines, is_open,
    )  # fmt: skip
