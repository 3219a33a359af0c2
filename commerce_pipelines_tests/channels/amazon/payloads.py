"""Amazon's orders in small: the parts of a payload, and reading one.

What belongs here: what the tests of translation share. What does not: any expectation.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.orders import translate
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.orders.order import Order, OrderStatus, check

DE, US = "A1PA6795UKMFR9", "ATVPDKIKX0DER"


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


def part(kind: str, amount: str, **details: str) -> dict[str, Any]:
    result: dict[str, Any] = {"type": kind, "subtotal": eur(amount)}
    if details:
        result["detailedBreakdowns"] = [{"subtype": k, "value": eur(v)} for k, v in details.items()]
    return result


def item(total: str | None, *parts: dict[str, Any], number: int = 1, quantity: int = 1, **more: Any) -> dict[str, Any]:
    result = {
        "orderItemId": f"item{number}",
        "quantityOrdered": quantity,
        "product": {"asin": "B000000001", "title": "Kettle", "sellerSku": f"SKU-{number}"},
        **more,
    }
    if total is not None:
        result["proceeds"] = {"proceedsTotal": eur(total), "breakdowns": list(parts)}
    return result


def order(*items: dict[str, Any], total: str | None = None, status: str = "UNSHIPPED", **more: Any) -> dict[str, Any]:
    result = {
        "orderId": "302-0000001-0000001",
        "createdTime": "2026-11-20T10:00:00Z",
        "lastUpdatedTime": "2026-11-20T11:00:00+01:00",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": DE, "marketplaceName": "Amazon.de"},
        "fulfillment": {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT", "fulfillmentServiceLevel": "STANDARD"},
        "orderItems": list(items),
        **more,
    }
    if total is not None:
        result.setdefault("proceeds", {"grandTotal": eur(total)})
    return result


def read(payload: dict[str, Any], **options: Any) -> Order:
    return translate.translate(json.dumps(payload).encode(), "amazon_de", **options)


def sold(payload: dict[str, Any], **options: Any) -> Order:
    """A translated order that must be sound and paid."""
    result = read(payload, **options)
    assert result.status is OrderStatus.PAID
    check(result)
    return result


def refused(payload: dict[str, Any]) -> RecordError:
    with pytest.raises(RecordError) as caught:
        read(payload)
    return caught.value


def amounts(result: Order) -> dict[str, tuple[int, int]]:
    return {line.line_id: (line.amount, line.tax) for line in result.lines}
