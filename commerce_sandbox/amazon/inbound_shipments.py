"""Shipments to Amazon's warehouses in the stand-in, as the version 0 of the inbound API shows them.

What belongs here: shipments with what was sent and counted, and the two calls that show them. What does not: the ledger
(ledger_rows.py), tokens and limits (api.py). Source: fulfillmentInboundV0.json.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..server import Call
from .answers import Refused, invalid

PAGE = 50
FROM = {
    "Name": "Third Wave Supplies", "AddressLine1": "Speicherstr. 4", "City": "Hamburg", "StateOrProvinceCode": "HH",
    "CountryCode": "DE", "PostalCode": "20457",
}  # fmt: skip


@dataclass
class Shipment:
    """items: units sent and counted, by SKU."""

    marketplace: str
    items: dict[str, list[int]] = field(default_factory=dict)
    status: str = "SHIPPED"
    centre: str = "LEJ1"


class InboundShipments:
    def __init__(self) -> None:
        self.shipments: dict[str, Shipment] = {}

    def add(self, shipment_id: str, marketplace: str, **items: int) -> Shipment:
        """A shipment on its way. items: units by SKU."""
        shipment = Shipment(marketplace, {sku: [units, 0] for sku, units in items.items()})
        self.shipments[shipment_id] = shipment
        return shipment

    def list(self, call: Call, now: datetime) -> dict[str, Any]:
        marketplace, kind = call.parameter("MarketplaceId"), call.parameter("QueryType")
        if not marketplace or kind not in ("SHIPMENT", "NEXT_TOKEN"):
            raise invalid("Invalid input")
        wanted = call.parameter("NextToken" if kind == "NEXT_TOKEN" else "ShipmentIdList").split(",")
        there = [name for name in wanted if self._is_of(name, marketplace)]
        more = {"NextToken": ",".join(there[PAGE:])} if len(there) > PAGE else {}
        return {"payload": {"ShipmentData": [self._show(name) for name in there[:PAGE]], **more}}

    def list_items(self, call: Call, now: datetime, shipment_id: str) -> dict[str, Any]:
        if not self._is_of(shipment_id, call.parameter("MarketplaceId")):
            raise Refused(404, "NotFound", f"No shipment with the id {shipment_id} is found.")
        return {
            "payload": {
                "ItemData": [
                    {"ShipmentId": shipment_id, "SellerSKU": sku, "QuantityShipped": sent, "QuantityReceived": counted}
                    for sku, (sent, counted) in self.shipments[shipment_id].items.items()
                ]
            }
        }

    def _is_of(self, shipment_id: str, marketplace: str) -> bool:
        return shipment_id in self.shipments and self.shipments[shipment_id].marketplace == marketplace

    def _show(self, shipment_id: str) -> dict[str, Any]:
        shipment = self.shipments[shipment_id]
        return {
            "ShipmentId": shipment_id, "ShipmentName": "Send to Amazon", "ShipFromAddress": FROM,
            "DestinationFulfillmentCenterId": shipment.centre, "ShipmentStatus": shipment.status,
            "LabelPrepType": "SELLER_LABEL", "AreCasesRequired": False,
        }  # fmt: skip
