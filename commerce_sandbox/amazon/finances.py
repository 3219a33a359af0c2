"""listTransactions of the stand-in (Finances API v2024-06-19): refunds and shipments as Amazon breaks them down.

What belongs here: transactions, their windows and pages. What does not: orders (orders.py), tokens and limits (api.py).
Sources: finances_2024-06-19.json; names of breakdowns as sellers' accounts show them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ..server import Call
from .answers import instant, invalid, written

Data = dict[str, Any]
PARAMETERS = {
    "postedAfter", "postedBefore", "marketplaceId", "transactionStatus", "relatedIdentifierName",
    "relatedIdentifierValue", "nextToken",
}  # fmt: skip
LONGEST = timedelta(days=180)  # longer spans are answered empty
PAGE_SIZE = 100
CONTAINERS = {
    "OurPrice": "ProductCharges", "Shipping": "Shipping", "Giftwrap": "Giftwrap", "Goodwill": "ProductCharges",
    "RestockingDeduction": "ProductCharges", "MarketplaceFacilitator": "Tax", "LowValueGoodsTax": "Tax",
}  # fmt: skip


class Finances:
    """page_size: transactions a page. empty_pages: how many pages without a transaction come first. expired: page
    tokens are no longer taken."""

    def __init__(self) -> None:
        self.transactions: list[Data] = []
        self.page_size, self.empty_pages, self.expired = PAGE_SIZE, 0, False

    def add(self, *transactions: Data) -> None:
        self.transactions += transactions

    def list_transactions(self, call: Call, now: datetime) -> Data:
        query = {name: call.parameter(name) for name in call.query}
        if set(query) - PARAMETERS:
            raise invalid("A parameter is not known.")
        by_order = query.get("relatedIdentifierName") == "ORDER_ID"
        if "postedAfter" not in query and not by_order:
            raise invalid("Start date cannot be null")
        if self.expired and "nextToken" in query:
            raise invalid("The nextToken is not valid.")
        rows = self._find_of_order(query["relatedIdentifierValue"]) if by_order else self._find_posted(query, now)
        start, empty = json.loads(base64.b64decode(query["nextToken"])) if "nextToken" in query else (0, 0)
        if empty < self.empty_pages:
            return {"payload": {"transactions": [], "nextToken": _write_token(start, empty + 1)}}
        page = rows[start : start + self.page_size]
        more = start + self.page_size < len(rows)
        following = {"nextToken": _write_token(start + self.page_size, empty)} if more else {}
        return {"payload": {"transactions": page, **following}}

    def _find_of_order(self, order_id: str) -> Sequence[Data]:
        wanted = {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order_id}
        return [row for row in self.transactions if wanted in row["relatedIdentifiers"]]

    def _find_posted(self, query: dict[str, str], now: datetime) -> Sequence[Data]:
        last = now - timedelta(minutes=2)
        after = instant(query["postedAfter"], "postedAfter")
        before = instant(query["postedBefore"], "postedBefore") if "postedBefore" in query else last
        if after > last or before > last or before <= after:
            raise invalid("The dates must be more than two minutes ago, the first before the second.")
        if before - after > LONGEST:
            return []
        rows = [row for row in self.transactions if after <= instant(row["postedDate"], "postedDate") < before]
        return sorted(rows, key=lambda row: (row["postedDate"], row["transactionId"]))


def make_refund(
    number: int,
    order_id: str,
    posted: datetime,
    *items: Data,
    status: str = "RELEASED",
    kind: str = "Refund",
    marketplace: str = "A1PA6795UKMFR9",
    currency: str = "EUR",
    deferred: str = "",
) -> Data:
    """A transaction of these items. deferred: the id of the transaction that this one releases."""
    total = sum(item["totalAmount"]["currencyAmount"] for item in items)
    identifiers = [("ORDER_ID", order_id), ("REFUND_ID", f"R{number}")]
    if deferred:
        identifiers.append(("DEFERRED_TRANSACTION_ID", deferred))
    return {
        "sellingPartnerMetadata": {
            "sellingPartnerId": "A2DEMOSELLER01", "accountType": "Standard Orders", "marketplaceId": marketplace,
        },
        "relatedIdentifiers": [
            {"relatedIdentifierName": name, "relatedIdentifierValue": value} for name, value in identifiers
        ],
        "transactionType": kind,
        "transactionId": f"txn-{number}",
        "transactionStatus": status,
        "description": "Refund Order",
        "postedDate": written(posted),
        "totalAmount": _build_amount(total, currency),
        "marketplaceDetails": {"marketplaceId": marketplace, "marketplaceName": "Amazon.de"},
        "items": list(items),
        "contexts": [],
        "breakdowns": [],
    }  # fmt: skip


def make_item(
    sku: str, leaves: dict[str, int], *, number: int = 1, quantity: int = 1, fees: int = 0, currency: str = "EUR"
) -> Data:
    """One item. leaves: cents by Amazon's name of the amount; a refund is negative. fees: cents given back."""
    branches: dict[str, list[Data]] = {}
    for name, cents in leaves.items():
        container = next((place for word, place in CONTAINERS.items() if name.startswith(word)), "Other")
        branches.setdefault("Tax" if name.endswith("Tax") else container, []).append(_build_node(name, cents, currency))
    nodes = [
        _build_node(
            name, sum(round(leaf["breakdownAmount"]["currencyAmount"] * 100) for leaf in parts), currency, parts
        )
        for name, parts in branches.items()
    ]
    if fees:
        base = [_build_node("Base", fees, currency)]
        nodes.append(_build_node("AmazonFees", fees, currency, [_build_node("Commission", fees, currency, base)]))
    return {
        "description": "Gooseneck Kettle",
        "totalAmount": _build_amount((sum(leaves.values()) + fees) / 100, currency),
        "relatedIdentifiers": [
            {"itemRelatedIdentifierName": "ORDER_ADJUSTMENT_ITEM_ID", "itemRelatedIdentifierValue": f"adj-{number}"}
        ],
        "breakdowns": nodes,
        "contexts": [
            {"contextType": "ProductContext", "asin": "B000000001", "sku": sku, "quantityShipped": quantity,
             "fulfillmentNetwork": "MFN"}
        ],
    }  # fmt: skip


def _build_node(name: str, cents: int, currency: str, parts: list[Data] | None = None) -> Data:
    return {
        "breakdownType": name,
        "breakdownAmount": _build_amount(cents / 100, currency),
        "breakdowns": parts or [],
    }


def _count_cents(node: Data) -> int:
    return round(node["breakdownAmount"]["currencyAmount"] * 100)


def _build_amount(amount: float, currency: str) -> Data:
    return {"currencyCode": currency, "currencyAmount": round(amount, 2)}


def _write_token(start: int, empty: int) -> str:
    return base64.b64encode(json.dumps([start, empty]).encode()).decode()
