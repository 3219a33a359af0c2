"""Types of eBay's shipping fulfilments (Fulfillment API v1), and of an order's lines beside them: only the used fields.

What belongs here: the vendor's shapes under the vendor's names. What does not: what they mean (shipments.py). Source:
sell_fulfillment_v1_oas3.json 1.20.7, in which every field is optional.
"""

from __future__ import annotations

import msgspec


class _Payload(msgspec.Struct, rename="camel", gc=False):
    pass


class LineReference(_Payload):
    """quantity: all units of the line where it is missing."""

    line_item_id: str = ""
    quantity: int | None = None


class Details(_Payload, omit_defaults=True):
    """A fulfilment to be made. Carrier and tracking number come together or not at all."""

    line_items: list[LineReference]
    shipped_date: str
    shipping_carrier_code: str = ""
    tracking_number: str = ""


class Fulfillment(_Payload):
    """fulfillment_id: the tracking number, else any number, as 999."""

    fulfillment_id: str = ""
    shipment_tracking_number: str | None = None
    line_items: list[LineReference] | None = None


class Fulfillments(_Payload):
    fulfillments: list[Fulfillment] | None = None


class Line(_Payload):
    line_item_id: str
    quantity: int
    legacy_item_id: str = ""
    line_item_fulfillment_status: str = ""  # NOT_STARTED, IN_PROGRESS, FULFILLED


class CancelStatus(_Payload):
    cancel_state: str = ""


class Order(_Payload):
    line_items: list[Line]
    cancel_status: CancelStatus | None = None
