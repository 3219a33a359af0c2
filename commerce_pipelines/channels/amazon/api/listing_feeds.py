"""Feeds of listings (JSON_LISTINGS_FEED): the document, the feed, its state and its processing report.

What belongs here: every call about such a feed, for stock and content alike. What does not: what a message says and
what its outcome means (inventory/quantities.py, content/fed.py), feeds of XML (message_feeds.py). Sources:
feeds_2021-06-30.json, the schemas of the feed and its report (v2) in amzn/selling-partner-api-models.

**Whose feed.** Amazon shows no feed's document, and takes no key. A feed that is `marked` asks for its items' issues in
the report, and the report's header repeats that: so the feeds of content, which are marked, are told from those of
stock, which are not, and the report names their SKUs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ....core.errors import ProtocolError
from ....core.legible import decode_json
from ...http.session import Repeat
from .api import FEEDS_PATH, Api, decode
from .documents import contents, fetch, send
from .payloads import CreatedDocument, CreatedFeed, Document, Feed, Feeds, Issue

KIND = "JSON_LISTINGS_FEED"
MOST_MESSAGES = 25_000  # of one feed, Amazon's changelog of May 2025
MOST_BYTES = 10 << 20  # of one document, "Feeds API Best Practices"
CONTENT_TYPE = "application/json; charset=UTF-8"
AT_WORK = ("IN_QUEUE", "IN_PROGRESS")
MARK = {"includedData": ["issues"], "apiVersion": "2021-08-01"}


class _Payload(msgspec.Struct, rename="camel"):
    pass


class FeedIssue(Issue):
    """message_id: None where the whole feed is at fault. attribute_name: as purchasable_offer.our_price."""

    message_id: int | None = None
    attribute_name: str = ""

    @property
    def names(self) -> set[str]:
        """The attributes that it is about."""
        return {*self.attribute_names, *filter(None, (self.attribute_name.partition(".")[0],))}


class FeedSummary(_Payload):
    messages_accepted: int = 0


class FeedHeader(_Payload):
    report: dict[str, Any] | None = None


class FeedItem(_Payload):
    sku: str = ""


class FeedReport(_Payload):
    """The result of a feed: errors by message; accepted messages are only counted, and of a marked feed their items
    named."""

    header: FeedHeader = msgspec.field(default_factory=FeedHeader)
    issues: list[msgspec.Raw] = []  # each a FeedIssue, decoded by itself
    summary: FeedSummary = msgspec.field(default_factory=FeedSummary)
    items: list[FeedItem] = []

    @property
    def is_marked(self) -> bool:
        return self.header.report is not None

    def sort_faults(self) -> dict[int | None, list[FeedIssue]]:
        """What keeps messages from being accepted, by message; a warning does not."""
        faults: dict[int | None, list[FeedIssue]] = {}
        for issue in map(_read_issue, self.issues):
            if issue.severity == "ERROR":
                faults.setdefault(issue.message_id, []).append(issue)
        return faults


class _Named(msgspec.Struct):
    sku: str = ""


_ISSUE, _REPORT = msgspec.json.Decoder(FeedIssue), msgspec.json.Decoder(FeedReport)
_NAMED = msgspec.json.Decoder(_Named)


def build_document(seller_id: str, messages: Sequence[Mapping[str, Any]], *, marked: bool = False) -> dict[str, Any]:
    """messages: each with its id, SKU, product type and patches."""
    header: dict[str, Any] = {"sellerId": seller_id, "version": "2.0", "issueLocale": "en_US"}
    if marked:
        header["report"] = MARK
    return {"header": header, "messages": [{"operationType": "PATCH", **message} for message in messages]}


def submit_document(api: Api, body: bytes) -> str:
    """The id of a document that no feed names yet, so that it has no effect."""
    asked = {"contentType": CONTENT_TYPE}
    path = f"{FEEDS_PATH}/documents"
    answer = api.send("POST", "createFeedDocument", path, asked, repeat=Repeat.STATE, ok=(201,))
    document = decode(answer, CreatedDocument)
    send(api, "createFeedDocument", document.url, body, CONTENT_TYPE)
    return document.feed_document_id


def create_feed(api: Api, place: str, document_id: str) -> str:
    """The id of the new feed. Never repeated: Amazon would process two feeds with the same document. Raises
    UnknownOutcome where Amazon may have taken it."""
    asked = {"feedType": KIND, "marketplaceIds": [place], "inputFeedDocumentId": document_id}
    made = api.send("POST", "createFeed", f"{FEEDS_PATH}/feeds", asked, repeat=Repeat.NEVER, ok=(202,))
    return decode(made, CreatedFeed).feed_id


def list_feeds(api: Api, since: datetime, *, at_work: bool = False) -> list[Feed]:
    """The newest hundred feeds of listings, of stock and content. at_work: only those that are not done."""
    text = since.isoformat(timespec="seconds").replace("+00:00", "Z")
    query = {"feedTypes": KIND, "createdSince": text, "pageSize": "100"}
    if at_work:
        query["processingStatuses"] = ",".join(AT_WORK)
    return decode(api.call("getFeeds", f"{FEEDS_PATH}/feeds", query), Feeds).feeds


def read_feed(api: Api, feed_id: str) -> Feed:
    return decode(api.call("getFeed", f"{FEEDS_PATH}/feeds/{feed_id}"), Feed)


def read_report(api: Api, document_id: str) -> FeedReport:
    answer = api.call("getFeedDocument", f"{FEEDS_PATH}/documents/{document_id}")
    document = fetch(api, "getFeedDocument", decode(answer, Document))
    try:
        return decode_json(_REPORT, contents(document))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProtocolError("The processing report of a feed is not shaped as Amazon's schema says.") from None


def list_skus(report: FeedReport) -> set[str]:
    """The SKUs that a report names, those of accepted and of refused messages."""
    named = {item.sku for item in report.items}
    for raw in report.issues:
        try:
            named.add(decode_json(_NAMED, raw).sku)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return named - {""}


def _read_issue(raw: msgspec.Raw) -> FeedIssue:
    """An issue that cannot be read may belong to any message, so it counts as an issue of the whole feed."""
    try:
        return decode_json(_ISSUE, raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return FeedIssue(code="unreadable", message="Amazon's report on the feed holds an issue that cannot be read.")
