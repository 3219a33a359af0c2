"""Types that several topics share: tokens, errors, pages, marketplaces, searches and changes of listings, reports,
feeds and documents; only the used fields.

What belongs here: the vendor's shapes under the vendor's names. What does not: orders (orders/payloads.py), listings
(inventory/payloads.py, content/payloads.py). Source: amzn/selling-partner-api-models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Processing = Literal["IN_QUEUE", "IN_PROGRESS", "DONE", "CANCELLED", "FATAL"]


class _Payload(msgspec.Struct, rename="camel", gc=False):
    pass


class Pagination(_Payload):
    next_token: str | None = None


class Error(_Payload):
    code: str
    message: str = ""
    details: str | None = None


class ErrorList(_Payload):
    errors: list[Error]


class ItemSearchResults(_Payload):
    number_of_results: int
    items: list[msgspec.Raw]  # each decoded by itself
    pagination: Pagination | None = None


class Issue(_Payload):
    code: str = ""
    message: str = ""
    severity: str = "ERROR"  # ERROR, WARNING, INFO
    attribute_names: list[str] = []


class Submission(_Payload):
    status: Literal["ACCEPTED", "INVALID", "VALID"]
    issues: list[Issue] = []


class AccessToken(msgspec.Struct):
    """Login with Amazon's answer; `expires_in` in seconds (3600)."""

    access_token: str
    expires_in: float


class TokenError(msgspec.Struct):
    error: str


class Marketplace(_Payload):
    id: str
    name: str = ""


class Participation(_Payload):
    is_participating: bool = True


class MarketplaceParticipation(_Payload):
    marketplace: Marketplace
    participation: Participation | None = None
    store_name: str = ""


class MarketplaceParticipations(_Payload):
    payload: list[MarketplaceParticipation] = []


class Report(_Payload):
    report_id: str
    processing_status: Processing
    created_time: datetime
    marketplace_ids: list[str] = []
    report_document_id: str = ""
    data_start_time: datetime | None = None
    data_end_time: datetime | None = None


class Reports(_Payload):
    reports: list[Report]


class CreatedReport(_Payload):
    report_id: str


class CreatedDocument(_Payload):
    feed_document_id: str
    url: str


class CreatedFeed(_Payload):
    feed_id: str


class Feed(_Payload):
    feed_id: str
    processing_status: Processing
    created_time: datetime
    result_feed_document_id: str = ""
    marketplace_ids: list[str] = []


class Feeds(_Payload):
    feeds: list[Feed]


class Document(_Payload):
    """The document of a report or a feed. Its URL is valid for five minutes."""

    url: str
    compression_algorithm: Literal["GZIP"] | None = None
