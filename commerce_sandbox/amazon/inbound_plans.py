"""Inbound plans in the stand-in: made step by step by operations, offers that expire, confirmations that happen once.

What belongs here: the operations of the Fulfillment Inbound API 2024-03-20 that plans need, and labels by version 0.
What does not: shipments on their way (inbound_shipments.py), what offers look like (plan_shown.py), tokens and limits
(api.py). Source: fulfillmentInbound_2024-03-20.json, fulfillmentInboundV0.json.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..server import Call, Reply
from .answers import Refused, invalid
from .documents import Documents
from .inbound_shipments import InboundShipments
from .plan_shown import Placement, Plan, PlanShipment, new_id, show_plan, show_shipment

OFFER_LIFE, QUOTE_LIFE, VOID_LIFE = timedelta(hours=24), timedelta(hours=6), timedelta(hours=24)
PDF = b"%PDF-1.4\n% labels of a stand-in\n%%EOF\n"


@dataclass
class Operation:
    """left: for how many more answers it is in progress."""

    left: int
    problems: list[dict[str, str]] = field(default_factory=list)


class InboundPlans:
    """polls: for how many answers an operation is in progress. placements: (fee, shipments) of each option that is
    offered. transport_cost: of the marketplace's carrier. groups: packing groups as lists of SKUs; none: one group.
    fails: by operation, (code, message) of the operations that fail next. preps: what is asked of a SKU, besides
    nothing. labelled: the requests for item labels. unlabelled: SKUs of which none are made."""

    def __init__(self, shipments: InboundShipments, documents: Documents) -> None:
        self._shipments, self._documents = shipments, documents
        self.polls, self.placements, self.transport_cost = 1, [(0.0, 1)], 14.2
        self.groups: list[list[str]] = []
        self.fails: dict[str, list[tuple[str, str]]] = {}
        self.preps: dict[str, dict[str, Any]] = {}
        self.labelled: list[dict[str, Any]] = []
        self.unlabelled: set[str] = set()
        self.plans: dict[str, Plan] = {}
        self.operations: dict[str, Operation] = {}

    @property
    def living(self) -> list[Plan]:
        return [plan for plan in self.plans.values() if plan.status not in ("VOIDED", "ERRORED")]

    def list_preps(self, call: Call, now: datetime) -> dict[str, Any]:
        nothing = {"prepCategory": "NONE", "prepTypes": ["ITEM_NO_PREP"]}
        names = [name.replace("%2B", "+").replace("%2C", ",").replace("%25", "%") for name in call.query["mskus"]]
        return {"mskuPrepDetails": [{"msku": name, **nothing, **self.preps.get(name, {})} for name in names]}

    def set_preps(self, call: Call, now: datetime) -> Reply:
        rows = call.json()["mskuPrepDetails"]
        if not 1 <= len(rows) <= 100:
            raise invalid("mskuPrepDetails")

        def act() -> None:
            for row in rows:
                prep = {"prepCategory": row["prepCategory"], "prepTypes": row["prepTypes"]}
                self.preps[row["msku"]] = {**self.preps.get(row["msku"], {}), **prep}

        return self._begin("setPrepDetails", act)

    def make_item_labels(self, call: Call, now: datetime) -> dict[str, Any]:
        body = call.json()
        units = {row["msku"]: row["quantity"] for row in body["mskuQuantities"]}
        if not 1 <= len(body["mskuQuantities"]) <= 100 or len(units) < len(body["mskuQuantities"]):
            raise invalid("mskuQuantities")
        if self.unlabelled & units.keys():
            raise invalid("mskuQuantities")
        self.labelled.append({**body, "mskuQuantities": units})
        uri = self._documents.url(self._documents.new(PDF, "application/pdf"), now)
        return {"documentDownloads": [{"downloadType": "URL", "uri": uri}]}

    def create(self, call: Call, now: datetime) -> Reply:
        body = call.json()
        items = {item["msku"]: item for item in body["items"]}
        if not 1 <= len(body["items"]) <= 2000 or len(items) < len(body["items"]):
            raise invalid("items")
        plan = Plan(new_id("wf"), body["name"], now, body["destinationMarketplaces"][0], items, body["sourceAddress"])
        self.plans[plan.plan_id] = plan
        reply = self._begin("createInboundPlan", lambda: None)
        if self.operations[reply.body["operationId"]].problems:
            plan.status = "ERRORED"
        return Reply(202, {"inboundPlanId": plan.plan_id, **reply.body})

    def list(self, call: Call, now: datetime) -> dict[str, Any]:
        plans = sorted(
            self.plans.values(), key=lambda plan: plan.created, reverse=call.parameter("sortOrder") == "DESC"
        )
        start, size = int(call.parameter("paginationToken") or 0), int(call.parameter("pageSize") or 10)
        more = {"pagination": {"nextToken": str(start + size)}} if len(plans) > start + size else {}
        shown = [show_plan(plan) for plan in plans[start : start + size]]
        for row in shown:
            del row["packingOptions"], row["placementOptions"], row["shipments"]
        return {"inboundPlans": shown, **more}

    def get(self, call: Call, now: datetime, plan_id: str) -> dict[str, Any]:
        return show_plan(self._find(plan_id))

    def cancel(self, call: Call, now: datetime, plan_id: str) -> Reply:
        plan = self._find(plan_id)

        def act() -> str | None:
            if plan.status == "SHIPPED":
                return "FBA_INB_0182"
            plan.status = "VOIDED"
            for shipment in plan.shipments.values():
                if shipment.number in self._shipments.shipments:
                    self._shipments.shipments[shipment.number].status = "CANCELLED"
            return None

        return self._begin("cancelInboundPlan", act)

    def offer_packing(self, call: Call, now: datetime, plan_id: str) -> Reply:
        plan = self._find(plan_id)

        def act() -> None:
            groups = self.groups or [list(plan.items)]
            plan.packings[new_id("po")] = {new_id("pg"): names for names in groups}

        return self._begin("generatePackingOptions", act)

    def list_packing(self, call: Call, now: datetime, plan_id: str) -> dict[str, Any]:
        plan = self._find(plan_id)
        return {
            "packingOptions": [
                {"packingOptionId": name, "packingGroups": list(groups), "fees": [], "discounts": [],
                 "status": "ACCEPTED" if plan.packing == name else "OFFERED", "supportedConfigurations": [],
                 "supportedShippingConfigurations": []}
                for name, groups in plan.packings.items()
            ]
        }  # fmt: skip

    def list_group(self, call: Call, now: datetime, plan_id: str, group: str) -> dict[str, Any]:
        plan = self._find(plan_id)
        names = next((groups[group] for groups in plan.packings.values() if group in groups), None)
        if names is None:
            raise Refused(404, "NotFound", "No such packing group.")
        start, size = int(call.parameter("paginationToken") or 0), int(call.parameter("pageSize") or 10)
        more = {"pagination": {"nextToken": str(start + size)}} if len(names) > start + size else {}
        return {"items": [plan.show_item(name) for name in names[start : start + size]], **more}

    def confirm_packing(self, call: Call, now: datetime, plan_id: str, option: str) -> Reply:
        plan = self._find(plan_id)

        def act() -> str | None:
            if plan.packing or option not in plan.packings:
                return "FBA_INB_0313"
            plan.packing = option
            return None

        return self._begin("confirmPackingOption", act)

    def set_boxes(self, call: Call, now: datetime, plan_id: str) -> Reply:
        plan, body = self._find(plan_id), call.json()

        def act() -> str | None:
            counted: dict[str, int] = {}
            boxes = [box for group in body["packageGroupings"] for box in group["boxes"]]
            for box in boxes:
                for item in box["items"]:
                    counted[item["msku"]] = counted.get(item["msku"], 0) + item["quantity"] * box["quantity"]
            if not plan.packing or counted != {name: item["quantity"] for name, item in plan.items.items()}:
                return "FBA_INB_0196"
            plan.boxes = boxes
            return None

        return self._begin("setPackingInformation", act)

    def list_boxes(self, call: Call, now: datetime, plan_id: str) -> dict[str, Any]:
        size = int(call.parameter("pageSize") or 10)
        return {"boxes": [{"packageId": new_id("pk")} for _ in self._find(plan_id).boxes[:size]]}

    def offer_placement(self, call: Call, now: datetime, plan_id: str) -> Reply:
        plan = self._find(plan_id)

        def act() -> str | None:
            if plan.placement:
                return "FBA_INB_0341"
            for fee, count in self.placements:
                shipments = [PlanShipment(new_id("sh"), f"LEJ{place + 1}") for place in range(count)]
                plan.shipments |= {shipment.shipment_id: shipment for shipment in shipments}
                names = [shipment.shipment_id for shipment in shipments]
                plan.placements[new_id("pl")] = Placement(fee, names, now + OFFER_LIFE)
            return None

        return self._begin("generatePlacementOptions", act)

    def list_placement(self, call: Call, now: datetime, plan_id: str) -> dict[str, Any]:
        plan = self._find(plan_id)
        return {"placementOptions": [option.show(name, plan, now) for name, option in plan.placements.items()]}

    def confirm_placement(self, call: Call, now: datetime, plan_id: str, option: str) -> Reply:
        plan = self._find(plan_id)

        def act() -> str | None:
            if plan.placement or option not in plan.placements or plan.placements[option].expires <= now:
                return "FBA_INB_0342"
            plan.placement = option
            for shipment_id in plan.placements[option].shipments:
                plan.shipments[shipment_id].number = f"FBA15{secrets.token_hex(3).upper()}"
            return None

        return self._begin("confirmPlacementOption", act)

    def get_shipment(self, call: Call, now: datetime, plan_id: str, shipment_id: str) -> dict[str, Any]:
        plan = self._find(plan_id)
        return show_shipment(plan, self._find_shipment(plan, shipment_id))

    def offer_transport(self, call: Call, now: datetime, plan_id: str) -> Reply:
        plan, body = self._find(plan_id), call.json()

        def act() -> str | None:
            if body["placementOptionId"] not in plan.placements or plan.transported:
                return "FBA_INB_0344"
            for configuration in body["shipmentTransportationConfigurations"]:
                shipment = plan.shipments[configuration["shipmentId"]]
                shipment.transports = {new_id("to"): now for _ in range(2)}
            return None

        return self._begin("generateTransportationOptions", act)

    def list_transport(self, call: Call, now: datetime, plan_id: str) -> dict[str, Any]:
        plan, rows = self._find(plan_id), []
        for shipment_id in plan.placements[call.parameter("placementOptionId")].shipments:
            transports = plan.shipments[shipment_id].transports
            for name, made in transports.items():
                row: dict[str, Any] = {
                    "transportationOptionId": name, "shipmentId": shipment_id, "shippingMode": "GROUND_SMALL_PARCEL",
                    "shippingSolution": "USE_YOUR_OWN_CARRIER", "carrier": {"alphaCode": "DHLG", "name": "DHL"},
                    "preconditions": ["CONFIRMED_DELIVERY_WINDOW"],
                }  # fmt: skip
                if name != next(iter(transports)):
                    row |= {"shippingSolution": "AMAZON_PARTNERED_CARRIER", "preconditions": [],
                            "carrier": {"alphaCode": "UPSN", "name": "UPS"}, "quote": {
                        "cost": {"amount": self.transport_cost, "code": "EUR"},
                        "expiration": (made + QUOTE_LIFE).isoformat(),
                        "voidableUntil": (made + VOID_LIFE).isoformat()}}  # fmt: skip
                rows.append(row)
        return {"transportationOptions": rows}

    def confirm_transport(self, call: Call, now: datetime, plan_id: str) -> Reply:
        plan, body = self._find(plan_id), call.json()
        chosen = {row["shipmentId"]: row["transportationOptionId"] for row in body["transportationSelections"]}

        def act() -> str | None:
            placed = plan.placements[plan.placement].shipments if plan.placement else []
            if plan.transported or set(chosen) != set(placed):
                return "CONFIRM_CARRIERS"
            for shipment_id, option in chosen.items():
                shipment = plan.shipments[shipment_id]
                is_own = option == next(iter(shipment.transports), "")
                if option not in shipment.transports or (is_own and not shipment.window):
                    return "CONFIRM_CARRIERS"
            for place, (shipment_id, option) in enumerate(chosen.items()):
                shipment = plan.shipments[shipment_id]
                shipment.transport, items = option, plan.share(place, len(chosen))
                self._shipments.add(shipment.number, plan.marketplace, **items).status = "WORKING"
            plan.transported = True
            return None

        return self._begin("confirmTransportationOptions", act)

    def offer_windows(self, call: Call, now: datetime, plan_id: str, shipment_id: str) -> Reply:
        shipment = self._find_shipment(self._find(plan_id), shipment_id)

        def act() -> str | None:
            if not shipment.number:
                return "FBA_INB_0350"
            shipment.windows = {str(uuid.uuid4()): now + timedelta(days=3 * day) for day in range(6)}
            return None

        return self._begin("generateDeliveryWindowOptions", act)

    def list_windows(self, call: Call, now: datetime, plan_id: str, shipment_id: str) -> dict[str, Any]:
        windows = self._find_shipment(self._find(plan_id), shipment_id).windows
        return {
            "deliveryWindowOptions": [
                {"deliveryWindowOptionId": name, "availabilityType": "AVAILABLE", "startDate": start.isoformat(),
                 "endDate": (start + timedelta(days=2)).isoformat(),
                 "validUntil": (now + timedelta(hours=4)).isoformat()}
                for name, start in windows.items()
            ]
        }  # fmt: skip

    def confirm_window(self, call: Call, now: datetime, plan_id: str, shipment_id: str, option: str) -> Reply:
        shipment = self._find_shipment(self._find(plan_id), shipment_id)

        def act() -> str | None:
            if option not in shipment.windows:
                return "FBA_INB_0351"
            shipment.window = option
            return None

        return self._begin("confirmDeliveryWindowOptions", act)

    def list_shipment_boxes(self, call: Call, now: datetime, plan_id: str, shipment_id: str) -> dict[str, Any]:
        plan = self._find(plan_id)
        shipment = self._find_shipment(plan, shipment_id)
        names = [f"{shipment.number}U{place + 1:06d}" for place in range(len(plan.boxes))]
        start, size = int(call.parameter("paginationToken") or 0), int(call.parameter("pageSize") or 10)
        more = {"pagination": {"nextToken": str(start + size)}} if len(names) > start + size else {}
        rows = [{"packageId": new_id("pk"), "boxId": name} for name in names[start : start + size]]
        return {"boxes": rows, **more}

    def get_labels(self, call: Call, now: datetime, number: str) -> dict[str, Any]:
        """Version 0: a file for the boxes that are named."""
        if number not in self._shipments.shipments or not call.parameter("PackageLabelsToPrint"):
            raise invalid("IncorrectPackageIdentifier")
        return {"payload": {"DownloadURL": self._documents.url(self._documents.new(PDF, "application/pdf"), now)}}

    def get_operation(self, call: Call, now: datetime, operation_id: str) -> dict[str, Any]:
        operation = self.operations.get(operation_id)
        if operation is None:
            raise Refused(404, "NotFound", "No such operation.")
        status = "IN_PROGRESS" if operation.left > 0 else "FAILED" if operation.problems else "SUCCESS"
        operation.left -= 1
        problems = operation.problems if status == "FAILED" else []
        return {"operation": "plan", "operationId": operation_id, "operationProblems": problems,
                "operationStatus": status}  # fmt: skip

    def _begin(self, name: str, act: Callable[[], str | None]) -> Reply:
        """An operation that has its end at once, and tells it later."""
        operation_id, code, message = str(uuid.uuid4()), "", "The request is not valid now."
        if self.fails.get(name):
            code, message = self.fails[name].pop(0)
        else:
            code = act() or ""
        problems = [{"code": code, "message": message, "severity": "ERROR"}] if code else []
        self.operations[operation_id] = Operation(self.polls, problems)
        return Reply(202, {"operationId": operation_id})

    def _find(self, plan_id: str) -> Plan:
        if plan_id not in self.plans:
            raise Refused(404, "NotFound", "No such inbound plan.")
        return self.plans[plan_id]

    def _find_shipment(self, plan: Plan, shipment_id: str) -> PlanShipment:
        if shipment_id not in plan.shipments:
            raise Refused(404, "NotFound", "No such shipment.")
        return plan.shipments[shipment_id]
