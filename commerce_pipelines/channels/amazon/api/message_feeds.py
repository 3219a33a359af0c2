"""Feeds of XML messages: one document, one feed, followed by its id until its processing report; none is ever sent
again by itself.

What belongs here: every call about such a feed, its envelope and its report. What does not: what a message says
(refunding/adjustments.py, fulfilment/fed.py), the feed of listings, which is JSON and of manner `set`
(inventory/quantities.py). Sources: feeds_2021-06-30.json; amzn-envelope.xsd and ProcessingReport.xsd of Seller Central.

Amazon knows no key by which a second feed would be the first one, and shows no feed's document. Where the answer that
names a feed was lost, the one feed of this kind that was not there before is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from xml.etree import ElementTree as ET  # only builds; defusedxml reads

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ....core.errors import (
    CommerceError,
    CredentialError,
    PermanentError,
    ProtocolError,
    TransientError,
    UnknownOutcome,
)
from ....core.legible import one_word
from ....core.words import Words
from ....domain.outbox.effects import Outcome
from ...http.session import Repeat
from ...outcomes import Keyed, build_outcome
from .api import FEEDS_PATH, Api, decode
from .documents import contents, fetch, send
from .payloads import CreatedDocument, CreatedFeed, Document, Feed, Feeds

ADJUSTMENTS, FULFILMENTS = "POST_PAYMENT_ADJUSTMENT_DATA", "POST_ORDER_FULFILLMENT_DATA"  # kinds of feeds
CONTENT_TYPE = "text/xml; charset=UTF-8"
CLOCK_SKEW = timedelta(minutes=5)  # by which this machine's clock and Amazon's may differ
AT_WORK = ("IN_QUEUE", "IN_PROGRESS")
_NO_FEED = ""
_WHOLE_FEED = "0"  # the message id of an error that is about all of them

K = TypeVar("K", bound=Keyed)


class NotSent(Exception):
    """Something failed before there could be a feed. cause: what."""

    def __init__(self, cause: CommerceError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Result(msgspec.Struct, frozen=True):
    """An error of the processing report."""

    code: str
    text: str


class Report(msgspec.Struct, frozen=True):
    """processed, successful: how many messages. errors: by message."""

    processed: int
    successful: int
    errors: Mapping[str, Result]


class MessageFeeds:
    """Feeds of one kind of one account. what: what a message is, in sentences."""

    def __init__(self, api: Api, kind: str, what: str) -> None:
        self._api, self._kind, self._what = api, kind, what

    def submit(self, place: str, body: bytes) -> str:
        """The id of a new feed for one marketplace. Raises NotSent for what fails before, and UnknownOutcome where
        Amazon may have a feed that cannot be told from others."""
        began = self._api.now()
        try:
            document = self._submit_document(body)
            before = {feed.feed_id for feed in self.list_since(began - CLOCK_SKEW)}
        except (TransientError, PermanentError) as error:
            raise NotSent(error) from None
        asked = {"feedType": self._kind, "marketplaceIds": [place], "inputFeedDocumentId": document}
        try:
            made = self._api.send("POST", "createFeed", f"{FEEDS_PATH}/feeds", asked, repeat=Repeat.NEVER, ok=(202,))
            return decode(made, CreatedFeed).feed_id
        except (UnknownOutcome, ProtocolError) as error:
            if feed_id := self._find_new_feed(began, before):
                return feed_id
            raise UnknownOutcome(str(error), words=error.words) from None

    def follow(self, feed_id: str, group: Sequence[K], number: Callable[[K], str]) -> Iterator[Outcome]:
        """What became of each message of a feed. number: the id of its message."""
        state = decode(self._api.call("getFeed", f"{FEEDS_PATH}/feeds/{feed_id}"), Feed)
        if state.processing_status in AT_WORK:
            yield from [Outcome(key=sent.key, status="pending", reference=feed_id) for sent in group]
        elif state.processing_status == "CANCELLED":
            message = f"Amazon cancelled the feed {feed_id} before it began with it."
            yield from [build_outcome(sent, "refused", "CANCELLED", message) for sent in group]
        elif state.processing_status == "DONE" and state.result_feed_document_id:
            answer = self._api.call("getFeedDocument", f"{FEEDS_PATH}/documents/{state.result_feed_document_id}")
            report = read_report(contents(fetch(self._api, "getFeedDocument", decode(answer, Document))))
            yield from [self._judge(sent, number(sent), report, feed_id) for sent in group]
        else:
            message = f"Amazon broke off the feed {feed_id}: it may have carried out some of it."
            yield from [build_outcome(sent, "unknown", state.processing_status, message) for sent in group]

    def list_since(self, since: datetime) -> list[Feed]:
        """The feeds of this kind, at most a hundred."""
        text = since.isoformat(timespec="seconds").replace("+00:00", "Z")
        query = {"feedTypes": self._kind, "createdSince": text, "pageSize": "100"}
        return decode(self._api.call("getFeeds", f"{FEEDS_PATH}/feeds", query), Feeds).feeds

    def _submit_document(self, body: bytes) -> str:
        """The id of a document that no feed names yet, so that it has no effect."""
        answer = self._api.send(
            "POST", "createFeedDocument", f"{FEEDS_PATH}/documents", {"contentType": CONTENT_TYPE},
            repeat=Repeat.STATE, ok=(201,),
        )  # fmt: skip
        document = decode(answer, CreatedDocument)
        send(self._api, "createFeedDocument", document.url, body, CONTENT_TYPE)
        return document.feed_document_id

    def _find_new_feed(self, began: datetime, before: set[str]) -> str:
        """The one feed of this kind that was not there before a call, '' where there is none or several."""
        try:
            feeds = [feed for feed in self.list_since(began - CLOCK_SKEW) if feed.feed_id not in before]
        except (CredentialError, TransientError, ProtocolError):
            return _NO_FEED
        return feeds[0].feed_id if len(feeds) == 1 else _NO_FEED

    def _judge(self, sent: Keyed, number: str, report: Report, feed_id: str) -> Outcome:
        """What a feed's report says of one message. Silence counts as success only where Amazon's count agrees."""
        error = report.errors.get(number) or report.errors.get(_WHOLE_FEED)
        if error:
            message = f"Amazon refuses the {self._what} (code {error.code})."
            refusal = build_outcome(sent, "refused", error.code, message)
            return msgspec.structs.replace(refusal, words=Words(error.text)) if error.text else refusal
        if report.successful + len(report.errors) >= report.processed and report.successful > 0:
            return Outcome(key=sent.key, status="accepted", reference=feed_id)
        message = f"The report of the feed {feed_id} does not say that this {self._what} was made."
        return build_outcome(sent, "unknown", "unconfirmed", message)


def build_envelope(seller_id: str, kind: str, messages: Iterable[tuple[str, ET.Element]]) -> bytes:
    """A feed's document. kind: the messages' type. messages: each with its id."""
    envelope = ET.Element("AmazonEnvelope")
    header = ET.SubElement(envelope, "Header")
    add_text(header, "DocumentVersion", "1.01")
    add_text(header, "MerchantIdentifier", seller_id)
    add_text(envelope, "MessageType", kind)
    for number, content in messages:
        message = ET.SubElement(envelope, "Message")
        add_text(message, "MessageID", number)
        message.append(content)
    return ET.tostring(envelope, encoding="utf-8", xml_declaration=True)


def add_text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = text
    return element


def read_report(content: bytes) -> Report:
    """Raises ProtocolError for a document that is no processing report."""
    try:
        report = fromstring(content, forbid_dtd=True).find(".//ProcessingReport")
        if report is None:
            raise ValueError
        summary = {name: int(report.findtext(f"ProcessingSummary/{name}", "")) for name in (
            "MessagesProcessed", "MessagesSuccessful"
        )}  # fmt: skip
    except (ET.ParseError, DefusedXmlException, ValueError):
        raise ProtocolError("The processing report of a feed is not the XML that Amazon describes.") from None
    errors: dict[str, Result] = {}
    for result in report.iter("Result"):
        if result.findtext("ResultCode", "") == "Error":
            code = one_word(result.findtext("ResultMessageCode", "")) or "error"
            errors.setdefault(
                result.findtext("MessageID", "").strip(), Result(code, result.findtext("ResultDescription", ""))
            )
    return Report(processed=summary["MessagesProcessed"], successful=summary["MessagesSuccessful"], errors=errors)
