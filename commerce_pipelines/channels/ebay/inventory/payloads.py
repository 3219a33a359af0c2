"""Types of eBay's Inventory API v1: only the fields that are used.

What belongs here: the vendor's shapes under the vendor's names. What does not: what they mean (listings.py,
quantities.py). Source: sell_inventory_v1_oas3.json 1.18.4.
"""

from __future__ import annotations

import msgspec

from ..api.payloads import Error


class _Payload(msgspec.Struct, rename="camel", gc=False):
    pass


class ShipToLocation(_Payload):
    availability_distributions: list[msgspec.Raw] = []


class Availability(_Payload):
    ship_to_location_availability: ShipToLocation | None = None


class InventoryItem(_Payload):
    sku: str
    availability: Availability | None = None

    @property
    def is_divided(self) -> bool:
        """Whether its stock is stated per location; the total is then their sum."""
        stock = self.availability.ship_to_location_availability if self.availability else None
        return bool(stock and stock.availability_distributions)


class NamedItem(_Payload):
    """The part that is needed of an item whose stock cannot be read."""

    sku: str


class OfferListing(_Payload):
    listing_id: str = ""
    listing_status: str = ""


class Offer(_Payload):
    offer_id: str
    status: str = ""  # PUBLISHED, UNPUBLISHED
    listing: OfferListing | None = None


class Offers(_Payload):
    offers: list[Offer] = []


class Response(_Payload):
    """The result for one offer, or, without `offerId`, for the inventory item itself."""

    status_code: int = 0
    sku: str = ""
    offer_id: str = ""
    errors: list[Error] = []


class BulkResponse(_Payload):
    responses: list[Response] = []
