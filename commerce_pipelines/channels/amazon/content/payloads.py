"""Types of the Listings Items and Product Type Definitions APIs: only the fields that content needs.

What belongs here: the vendor's shapes under the vendor's names. What does not: what they mean (shown.py),
what stock needs of the same answers (api/payloads.py). Sources:
listingsItems_2021-08-01.json, definitionsProductTypes_2020-09-01.json, and JSON Schema with Amazon's vocabulary.
"""

from __future__ import annotations

import msgspec


class _Payload(msgspec.Struct, rename="camel"):
    pass


class Summary(_Payload):
    marketplace_id: str
    product_type: str = ""
    item_name: str = ""


class Item(_Payload):
    """attributes: by name, each a list of objects that attributes of one kind share (`Entry`)."""

    sku: str
    summaries: list[Summary] = []
    attributes: dict[str, msgspec.Raw] = {}


class Entry(msgspec.Struct):
    """One value of an attribute, for one marketplace and, of texts, one language."""

    value: str | None = None
    marketplace_id: str = ""
    language_tag: str = ""


class Located(msgspec.Struct):
    """One value of an attribute that names a picture."""

    media_location: str = ""
    marketplace_id: str = ""


class Scheduled(msgspec.Struct):
    value_with_tax: float | None = None


class OurPrice(msgspec.Struct):
    schedule: list[Scheduled] = []


class OfferEntry(msgspec.Struct):
    """One value of purchasable_offer. audience: ALL for everybody, others for businesses."""

    marketplace_id: str = ""
    currency: str = ""
    audience: str = "ALL"
    our_price: list[OurPrice] = []


class Link(_Payload):
    resource: str


class SchemaLink(_Payload):
    link: Link


class Definition(_Payload):
    schema: SchemaLink


class Value(msgspec.Struct):
    max_length: int | None = msgspec.field(default=None, name="maxLength")
    max_bytes: int | None = msgspec.field(default=None, name="maxUtf8ByteLength")


class Values(msgspec.Struct):
    value: Value = msgspec.field(default_factory=Value)


class Items(msgspec.Struct):
    properties: Values = msgspec.field(default_factory=Values)


class Property(msgspec.Struct):
    """most_entries: of entries with the same marketplace and language."""

    items: Items = msgspec.field(default_factory=Items)
    most_entries: int | None = msgspec.field(default=None, name="maxUniqueItems")


class Schema(msgspec.Struct):
    """Of a product type: what its attributes may hold. Each a Property, decoded by itself."""

    properties: dict[str, msgspec.Raw] = {}
