"""Types of the Listings Items and Reports APIs: only the fields that are used.

What belongs here: the vendor's shapes under the vendor's names. What does not: what they mean (listings.py). Sources:
listingsItems_2021-08-01.json, reports_2021-06-30.json.
"""

from __future__ import annotations

import msgspec


class _Payload(msgspec.Struct, rename="camel"):
    pass


class Summary(_Payload):
    marketplace_id: str
    product_type: str
    status: list[str]  # BUYABLE, DISCOVERABLE
    item_name: str = ""


class Availability(_Payload):
    fulfillment_channel_code: str  # DEFAULT, AMAZON_EU, AMAZON_NA …
    quantity: int | None = None


class ProductType(_Payload):
    marketplace_id: str
    product_type: str


class Item(_Payload):
    sku: str
    summaries: list[Summary] = []
    fulfillment_availability: list[Availability] = []
    product_types: list[ProductType] = []
