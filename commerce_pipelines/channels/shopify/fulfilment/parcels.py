"""Which units of a parcel can be fulfilled now, by the present fulfilment orders of the shop. Pure.

What belongs here: mapping the order's lines to lines of fulfilment orders, and what Shopify shows of parcels. What does
not: calls (shipments.py).

A fulfilment is made of fulfilment order lines, whose ids are others than those of the order's lines, and all its
fulfilment orders must be assigned to one location. Units of a fulfilment order on hold or scheduled cannot be
fulfilled, nor can units that a fulfilment service is to send.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ....domain.fulfilment.shipments import Shipment
from ....domain.fulfilment.shown import ShownLine, ShownOrder, ShownParcel
from .payloads import Fulfillment, FulfillmentOrder, FulfillmentOrderLineItem, Order

READY = frozenset(("OPEN", "IN_PROGRESS"))
ENDED = frozenset(("CANCELLED", "CLOSED", "INCOMPLETE"))
UNDONE = frozenset(("CANCELLED", "ERROR", "FAILURE"))
# status of a fulfilment order that cannot be fulfilled -> code, sentence
BLOCKED = {
    "ON_HOLD": ("on_hold", "Shopify holds these units back: release the hold in the order, and the parcel is told."),
    "SCHEDULED": ("scheduled", "Shopify has scheduled these units for a later day: fulfil them in the shop if they "
                               "have left."),
}  # fmt: skip
ELSEWHERE = (
    "assigned_elsewhere",
    "Shopify has assigned these units to a fulfilment service: move them to a location of yours in the order.",
)


class Part(NamedTuple):
    """Units of one line of one fulfilment order."""

    fulfilment_order: str
    line: FulfillmentOrderLineItem
    quantity: int


class Plan(NamedTuple):
    """parts: by assigned location. blocked: why units of the parcel cannot be fulfilled now, as code and sentence.
    short: lines of which fewer units are open than the parcel has."""

    parts: dict[str, list[Part]]
    blocked: tuple[str, str] | None
    short: list[str]


def number_of(gid: str) -> str:
    """The order's id of a line as our lines have it; only for comparing."""
    return gid.rpartition("/")[2].partition("?")[0]


def plan_parcel(shipment: Shipment, order: Order) -> Plan:
    """Which units of which fulfilment orders make up the parcel."""
    parts: dict[str, list[Part]] = {}
    blocked: tuple[str, str] | None = None
    short: list[str] = []
    for line in shipment.lines:
        wanted = line.quantity
        for fulfilment_order in order.fulfillmentOrders.nodes:
            for row in fulfilment_order.lineItems.nodes:
                if number_of(row.lineItem.id) != line.line_id or row.remainingQuantity <= 0 or not wanted:
                    continue
                if reason := _find_obstacle(fulfilment_order):
                    blocked = blocked or reason
                    continue
                units = min(wanted, row.remainingQuantity)
                location = fulfilment_order.assignedLocation.location
                parts.setdefault(location.id if location else "", []).append(Part(fulfilment_order.id, row, units))
                wanted -= units
        if wanted:
            short.append(line.line_id)
    return Plan(parts, blocked if short else None, short)


def _find_obstacle(fulfilment_order: FulfillmentOrder) -> tuple[str, str] | None:
    if fulfilment_order.status in ENDED:
        return ("closed", "Shopify has closed these units: reopen them in the order, or fulfil them in the shop.")
    if fulfilment_order.status not in READY:
        return BLOCKED.get(fulfilment_order.status, ELSEWHERE)
    can = any(supported.action == "CREATE_FULFILLMENT" for supported in fulfilment_order.supportedActions)
    return None if can else ELSEWHERE


def build_fulfilment(shipment: Shipment, parts: list[Part], *, notify: bool) -> dict[str, Any]:
    """The input of fulfillmentCreate. Lines are always named: a fulfilment order without lines would be fulfilled as a
    whole."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        rows.setdefault(part.fulfilment_order, []).append({"id": part.line.id, "quantity": part.quantity})
    built: dict[str, Any] = {
        "lineItemsByFulfillmentOrder": [
            {"fulfillmentOrderId": order_id, "fulfillmentOrderLineItems": lines} for order_id, lines in rows.items()
        ],
        "notifyCustomer": notify,
    }
    if tracking := build_tracking(shipment):
        built["trackingInfo"] = tracking
    return built


def build_tracking(shipment: Shipment) -> dict[str, Any]:
    """Numbers, carrier and address of a parcel, without what it lacks. The address belongs to the first number, so it
    is told only where there is no other."""
    numbers = [number for number in (shipment.tracking_number, *shipment.more_numbers) if number.strip()]
    tracking: dict[str, Any] = {"numbers": numbers} if numbers else {}
    if company := shipment.carrier or shipment.carrier_name:
        tracking["company"] = company
    if len(numbers) < 2 and _is_web_address(shipment.tracking_url):
        tracking["urls"] = [shipment.tracking_url]
    return tracking


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not any(sign.isspace() for sign in text)


def read_shown(order: Order, shipment: Shipment) -> ShownOrder:
    """The order's parcels, and its lines. A line of the shipment that no fulfilment order has is one that Shopify waits
    for no more."""
    waiting = {line.line_id: 0 for line in shipment.lines}
    for fulfilment_order in order.fulfillmentOrders.nodes:
        if fulfilment_order.status not in ENDED:
            for row in fulfilment_order.lineItems.nodes:
                line_id = number_of(row.lineItem.id)
                waiting[line_id] = waiting.get(line_id, 0) + row.remainingQuantity
    parcels = [_show_parcel(made) for made in order.fulfillments if made.status not in UNDONE]
    shipped: dict[str, int] = {}
    for parcel in parcels:
        for line_id, units in parcel.lines.items():
            shipped[line_id] = shipped.get(line_id, 0) + units
    lines = {
        line_id: ShownLine(open=waiting.get(line_id, 0), shipped=shipped.get(line_id, 0))
        for line_id in waiting.keys() | shipped.keys()
    }
    return ShownOrder(lines=lines, parcels=parcels)


def _show_parcel(made: Fulfillment) -> ShownParcel:
    units: dict[str, int] = {}
    for row in made.fulfillmentLineItems.nodes:
        line_id = number_of(row.lineItem.id)
        units[line_id] = units.get(line_id, 0) + (row.quantity or 0)
    return ShownParcel(
        reference=made.id, numbers=[info.number for info in made.trackingInfo if info.number], lines=units
    )


def is_whole(order: Order, most_parcels: int) -> bool:
    """Whether the answer holds all that the order has. most_parcels: how many were asked for."""
    lists = [made.fulfillmentLineItems.pageInfo for made in order.fulfillments]
    lists += [fulfilment_order.lineItems.pageInfo for fulfilment_order in order.fulfillmentOrders.nodes]
    pages = (*lists, order.fulfillmentOrders.pageInfo)
    return len(order.fulfillments) < most_parcels and not any(page.hasNextPage for page in pages)
