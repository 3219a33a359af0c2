"""Types of Shopify's fulfilments: answers to the queries of parcels, and to the mutations that make and change them.

What belongs here: the vendor's shapes under the vendor's names, only the fields that are used. What does not: what they
mean (shipments.py, parcels.py), the queries (api/queries.py).
"""

from __future__ import annotations

import msgspec

from ....core.legible import decode_json


class Named(msgspec.Struct, frozen=True):
    """Anything of which only the id is read."""

    id: str


class Page(msgspec.Struct, frozen=True):
    hasNextPage: bool


class FulfillmentLineItem(msgspec.Struct, frozen=True):
    lineItem: Named
    quantity: int | None = None


class FulfillmentLineItems(msgspec.Struct, frozen=True):
    nodes: list[FulfillmentLineItem]
    pageInfo: Page


class TrackingInfo(msgspec.Struct, frozen=True):
    number: str | None = None


class Fulfillment(msgspec.Struct, frozen=True):
    id: str
    status: str  # SUCCESS, CANCELLED, ERROR, FAILURE; OPEN, PENDING of third-party services
    trackingInfo: list[TrackingInfo]
    fulfillmentLineItems: FulfillmentLineItems


class FulfillmentOrderLineItem(msgspec.Struct):
    """id: what a fulfilment is made of; lineItem: the order's line. Not frozen: units that are sent are taken off."""

    id: str
    remainingQuantity: int
    lineItem: Named


class FulfillmentOrderLineItems(msgspec.Struct, frozen=True):
    nodes: list[FulfillmentOrderLineItem]
    pageInfo: Page


class SupportedAction(msgspec.Struct, frozen=True):
    action: str


class AssignedLocation(msgspec.Struct, frozen=True):
    location: Named | None = None


class FulfillmentOrder(msgspec.Struct, frozen=True):
    id: str
    status: str  # OPEN, IN_PROGRESS, ON_HOLD, SCHEDULED, INCOMPLETE, CANCELLED, CLOSED
    assignedLocation: AssignedLocation
    supportedActions: list[SupportedAction]
    lineItems: FulfillmentOrderLineItems


class FulfillmentOrders(msgspec.Struct, frozen=True):
    nodes: list[FulfillmentOrder]
    pageInfo: Page


class Order(msgspec.Struct, frozen=True):
    """fulfillments: empty where only what is open was asked for."""

    id: str
    fulfillmentOrders: FulfillmentOrders
    fulfillments: list[Fulfillment] = []


class ParcelsAnswer(msgspec.Struct, frozen=True):
    nodes: list[msgspec.Raw]  # each an Order or null, decoded by itself


class UserError(msgspec.Struct, frozen=True):
    """Without a code: fulfilments have the plain type."""

    message: str
    field: list[str] | None = None


class Result(msgspec.Struct, frozen=True):
    userErrors: list[UserError]
    fulfillment: Named | None = None


class FulfilAnswer(msgspec.Struct, frozen=True):
    fulfillmentCreate: Result


class TrackingAnswer(msgspec.Struct, frozen=True):
    fulfillmentTrackingInfoUpdate: Result


_ORDER = msgspec.json.Decoder(Order)


def read_order(raw: msgspec.Raw) -> Order | None:
    """The order, None where the answer is not shaped as the schema says."""
    try:
        return decode_json(_ORDER, raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
