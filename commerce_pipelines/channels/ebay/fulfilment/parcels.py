"""What eBay shows of an order's parcels, and naming a line in both of its APIs. Pure.

What belongs here: reading orders and fulfilments as the domain sees them. What does not: calls (shipments.py).

Our line id is the Fulfillment API's `lineItemId`, or, where orders come by the Trading API, `OrderLineItemID`: item id
and transaction id with a hyphen between them. The transaction id is the `lineItemId`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ....domain.fulfilment.shipments import SentShipment, Shipment, ShippedLine
from ....domain.fulfilment.shown import ShownLine, ShownOrder, ShownParcel
from ....domain.outbox.effects import Outcome
from .payloads import Fulfillment, Order

FULFILLED = "FULFILLED"
CANCELLED = frozenset(("CANCELED", "CANCELLED"))


def rest_line(line_id: str) -> str:
    """The line's id in the Fulfillment API."""
    return line_id.rpartition("-")[2]


def rest_shipment(sent: SentShipment) -> SentShipment:
    """The shipment with the Fulfillment API's line ids, each line once: eBay refuses a line that is named twice."""
    units: dict[str, int] = {}
    for line in sent.shipment.lines:
        units[rest_line(line.line_id)] = units.get(rest_line(line.line_id), 0) + line.quantity
    lines = tuple(ShippedLine(line_id=line_id, quantity=quantity) for line_id, quantity in units.items())
    return msgspec.structs.replace(sent, shipment=msgspec.structs.replace(sent.shipment, lines=lines))


def read_shown(order: Order, made: Iterable[Fulfillment]) -> ShownOrder:
    """The order's lines and parcels. A line that eBay calls fulfilled waits for nothing, whether it shows the parcel or
    not."""
    ordered = {line.line_item_id: line.quantity for line in order.line_items}
    parcels = [_show_parcel(fulfilment, ordered) for fulfilment in made]
    lines = {}
    for line in order.line_items:
        shipped = sum(parcel.lines.get(line.line_item_id, 0) for parcel in parcels)
        if line.line_item_fulfillment_status == FULFILLED:
            shipped = max(shipped, line.quantity)
        waiting = 0 if _is_cancelled(order) else max(line.quantity - shipped, 0)
        lines[line.line_item_id] = ShownLine(open=waiting, shipped=shipped)
    return ShownOrder(lines=lines, parcels=parcels)


def explain_cancellation(outcome: Outcome, order: Order) -> Outcome:
    """The outcome, with a reason of its own for an order that was cancelled."""
    if outcome.code != "nothing_open" or not _is_cancelled(order):
        return outcome
    message = "The order is cancelled on eBay: stop the parcel."
    return msgspec.structs.replace(outcome, code="order_cancelled", message=message)


def list_legacy_ids(shipment: Shipment, order: Order) -> list[str]:
    """The shipment's lines by the Trading API's `OrderLineItemID`."""
    legacy = {line.line_item_id: f"{line.legacy_item_id}-{line.line_item_id}" for line in order.line_items}
    return [legacy[line.line_id] for line in shipment.lines if line.line_id in legacy]


def _is_cancelled(order: Order) -> bool:
    return order.cancel_status is not None and order.cancel_status.cancel_state in CANCELLED


def _show_parcel(made: Fulfillment, ordered: dict[str, int]) -> ShownParcel:
    units: dict[str, int] = {}
    for line in made.line_items or ():
        quantity = ordered.get(line.line_item_id, 0) if line.quantity is None else line.quantity
        units[line.line_item_id] = units.get(line.line_item_id, 0) + quantity
    numbers = [made.shipment_tracking_number] if made.shipment_tracking_number else []
    return ShownParcel(reference=made.fulfillment_id, numbers=numbers, lines=units)
