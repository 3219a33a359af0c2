"""Types of eBay's Trading and Inventory APIs: only the fields that content needs.

What belongs here: the vendor's shapes under the vendor's names. What does not: what they mean (texts.py, managed.py).
Sources: eBaySvc.xsd 1379, sell_inventory_v1_oas3.json. What the Inventory API manages is written back as a whole, so it
is kept as it came, as JSON objects.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..api import payloads
from ..api.trading_payloads import Amount, Error


class _Element(msgspec.Struct, gc=False):
    pass


class PictureDetails(_Element):
    PictureURL: list[str] = []


class Variation(_Element):
    SKU: str = ""
    StartPrice: Amount | None = None


class Variations(_Element):
    Variation: list[Variation] = []


class NameValue(_Element):
    """One of a listing's item specifics."""

    Name: str = ""
    Value: list[str] = []


class ItemSpecifics(_Element):
    NameValueList: list[NameValue] = []


class ShownItem(_Element):
    """A listing as buyers see it."""

    ItemID: str
    Title: str = ""
    Description: str = ""
    SKU: str = ""
    StartPrice: Amount | None = None
    ListingType: str = ""
    PictureDetails: PictureDetails | None = None
    ItemSpecifics: ItemSpecifics | None = None
    Variations: Variations | None = None

    @property
    def skus(self) -> tuple[str, ...]:
        variations = self.Variations.Variation if self.Variations else []
        return tuple(variation.SKU for variation in variations) or (self.SKU,)


class ShownItems(_Element):
    Item: list[dict[str, Any]] = []  # each a ShownItem, converted by itself


class PaginationResult(_Element):
    TotalNumberOfEntries: int = 0


class SellerList(_Element):
    """The answer to GetSellerList."""

    PaginationResult: PaginationResult = msgspec.field(default_factory=PaginationResult)
    ItemArray: ShownItems | None = None
    HasMoreItems: bool = False


class OneItem(_Element):
    """The answer to GetItem."""

    Ack: str = ""
    Errors: list[Error] = []
    Item: list[dict[str, Any]] = []


class Revised(_Element):
    Ack: str = ""
    Errors: list[Error] = []


class RevisedStatus(_Element):
    ItemID: str = ""
    SKU: str = ""


class StatusRevised(_Element):
    """The answer to ReviseInventoryStatus: it lists what was revised, also where the rest was refused."""

    Ack: str = ""
    Errors: list[Error] = []
    InventoryStatus: list[RevisedStatus] = []


class AspectsProduct(msgspec.Struct):
    aspects: dict[str, list[str]] | None = None


class AspectsItem(msgspec.Struct, rename="camel"):
    """An item, as far as its specifics go. The ids are those of its groups of variations."""

    sku: str = ""
    product: AspectsProduct | None = None
    group_ids: list[str] | None = None
    inventory_item_group_keys: list[str] | None = None


class ItemAnswer(msgspec.Struct, rename="camel"):
    status_code: int = 0
    sku: str = ""
    inventory_item: msgspec.Raw = msgspec.Raw(b"")


class ItemsAnswer(msgspec.Struct):
    """The answer to bulkGetInventoryItem."""

    responses: list[ItemAnswer] = []


class OfferAnswer(msgspec.Struct, rename="camel"):
    status_code: int = 0
    offer_id: str = ""
    errors: list[payloads.Error] = []


class BulkAnswer(msgspec.Struct):
    """The answer to bulkUpdatePriceQuantity."""

    responses: list[OfferAnswer] = []


class Uploaded(msgspec.Struct, rename="camel"):
    """The answer to createImageFromFile."""

    image_url: str


class Offers(msgspec.Struct):
    offers: list[dict[str, Any]] = []
