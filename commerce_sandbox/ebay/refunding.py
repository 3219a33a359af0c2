"""Refunds of an order as eBay states them: at the order or at its lines, on their way, issued or failed.

What belongs here: entries of `refunds`, and their changes. What does not: orders (making.py), answers (rest.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .making import money, written

Data = dict[str, Any]


def refund_order(order: Data, cents: int, *, number: int, at: datetime, status: str = "REFUNDED") -> Data:
    """A refund at the level of the order, whatever it is for."""
    refund: Data = {"refundId": str(number), "amount": _build_amount(order, cents), "refundStatus": status}
    if status == "REFUNDED":
        refund["refundDate"] = written(at)
    order["paymentSummary"]["refunds"].append(refund)
    _update_status(order)
    return refund


def refund_lines(order: Data, cents: dict[int, int], *, number: int, at: datetime | None) -> None:
    """One refund of several lines: cents by the line's place. at: None while it is on its way."""
    for place, amount in cents.items():
        refund: Data = {"refundId": str(number), "amount": _build_amount(order, amount)}
        if at:
            refund["refundDate"] = written(at)
        order["lineItems"][place]["refunds"].append(refund)
    _update_status(order)


def settle(order: Data, number: int, at: datetime, status: str = "REFUNDED") -> None:
    """The refund comes to its end."""
    of_lines = [refund for line in order["lineItems"] for refund in line["refunds"]]
    for refund in [*order["paymentSummary"]["refunds"], *of_lines]:
        if refund["refundId"] == str(number):
            if status == "REFUNDED":
                refund["refundDate"] = written(at)
            if "refundStatus" in refund:
                refund["refundStatus"] = status
    _update_status(order)


def _build_amount(order: Data, cents: int) -> dict[str, str]:
    return money(cents, order["pricingSummary"]["total"]["currency"])


def count_left(order: Data) -> int:
    """Cents that were paid and not given back; 0 of an order that nobody paid."""
    if order["orderPaymentStatus"] not in ("PAID", "PARTIALLY_REFUNDED"):
        return 0
    of_lines = [refund for line in order["lineItems"] for refund in line["refunds"]]
    going = [
        row for row in [*order["paymentSummary"]["refunds"], *of_lines] if row.get("refundStatus") != "FAILED"
    ]  # fmt: skip
    back = sum(round(float(refund["amount"]["value"]) * 100) for refund in going)
    return max(round(float(order["pricingSummary"]["total"]["value"]) * 100) - back, 0)


def _update_status(order: Data) -> None:
    """The order's own status and what the seller is still due."""
    of_lines = [refund for line in order["lineItems"] for refund in line["refunds"]]
    done = [refund for refund in [*order["paymentSummary"]["refunds"], *of_lines] if refund.get("refundDate")]
    back = sum(round(float(refund["amount"]["value"]) * 100) for refund in done)
    total = round(float(order["pricingSummary"]["total"]["value"]) * 100)
    if back:
        order["orderPaymentStatus"] = "FULLY_REFUNDED" if back >= total else "PARTIALLY_REFUNDED"
