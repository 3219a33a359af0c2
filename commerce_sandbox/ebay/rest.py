"""How the Fulfillment API answers: lists with filters and offsets, one order, errors.

What belongs here: the answers to getOrders and getOrder. What does not: the orders (making.py), XML (trading.py).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from ..server import Call, Reply

PATH = "/sell/fulfillment/v1/order"
_RANGE = re.compile(r"(creationdate|lastmodifieddate):\[([^\].]*(?:\.\d+)?Z)\.\.([^\]]*)\]")
_FIELD = {"creationdate": "creationDate", "lastmodifieddate": "lastModifiedDate"}
_MIRRORED = frozenset(("STATE_SALES_TAX", "PROVINCE_SALES_TAX", "GST", "VAT", "SST"))


class Refusal(Exception):
    """An error answer: eBay's error id and text."""

    def __init__(self, status: int, error_id: int, message: str) -> None:
        super().__init__(message)
        self.reply = error(status, error_id, message)


def error(status: int, error_id: int, message: str, domain: str = "API_FULFILLMENT") -> Reply:
    body = {"errors": [{"errorId": error_id, "domain": domain, "category": "REQUEST", "message": message}]}
    return Reply(status, body)


def get_orders(orders: Collection[dict[str, Any]], call: Call, url: str, now: datetime) -> Reply:
    """Newest first."""
    limit, offset = _read_number(call, "limit", 50, 31100), _read_number(call, "offset", 0, 31000)
    if not 0 < limit <= 200:
        raise Refusal(400, 31100, f"Invalid limit: {limit}")
    _check_fields(call)
    field, begin, end = _filter(call.parameter("filter"), now)
    matching = [order for order in orders if begin <= order[field] <= end]
    matching.sort(key=lambda order: (order["creationDate"], order["orderId"]), reverse=True)
    page = matching[offset : offset + limit]
    query = {name: values[0] for name, values in call.query.items()}

    def link(at: int) -> str:
        return f"{url}{PATH}?{urlencode({**query, 'limit': limit, 'offset': at})}"

    body: dict[str, Any] = {
        "href": link(offset),
        "total": len(matching),
        "limit": limit,
        "offset": offset,
        "orders": [_show(order, call, listed=True) for order in page],
    }
    if offset + limit < len(matching):
        body["next"] = link(offset + limit)
    if offset:
        body["prev"] = link(max(0, offset - limit))
    return Reply(200, body)


def get_order(orders: dict[str, dict[str, Any]], order_id: str, call: Call) -> Reply:
    _check_fields(call)
    if order_id not in orders:
        raise Refusal(400, 32100, f"Invalid order ID: {order_id}")
    return Reply(200, _show(orders[order_id], call, listed=False))


def _show(order: dict[str, Any], call: Call, *, listed: bool) -> dict[str, Any]:
    order = copy.deepcopy(order)
    if listed:
        order["cancelStatus"]["cancelRequests"] = []
        order["buyer"].pop("taxIdentifier", None)
    if not call.parameter("fieldGroups"):
        _drop_breakdown(order)
    return order


def _drop_breakdown(order: dict[str, Any]) -> None:
    """Without TAX_BREAKDOWN the remitted tax is neither repeated in `taxes` nor in the totals."""
    off = 0
    for line in order["lineItems"]:
        taken = sum(_count_cents(tax["amount"]) for tax in line.get("ebayCollectAndRemitTaxes", ()))
        line["taxes"] = [tax for tax in line["taxes"] if tax["taxType"] not in _MIRRORED or not taken]
        line["total"] = _subtract(line["total"], taken)
        off += taken
    order["pricingSummary"]["total"] = _subtract(order["pricingSummary"]["total"], off)


def _count_cents(amount: dict[str, str]) -> int:
    return round(float(amount["value"]) * 100)


def _subtract(amount: dict[str, str], cents: int) -> dict[str, str]:
    return {**amount, "value": f"{(_count_cents(amount) - cents) / 100:.2f}"}


def _read_number(call: Call, name: str, default: int, error_id: int) -> int:
    text = call.parameter(name, str(default))
    if not text.isdigit():
        raise Refusal(400, error_id, f"Invalid {name}: {text}")
    return int(text)


def _check_fields(call: Call) -> None:
    if call.parameter("fieldGroups", "TAX_BREAKDOWN") != "TAX_BREAKDOWN":
        raise Refusal(400, 32800, f"Invalid field group: {call.parameter('fieldGroups')}")


def _filter(text: str, now: datetime) -> tuple[str, str, str]:
    """(field, from, to) as comparable text. Where both dates are given, only creationdate is used."""
    ranges = {name: (begin, end) for name, begin, end in _RANGE.findall(text)}
    if text and not ranges:
        raise Refusal(400, 30700, f"Invalid filter name: {text.partition(':')[0]}")
    name = "creationdate" if "creationdate" in ranges else "lastmodifieddate"
    begin, end = ranges.get(name, ("2000-01-01T00:00:00.000Z", ""))
    end = end or "9999"
    last = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.999Z")
    if begin > last or (end != "9999" and end > last):
        raise Refusal(400, 30850, "Start and end dates can't be in the future")
    if begin > end:
        raise Refusal(400, 30840, "Start date should be before end date")
    return _FIELD[name], begin, end
