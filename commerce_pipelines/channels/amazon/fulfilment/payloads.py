"""Types of confirmShipment (Orders API v0) and of the order's parcels (Orders API v2026-01-01): only the used fields.

What belongs here: the vendor's shapes under the vendor's names. What does not: what they mean (shipments.py). Source:
ordersV0.json and orders_2026-01-01.json in the vendor's repository amzn/selling-partner-api-models. v0 keeps
confirmShipment after its reading operations end in March 2027; the newer version only reads.
"""

from __future__ import annotations

import msgspec


class _Payload(msgspec.Struct, rename="camel", gc=False):
    pass


class ConfirmedItem(_Payload):
    order_item_id: str
    quantity: int


class PackageDetail(_Payload, omit_defaults=True):
    """package_reference_id: a positive number, written as a string; as a JSON number it is refused."""

    package_reference_id: str
    carrier_code: str
    tracking_number: str
    ship_date: str
    order_items: list[ConfirmedItem]
    carrier_name: str = ""  # for the carrier code Other


class Confirmation(_Payload):
    marketplace_id: str
    package_detail: PackageDetail


class PackageItem(_Payload):
    order_item_id: str
    quantity: int


class PackageStatus(_Payload):
    status: str = ""


class Package(_Payload):
    package_reference_id: str
    tracking_number: str | None = None
    package_status: PackageStatus | None = None
    package_items: list[PackageItem] | None = None


class ItemFulfillment(_Payload):
    quantity_fulfilled: int | None = None
    quantity_unfulfilled: int | None = None


class Item(_Payload):
    order_item_id: str
    quantity_ordered: int = 0
    fulfillment: ItemFulfillment | None = None


class Fulfillment(_Payload):
    fulfillment_status: str
    fulfilled_by: str | None = None


class Order(_Payload):
    order_id: str
    order_items: list[Item]
    fulfillment: Fulfillment | None = None
    packages: list[Package] | None = None


class GetOrderResponse(_Payload):
    order: Order
