"""Feeds v2021-06-30 of the stand-in: JSON_LISTINGS_FEED, order adjustments and fulfilments.

What belongs here: a feed's way from upload to processing report. What does not: what a message does to a listing
(listings.py), what a message of XML does (adjusting.py, fulfilling.py), serving documents (documents.py). Sources:
feeds_2021-06-30.json, the schemas of the feed and its report.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..server import Call, Reply
from .adjusting import ADJUSTMENTS, Adjusting
from .answers import Refused, instant, invalid, one_marketplace, written
from .documents import Documents
from .fulfilling import FULFILMENTS, Fulfilling
from .listings import Listings

KIND = "JSON_LISTINGS_FEED"
KINDS = (KIND, ADJUSTMENTS, FULFILMENTS)
MOST, MOST_BYTES = 25_000, 10 << 20  # of one feed: messages, and bytes of its document


@dataclass
class Feed:
    id: str
    marketplaces: list[str]
    document: str
    created: datetime
    ready: datetime
    kind: str = KIND
    status: str = "IN_QUEUE"
    result: str = ""


class Feeds:
    """takes: how long a feed is processed. fate: how the next feeds end, in turn (DONE when the list is empty). unsaid:
    message ids that the processing report neither counts nor names."""

    def __init__(self, listings: Listings, documents: Documents, adjusting: Adjusting, fulfilling: Fulfilling) -> None:
        self._listings, self._documents = listings, documents
        self._workers = {ADJUSTMENTS: adjusting.work, FULFILMENTS: fulfilling.work}
        self.feeds: dict[str, Feed] = {}
        self._numbers = itertools.count(70001)
        self.takes = timedelta(seconds=20)
        self.fate: list[str] = []
        self.unsaid: set[int] = set()

    def new_document(self, call: Call, now: datetime) -> Reply:
        kind = call.json().get("contentType")
        if not kind:
            raise invalid("Invalid input")
        name = self._documents.new(content_type=kind)
        return Reply(201, {"feedDocumentId": name, "url": self._documents.url(name, now)})

    def create(self, call: Call, now: datetime) -> Reply:
        body = call.json()
        document = self._documents.documents.get(body.get("inputFeedDocumentId", ""))
        if body.get("feedType") not in KINDS or not body.get("marketplaceIds") or not document or not document.body:
            raise invalid("Invalid input")
        one_marketplace(body["marketplaceIds"])
        number = f"{next(self._numbers)}020456"
        self.feeds[number] = Feed(
            number, body["marketplaceIds"], body["inputFeedDocumentId"], now, now + self.takes, body["feedType"]
        )
        return Reply(202, {"feedId": number})

    def get(self, call: Call, now: datetime, feed_id: str) -> dict[str, Any]:
        if feed_id not in self.feeds:
            raise Refused(404, "NotFound", f"No feed with the id {feed_id} is found.")
        self._work_off(now)
        return _show(self.feeds[feed_id])

    def list(self, call: Call, now: datetime) -> dict[str, Any]:
        if call.parameter("feedTypes") not in KINDS:
            raise invalid("Invalid input")
        self._work_off(now)
        since = instant(call.parameter("createdSince"), "createdSince")
        wanted = [status for status in call.parameter("processingStatuses").split(",") if status]
        listed = [
            feed for feed in self.feeds.values()
            if feed.kind == call.parameter("feedTypes") and feed.created >= since
            and (not wanted or feed.status in wanted)
        ]  # fmt: skip
        return {"feeds": [_show(feed) for feed in reversed(listed)][: int(call.parameter("pageSize", "10"))]}

    def document(self, call: Call, now: datetime, document_id: str) -> dict[str, Any]:
        if document_id not in self._documents.documents:
            raise Refused(404, "NotFound", f"No document with the id {document_id} is found.")
        return {
            "feedDocumentId": document_id,
            "url": self._documents.url(document_id, now),
            "compressionAlgorithm": "GZIP",
        }

    def _work_off(self, now: datetime) -> None:
        for feed in self.feeds.values():  # in the order they came
            if feed.status == "IN_QUEUE" and now >= feed.ready:
                self._work(feed, now)

    def _work(self, feed: Feed, now: datetime) -> None:
        feed.status = self.fate.pop(0) if self.fate else "DONE"
        if feed.status != "DONE":
            return
        if work := self._workers.get(feed.kind):
            answer = work(self._documents.documents[feed.document].body, now)
            feed.result = self._documents.new(answer, "text/xml; charset=UTF-8", deflate=True)
            return
        sent = json.loads(self._documents.documents[feed.document].body)
        issues: list[dict[str, Any]] = []
        accepted = 0
        if len(sent["messages"]) > MOST or len(self._documents.documents[feed.document].body) > MOST_BYTES:
            feed.status = "FATAL"
            return
        items: list[dict[str, Any]] = []
        for message in sent["messages"]:
            number = message["messageId"]
            if number in self.unsaid:
                continue
            problems = self._listings.change(
                message["sku"], feed.marketplaces[0], message.get("productType"), message["patches"], now
            )
            issues += [_report(number, message["sku"], issue) for issue in problems]
            accepted += not problems
            items += [] if problems else [{"sku": message["sku"], "issues": []}]
        count = len(sent["messages"]) - len(self.unsaid)
        wanted = {"report": sent["header"]["report"]} if "report" in sent["header"] else {}
        report = {
            "header": {"sellerId": sent["header"]["sellerId"], "version": "2.0", "feedId": feed.id, **wanted},
            "issues": issues,
            "summary": {
                "errors": len(issues),
                "warnings": 0,
                "messagesProcessed": count,
                "messagesAccepted": accepted,
                "messagesInvalid": count - accepted,
            },
        }
        if wanted:  # what was asked for of each item that a message changed
            report["items"] = items
        feed.result = self._documents.new(json.dumps(report).encode(), "application/json; charset=UTF-8", deflate=True)


def _report(number: int, sku: str, issue: dict[str, Any]) -> dict[str, Any]:
    """An issue as a report has it: of its attributes the first alone."""
    names = issue.get("attributeNames", [])
    kept = {name: value for name, value in issue.items() if name not in ("categories", "attributeNames")}
    return {"messageId": number, "sku": sku, **kept, **({"attributeName": names[0]} if names else {})}


def _show(feed: Feed) -> dict[str, Any]:
    shown = {
        "feedId": feed.id,
        "feedType": feed.kind,
        "marketplaceIds": feed.marketplaces,
        "createdTime": written(feed.created),
        "processingStatus": feed.status,
    }
    return shown | ({"resultFeedDocumentId": feed.result} if feed.result else {})
