"""Orders to ship on Amazon, and parcels of them.

What belongs here: what the tests of shipments share. What does not: any expectation.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from commerce_pipelines.domain.fulfilment.shipments import SentShipment, Shipment, ShippedLine
from commerce_sandbox.amazon.answers import written

from ..contract import NOON, Recorded
from ..payloads import DE, eur

ORDER = "302-0000001-0000001"


def add_order(amazon: Recorded, *quantities: int, order_id: str = ORDER, **more: Any) -> None:
    """An order of as many items, called item1, item2 …, that waits for its parcels."""
    placed = written(NOON - timedelta(days=1))
    items = [
        {
            "orderItemId": f"item{number}",
            "quantityOrdered": quantity,
            "product": {"asin": "B000000001", "title": "Kettle", "sellerSku": f"SKU-{number}"},
            "proceeds": {"proceedsTotal": eur("10.00"), "breakdowns": [{"type": "ITEM", "subtotal": eur("10.00")}]},
            "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": quantity},
        }
        for number, quantity in enumerate(quantities, 1)
    ]
    amazon.add({
        "orderId": order_id,
        "createdTime": placed,
        "lastUpdatedTime": placed,
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": DE, "marketplaceName": "Amazon.de"},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": items,
        **more,
    })  # fmt: skip


def parcel(number: int = 1, *lines: tuple[str, int], order_id: str = ORDER, **more: Any) -> SentShipment:
    """A parcel of the order, of one unit of item1 unless lines are given."""
    fields = {
        "shipped_at": NOON - timedelta(hours=2),
        "carrier": "DHL",
        "tracking_number": f"JJD 0099-{number}",
        "lines": tuple(ShippedLine(line_id=line, quantity=units) for line, units in lines or (("item1", 1),)),
        **more,
    }
    shipment = Shipment(order_id=order_id, parcel=number, marketplace=DE, **fields)
    return SentShipment(key=f"{order_id}/{number}", shipment=shipment, token="t")
