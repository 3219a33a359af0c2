"""The mutation refundCreate: money goes back to the payments that a client names, once for a key.

What belongs here: what Shopify checks before it pays back, and the refund that it makes. What does not: the shape of a
refund (returning.py), orders (shop.py), GraphQL (execution.py).
"""

from __future__ import annotations

import itertools
from datetime import datetime
from decimal import Decimal
from typing import Any

from .execution import Data, Refused
from .returning import Back, make_refund
from .shop import Orders, instant, number

_PAID = ("SALE", "CAPTURE")
_COUNTS = ("SUCCESS", "PENDING")


class PayingBack:
    """status: of the payments that are made; a test may have them PENDING. mailed: orders whose buyers were mailed."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._numbers = itertools.count(8_000_001)
        self._answers: dict[str, tuple[Data, Data]] = {}
        self.status = "SUCCESS"
        self.mailed: list[str] = []

    def create(self, wanted: Data, key: str | None, now: datetime) -> Data:
        """The refund, or none and the user errors. Raises Refused without a key."""
        if not key:
            raise Refused("The @idempotent directive is required for this mutation", "BAD_REQUEST", ["refundCreate"])
        if key in self._answers:
            before, answer = self._answers[key]
            return answer if before == wanted else _refuse("The key was used with other arguments.")
        order = self._orders.rows.get(wanted["orderId"])
        problem = _find_problem(order, wanted) if order else "Order does not exist."
        if problem or order is None:
            return _refuse(problem)
        refund = self._build_refund(order, wanted, now)
        self._orders.change(
            str(number(order["id"])), now, refunds=[*order["refunds"], refund],
            transactions=[*order["transactions"], *refund["transactions"]],
        )  # fmt: skip
        if wanted.get("notify"):
            self.mailed.append(order["id"])
        answer = {"refund": refund, "userErrors": []}
        self._answers[key] = (wanted, answer)
        return answer

    def _build_refund(self, order: Data, wanted: Data, now: datetime) -> Data:
        """Shopify books what the payments exceed the lines and the shipping by as an adjustment."""
        places = {item["id"]: place for place, item in enumerate(order["lineItems"])}
        back = [
            Back(places[line["lineItemId"]], line["quantity"], line.get("restockType", "NO_RESTOCK"))
            for line in wanted.get("refundLineItems") or ()
        ]
        paid = sum((Decimal(part["amount"]) for part in wanted["transactions"]), Decimal(0))
        whole: dict[str, Any] = {"number": next(self._numbers), "created": instant(now), "status": self.status}
        shipped = Decimal((wanted.get("shipping") or {}).get("amount", "0"))
        shipping = bool(shipped) and shipped == _read_shipping(order)
        plain = make_refund(order, back, shipping=shipping, **whole)
        rest = paid - Decimal(plain["transactions"][0]["amountSet"]["presentmentMoney"]["amount"])
        refund = make_refund(order, back, shipping=shipping, adjustment=int(rest * 100), **whole)
        currency = order["presentmentCurrencyCode"]
        refund["note"] = wanted.get("note")
        refund["transactions"] = [
            {
                "id": f"gid://shopify/OrderTransaction/{next(self._numbers)}", "kind": "REFUND", "status": self.status,
                "gateway": part["gateway"], "parentTransaction": {"id": part["parentId"]},
                "amountSet": {side: {"amount": part["amount"], "currencyCode": currency}
                              for side in ("shopMoney", "presentmentMoney")},
            }
            for part in wanted["transactions"]
        ]  # fmt: skip
        return refund


def _find_problem(order: Data, wanted: Data) -> str:
    if wanted.get("currency") != order["presentmentCurrencyCode"]:
        return "Currency must be the presentment currency."
    left = {payment["id"]: _read(payment) for payment in order["transactions"] if payment["kind"] in _PAID}
    for payment in order["transactions"]:
        parent = (payment.get("parentTransaction") or {}).get("id")
        if payment["kind"] == "REFUND" and payment["status"] in _COUNTS and parent in left:
            left[parent] -= _read(payment)
    for part in wanted["transactions"]:
        if part["kind"] != "REFUND" or part["parentId"] not in left:
            return "Parent transaction is invalid."
        left[part["parentId"]] -= Decimal(part["amount"])
        if left[part["parentId"]] < 0 and not wanted.get("allowOverRefunding"):
            return "Refund amount is greater than the amount that can be refunded."
    items = {item["id"]: item for item in order["lineItems"]}
    done: dict[str, int] = {}
    for line in [row for refund in order["refunds"] for row in refund["refundLineItems"]]:
        done[line["lineItem"]["id"]] = done.get(line["lineItem"]["id"], 0) + line["quantity"]
    for line in wanted.get("refundLineItems") or ():
        item = items.get(line["lineItemId"])
        if item is None or line["quantity"] > item["quantity"] - done.get(line["lineItemId"], 0):
            return "Quantity cannot refund more items than were purchased."
    return ""


def _read(payment: Data) -> Decimal:
    return Decimal(payment["amountSet"]["presentmentMoney"]["amount"])


def _read_shipping(order: Data) -> Decimal:
    """What was charged for shipping, after discounts; with tax where prices include it."""
    total = Decimal(0)
    for line in order["shippingLines"][:1]:
        off = [Decimal(row["allocatedAmountSet"]["presentmentMoney"]["amount"]) for row in line["discountAllocations"]]
        taxes = [Decimal(row["priceSet"]["presentmentMoney"]["amount"]) for row in line["taxLines"]]
        total += Decimal(line["originalPriceSet"]["presentmentMoney"]["amount"]) - sum(off, Decimal(0))
        total += Decimal(0) if order["taxesIncluded"] else sum(taxes, Decimal(0))
    return total


def _refuse(message: str) -> dict[str, Any]:
    return {"refund": None, "userErrors": [{"field": ["input"], "message": message}]}
