"""Inbound plans of the stand-in as records, and how Amazon shows them.

What belongs here: their state and its form. What does not: what changes it (inbound_plans.py).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .answers import written


def new_id(kind: str) -> str:
    """38 characters, as Amazon's are."""
    return f"{kind}{uuid.uuid4()}"


@dataclass
class Placement:
    fee: float
    shipments: list[str]
    expires: datetime

    def show(self, name: str, plan: Plan, now: datetime) -> dict[str, Any]:
        status = "ACCEPTED" if plan.placement == name else "EXPIRED" if self.expires <= now else "OFFERED"
        fee = {"description": "Placement fee", "target": "Placement Services", "type": "FEE",
               "value": {"amount": self.fee, "code": "EUR"}}  # fmt: skip
        return {"placementOptionId": name, "shipmentIds": self.shipments, "fees": [fee] if self.fee else [],
                "discounts": [], "expiration": written(self.expires), "status": status}  # fmt: skip


@dataclass
class PlanShipment:
    """transports: when each option was made, the own carrier's first."""

    shipment_id: str
    centre: str
    number: str = ""
    transports: dict[str, datetime] = field(default_factory=dict)
    transport: str = ""
    windows: dict[str, datetime] = field(default_factory=dict)
    window: str = ""


@dataclass
class Plan:
    """packings: SKUs by group, by option."""

    plan_id: str
    name: str
    created: datetime
    marketplace: str
    items: dict[str, dict[str, Any]]
    source: dict[str, str]
    status: str = "ACTIVE"
    packings: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    packing: str = ""
    boxes: list[dict[str, Any]] = field(default_factory=list)
    placements: dict[str, Placement] = field(default_factory=dict)
    placement: str = ""
    shipments: dict[str, PlanShipment] = field(default_factory=dict)
    transported: bool = False

    def share(self, place: int, count: int) -> dict[str, int]:
        """The units of one of so many shipments."""
        shares = {
            name: item["quantity"] // count + (place < item["quantity"] % count) for name, item in self.items.items()
        }
        return {name: units for name, units in shares.items() if units}

    def show_item(self, msku: str) -> dict[str, Any]:
        item = self.items[msku]
        return {"asin": "B000000000", "fnsku": "X000000000", "labelOwner": item["labelOwner"], "msku": msku,
                "prepInstructions": [], "quantity": item["quantity"]}  # fmt: skip


def show_plan(plan: Plan) -> dict[str, Any]:
    return {
        "inboundPlanId": plan.plan_id, "name": plan.name, "status": plan.status, "createdAt": written(plan.created),
        "lastUpdatedAt": written(plan.created), "marketplaceIds": [plan.marketplace], "sourceAddress": plan.source,
        "packingOptions": [
            {"packingOptionId": name, "status": "ACCEPTED" if plan.packing == name else "OFFERED"}
            for name in plan.packings
        ],
        "placementOptions": [
            {"placementOptionId": name, "status": "ACCEPTED" if plan.placement == name else "OFFERED"}
            for name in plan.placements
        ],
        "shipments": [{"shipmentId": name, "status": "WORKING"} for name in plan.shipments],
    }  # fmt: skip


def show_shipment(plan: Plan, shipment: PlanShipment) -> dict[str, Any]:
    placement = next((name for name, row in plan.placements.items() if shipment.shipment_id in row.shipments), "")
    shown: dict[str, Any] = {
        "shipmentId": shipment.shipment_id, "placementOptionId": placement, "status": "WORKING",
        "source": {"sourceType": "SELLER_FACILITY"},
        "destination": {"destinationType": "AMAZON_WAREHOUSE", "warehouseId": shipment.centre},
    }  # fmt: skip
    if shipment.number:
        shown["shipmentConfirmationId"] = shipment.number
    if shipment.transport:
        shown["selectedTransportationOptionId"] = shipment.transport
    if shipment.window:
        start = written(shipment.windows[shipment.window])
        shown["selectedDeliveryWindow"] = {
            "deliveryWindowOptionId": shipment.window, "availabilityType": "AVAILABLE", "startDate": start,
            "endDate": start,
        }  # fmt: skip
    return shown
