"""Types of the Listings Items, Reports and Feeds APIs: only the fields that are used.

What belongs here: the vendor's shapes under the vendor's names. What does not: what they mean (listings.py,
quantities.py). Sources: listingsItems_2021-08-01.json, reports_2021-06-30.json, feeds_2021-06-30.json and the schemas
of JSON_LISTINGS_FEED (v2) in amzn/selling-partner-api-models.
"""

from __future__ import annotations

import msgspec

from ..api.payloads import Issue


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


class FeedIssue(Issue):
    message_id: int | None = None  # absent where the whole feed is at fault


class FeedSummary(_Payload):
    messages_accepted: int = 0


class FeedReport(_Payload):
    """The result of a feed: errors by message; accepted messages are only counted."""

    issues: list[msgspec.Raw] = []  # each a FeedIssue, decoded by itself
    summary: FeedSummary = msgspec.field(default_factory=FeedSummary)
