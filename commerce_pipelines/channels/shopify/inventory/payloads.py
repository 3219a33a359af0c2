"""Types of Shopify's stock: answers to the queries of variants, levels and quantities, and lines of a bulk file.

What belongs here: the vendor's shapes under the vendor's names, only the fields that are used. What does not: what they
mean (quantities.py), the queries (api/queries.py).
"""

from __future__ import annotations

import msgspec

from ..api.payloads import PageInfo


class Location(msgspec.Struct, frozen=True):
    id: str
    name: str
    isFulfillmentService: bool = False


class Locations(msgspec.Struct, frozen=True):
    nodes: list[Location]


class LocationsAnswer(msgspec.Struct, frozen=True):
    locations: Locations


class Quantity(msgspec.Struct, frozen=True):
    quantity: int


class Level(msgspec.Struct, frozen=True):
    location: Location
    quantities: list[Quantity]


class Levels(msgspec.Struct, frozen=True):
    nodes: list[Level]
    pageInfo: PageInfo


class Item(msgspec.Struct, frozen=True):
    id: str
    tracked: bool
    inventoryLevels: Levels
    sku: str | None = None


class Variant(msgspec.Struct, frozen=True):
    id: str
    displayName: str
    inventoryItem: Item


class Variants(msgspec.Struct, frozen=True):
    nodes: list[msgspec.Raw]  # each a Variant, decoded by itself
    pageInfo: PageInfo


class Count(msgspec.Struct, frozen=True):
    count: int


class VariantsAnswer(msgspec.Struct, frozen=True):
    productVariants: Variants
    productVariantsCount: Count | None = None


class BulkItem(msgspec.Struct, frozen=True):
    id: str
    tracked: bool
    sku: str | None = None


class BulkLine(msgspec.Struct, frozen=True):
    """A variant (with its item) or a level (with its parent)."""

    id: str
    displayName: str = ""
    inventoryItem: BulkItem | None = None
    location: Location | None = None
    quantities: list[Quantity] = []
    parent: str = msgspec.field(name="__parentId", default="")


class ItemLevels(msgspec.Struct, frozen=True):
    inventoryLevels: Levels


class LevelsAnswer(msgspec.Struct, frozen=True):
    inventoryItem: ItemLevels | None = None


class UserError(msgspec.Struct, frozen=True):
    message: str
    code: str | None = None
    field: list[str] | None = None


class SetPayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]


class SetAnswer(msgspec.Struct, frozen=True):
    inventorySetQuantities: SetPayload


class AnyAnswer(msgspec.Struct, frozen=True):
    """Data of which nothing is read."""
