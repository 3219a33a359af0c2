"""The stand-in's operations of inbound plans: paths and rates, and what answers each.

What belongs here: this table. What does not: what an operation answers (inbound_plans.py), other operations (api.py).
Source: fulfillmentInbound_2024-03-20.json, fulfillmentInboundV0.json.
"""

from __future__ import annotations

PLANS = "/inbound/fba/2024-03-20/inboundPlans"
PLAN = rf"{PLANS}/([^/]+)"
SHIPMENT = rf"{PLAN}/shipments/([^/]+)"

# operation, method, path, calls a second, calls at once, method of InboundPlans
PLAN_OPERATIONS: tuple[tuple[str, str, str, float, float, str], ...] = (
    ("createInboundPlan", "POST", PLANS, 2, 2, "create"),
    ("listInboundPlans", "GET", PLANS, 2, 6, "list"),
    ("getInboundPlan", "GET", PLAN, 2, 6, "get"),
    ("cancelInboundPlan", "PUT", rf"{PLAN}/cancellation", 2, 2, "cancel"),
    ("generatePackingOptions", "POST", rf"{PLAN}/packingOptions", 2, 2, "offer_packing"),
    ("listPackingOptions", "GET", rf"{PLAN}/packingOptions", 2, 6, "list_packing"),
    ("listPackingGroupItems", "GET", rf"{PLAN}/packingGroups/([^/]+)/items", 2, 30, "list_group"),
    ("confirmPackingOption", "POST", rf"{PLAN}/packingOptions/([^/]+)/confirmation", 2, 2, "confirm_packing"),
    ("setPackingInformation", "POST", rf"{PLAN}/packingInformation", 2, 2, "set_boxes"),
    ("listInboundPlanBoxes", "GET", rf"{PLAN}/boxes", 2, 30, "list_boxes"),
    ("generatePlacementOptions", "POST", rf"{PLAN}/placementOptions", 2, 2, "offer_placement"),
    ("listPlacementOptions", "GET", rf"{PLAN}/placementOptions", 2, 6, "list_placement"),
    ("confirmPlacementOption", "POST", rf"{PLAN}/placementOptions/([^/]+)/confirmation", 2, 2, "confirm_placement"),
    ("getShipment", "GET", SHIPMENT, 2, 6, "get_shipment"),
    ("generateTransportationOptions", "POST", rf"{PLAN}/transportationOptions", 2, 2, "offer_transport"),
    ("listTransportationOptions", "GET", rf"{PLAN}/transportationOptions", 2, 6, "list_transport"),
    ("confirmTransportationOptions", "POST", rf"{PLAN}/transportationOptions/confirmation", 2, 2, "confirm_transport"),
    ("generateDeliveryWindowOptions", "POST", rf"{SHIPMENT}/deliveryWindowOptions", 2, 30, "offer_windows"),
    ("listDeliveryWindowOptions", "GET", rf"{SHIPMENT}/deliveryWindowOptions", 2, 30, "list_windows"),
    (
        "confirmDeliveryWindowOptions",
        "POST",
        rf"{SHIPMENT}/deliveryWindowOptions/([^/]+)/confirmation",
        2,
        30,
        "confirm_window",
    ),
    ("listShipmentBoxes", "GET", rf"{SHIPMENT}/boxes", 2, 30, "list_shipment_boxes"),
    ("listPrepDetails", "GET", r"/inbound/fba/2024-03-20/items/prepDetails", 2, 2, "list_preps"),
    ("setPrepDetails", "POST", r"/inbound/fba/2024-03-20/items/prepDetails", 2, 30, "set_preps"),
    ("createMarketplaceItemLabels", "POST", r"/inbound/fba/2024-03-20/items/labels", 2, 30, "make_item_labels"),
    ("getInboundOperationStatus", "GET", r"/inbound/fba/2024-03-20/operations/([^/]+)", 2, 6, "get_operation"),
    ("getLabels", "GET", r"/fba/inbound/v0/shipments/([^/]+)/labels", 2, 30, "get_labels"),
)  # fmt: skip
