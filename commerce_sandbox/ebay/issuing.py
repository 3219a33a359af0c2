"""issueRefund of the Fulfillment API: what eBay checks before it pays back, the digital signature included.

What belongs here: the route's answers. What does not: entries of an order's refunds and their changes (refunding.py).
Source: sell_fulfillment_v1_oas3.json; eBay/digital-signature-verification-ebay-api. Not idempotent.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..server import Call, Reply
from .refunding import refund_lines, refund_order
from .rest import Refusal

Data = dict[str, Any]
PART = "/issue_refund"
_INPUT = re.compile(r'sig1=(\((?:"[^"]+" ?)+\);created=(\d+))')
REASONS = frozenset(
    ("BUYER_CANCEL", "SELLER_CANCEL", "ITEM_NOT_RECEIVED", "BUYER_RETURN", "ITEM_NOT_AS_DESCRIBED", "OTHER_ADJUSTMENT",
     "SHIPPING_DISCOUNT")
)  # fmt: skip


class Issuing:
    """key: the seller's public key; None: no call needs a signature. made: ids of refunds that were issued, in order.
    They are PENDING until somebody settles them (refunding.settle)."""

    def __init__(self, orders: dict[str, Data]) -> None:
        self._orders = orders
        self.key: Ed25519PublicKey | None = None
        self.made: list[int] = []

    def issue(self, order_id: str, call: Call, now: datetime) -> Reply:
        if self.key is not None and not is_signed(call, self.key):
            raise Refusal(403, 215122, "Signature validation failed")
        order = self._orders.get(order_id)
        if order is None:
            raise Refusal(404, 32100, f"Invalid order ID: {order_id}")
        wanted = call.json()
        if wanted.get("reasonForRefund") not in REASONS:
            raise Refusal(400, 34904, "The refund reason is not valid.")
        items, whole = wanted.get("refundItems"), wanted.get("orderLevelRefundAmount")
        if bool(items) == bool(whole):
            raise Refusal(400, 34905, "Either orderLevelRefundAmount or refundItems must be specified.")
        amounts = [item["refundAmount"] for item in items] if items else [whole]
        currency = order["pricingSummary"]["total"]["currency"]
        if any(amount["currency"] != currency for amount in amounts):
            raise Refusal(400, 34909, "The amount currency isn't correct.")
        cents = [_read_cents(amount["value"]) for amount in amounts]
        if any(amount <= 0 for amount in cents):
            raise Refusal(400, 34907, "The amount value must be positive and within two decimals.")
        if sum(cents) > _read_cents(order["pricingSummary"]["total"]["value"]) - _count_back(order):
            raise Refusal(409, 34915, "The refund amount exceeds the order amount.")
        number = 9_000_001 + len(self.made)
        if items:
            places = {line["lineItemId"]: place for place, line in enumerate(order["lineItems"])}
            if any(item["lineItemId"] not in places for item in items):
                raise Refusal(400, 34912, "The line item isn't correct.")
            paid = {places[item["lineItemId"]]: amount for item, amount in zip(items, cents, strict=True)}
            refund_lines(order, paid, number=number, at=None)
        else:
            refund_order(order, cents[0], number=number, at=now, status="PENDING")
        self.made.append(number)
        return Reply(200, {"refundId": str(number), "refundStatus": "PENDING"})


def is_signed(call: Call, key: Ed25519PublicKey) -> bool:
    """Whether the headers sign exactly this call, by eBay's own verification: digest, base, signature."""
    headers = call.headers
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(call.body).digest()).decode()}:"
    stated = _INPUT.fullmatch(headers.get("signature-input", ""))
    if headers.get("content-digest") != digest or stated is None:
        return False
    values = {
        "content-digest": digest, "x-ebay-signature-key": headers.get("x-ebay-signature-key", ""),
        "@method": call.method, "@path": call.path, "@authority": headers.get("host", ""),
    }  # fmt: skip
    names = re.findall(r'"([^"]+)"', stated[1])
    if set(names) != set(values):
        return False
    base = "\n".join([*(f'"{name}": {values[name]}' for name in names), f'"@signature-params": {stated[1]}'])
    try:
        key.verify(base64.b64decode(headers["signature"].removeprefix("sig1=:").removesuffix(":")), base.encode())
    except (InvalidSignature, ValueError, KeyError):
        return False
    return True


def _read_cents(text: str) -> int:
    return round(float(text) * 100)


def _count_back(order: Data) -> int:
    """What is paid back, or on its way, without what failed."""
    of_lines = [refund for line in order["lineItems"] for refund in line["refunds"]]
    refunds = [*order["paymentSummary"]["refunds"], *of_lines]
    return sum(_read_cents(row["amount"]["value"]) for row in refunds if row.get("refundStatus") != "FAILED")
