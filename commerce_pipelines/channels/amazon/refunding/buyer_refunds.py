"""Paying back on Amazon: one feed of order adjustments, looked after until its report says what became of it.

What belongs here: the calls, what their answers mean. What does not: the documents (adjustments.py), which refunds
there are (domain/refunding/), refunds as they are reported (returns/).

**A second feed pays twice**, so no feed is ever sent again by itself. The feed's id is the reference of its refunds,
which are pending until its report is there. Where the answer that names the id was lost, the one feed of this kind that
is newer than the call is ours; without any, or with several, a person has to look, because Amazon shows no feed's
document.

**Late news.** Amazon reports a refund up to 48 hours late. Nothing is paid back before that is over (`late_by`): a
person may have refunded in Seller Central before crediting in Odoo. What it ships itself (FBA), it pays back itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from ....core.errors import (
    CredentialError,
    PermanentError,
    ProtocolError,
    RecordError,
    TransientError,
    UnknownOutcome,
)
from ....core.words import Words
from ....domain.outbox.effects import Outcome
from ....domain.refunding.buyer_refunds import SentRefund
from ....domain.returns.records import RefundState
from ...capabilities import BuyerRefunds
from ...http.session import Repeat
from ...outcomes import build_outcome
from ..api.api import FEEDS_PATH, Api, decode
from ..api.documents import contents, fetch, send
from ..api.payloads import CreatedDocument, CreatedFeed, Document, Feed, Feeds
from ..returns.refund_reading import AmazonRefunds, read_key
from .adjustments import CONTENT_TYPE, KIND, Report, build_feed, group_by_item, read_report

CLOCK_SKEW = timedelta(minutes=5)  # by which this machine's clock and Amazon's may differ
LOOK_BACK = timedelta(days=7)  # within which a refund without a feed's id is looked for
NO_FEED = ""
NOT_SENT = "not_sent"


class AmazonBuyerRefunds(BuyerRefunds):
    """Refunds of one account. refunds: what it reports, by order."""

    late_by = timedelta(hours=48)

    def __init__(self, api: Api, refunds: AmazonRefunds) -> None:
        self._api, self._refunds = api, refunds

    def send(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        """One feed for each marketplace. What fails before a feed is there is refused (`not_sent`), because for a feed
        of unknown fate a person is needed."""
        by_place: dict[str, list[SentRefund]] = {}
        for sent in refunds:
            try:
                refused = self._refuse(sent)
            except (TransientError, PermanentError) as error:
                refused = build_outcome(sent, "refused", NOT_SENT, error)
            if refused:
                yield refused
            else:
                by_place.setdefault(sent.refund.marketplace, []).append(sent)
        for place, group in by_place.items():
            yield from self._send_feed(place, group)

    def look(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        """One feed after the other, each with its report; then those of which no feed is known."""
        by_feed: dict[str, list[SentRefund]] = {}
        for sent in refunds:
            by_feed.setdefault(sent.reference, []).append(sent)
        for feed_id, group in by_feed.items():
            try:
                yield from self._look_at_feed(feed_id, group) if feed_id else self._look_without_feed(group)
            except (ProtocolError, TransientError) as error:
                # What was pending stays so until Amazon answers again.
                yield from [build_outcome(sent, "pending" if feed_id else "unknown", "unseen", error)
                            for sent in group]  # fmt: skip

    def _refuse(self, sent: SentRefund) -> Outcome | None:
        """The refusal of a refund that must not be sent, None for all others."""
        refund = sent.refund
        if refund.is_channels:
            message = "Amazon ships this order itself, and pays it back itself: ask for it in Seller Central."
            return build_outcome(sent, "refused", "fba_order", message)
        if refund.is_tax_on_top:
            message = "Its prices are without tax, which Amazon wants to be told apart: pay it back in Seller Central."
            return build_outcome(sent, "refused", "tax_on_top", message)
        if not group_by_item(sent):
            message = "Amazon pays back for items and deducts nothing beside: pay it back in Seller Central."
            return build_outcome(sent, "refused", "no_item", message)
        for raw in self._refunds.of_order(refund.order_id):
            try:
                reported = self._refunds.translate(raw)
            except RecordError:
                if read_key(raw) in sent.accounted:
                    continue
                return build_outcome(sent, "refused", "other_refund", "Amazon shows a refund that cannot be read.")
            if reported.state is not RefundState.FAILED and reported.refund_id not in sent.accounted:
                message = "Amazon shows a refund of this order that no credit note stands for yet."
                return build_outcome(sent, "refused", "other_refund", message)
        return None

    def _send_feed(self, place: str, group: Sequence[SentRefund]) -> Iterator[Outcome]:
        began = self._api.now()
        try:
            document = self._submit_document(build_feed(group, self._api.settings.seller_id))
            before = {feed.feed_id for feed in self._list_feeds(began - CLOCK_SKEW)}
        except (TransientError, PermanentError) as error:
            yield from [build_outcome(sent, "refused", NOT_SENT, error) for sent in group]
            return
        asked = {"feedType": KIND, "marketplaceIds": [place], "inputFeedDocumentId": document}
        try:
            made = self._api.send("POST", "createFeed", f"{FEEDS_PATH}/feeds", asked, repeat=Repeat.NEVER, ok=(202,))
            feed_id = decode(made, CreatedFeed).feed_id
        except (UnknownOutcome, ProtocolError) as error:
            feed_id = self._find_new_feed(began, before)
            if not feed_id:
                yield from [build_outcome(sent, "unknown", "no_answer", error) for sent in group]
                return
        yield from [Outcome(key=sent.key, status="pending", reference=feed_id) for sent in group]

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
            feeds = [feed for feed in self._list_feeds(began - CLOCK_SKEW) if feed.feed_id not in before]
        except (CredentialError, TransientError, ProtocolError):
            return NO_FEED
        return feeds[0].feed_id if len(feeds) == 1 else NO_FEED

    def _list_feeds(self, since: datetime) -> list[Feed]:
        text = since.isoformat(timespec="seconds").replace("+00:00", "Z")
        query = {"feedTypes": KIND, "createdSince": text, "pageSize": "100"}
        return decode(self._api.call("getFeeds", f"{FEEDS_PATH}/feeds", query), Feeds).feeds

    def _look_without_feed(self, group: Sequence[SentRefund]) -> Iterator[Outcome]:
        """No feed of this kind at all means that nothing was sent."""
        if not self._list_feeds(self._api.now() - LOOK_BACK):
            yield from [Outcome(key=sent.key, status="absent") for sent in group]
            return
        message = "Amazon shows feeds of adjustments, and not which refunds are in them."
        yield from [build_outcome(sent, "unknown", "other_feed", message) for sent in group]

    def _look_at_feed(self, feed_id: str, group: Sequence[SentRefund]) -> Iterator[Outcome]:
        state = decode(self._api.call("getFeed", f"{FEEDS_PATH}/feeds/{feed_id}"), Feed)
        if state.processing_status in ("IN_QUEUE", "IN_PROGRESS"):
            yield from [Outcome(key=sent.key, status="pending", reference=feed_id) for sent in group]
        elif state.processing_status == "CANCELLED":
            message = f"Amazon cancelled the feed {feed_id} before it began with it."
            yield from [build_outcome(sent, "refused", "CANCELLED", message) for sent in group]
        elif state.processing_status == "DONE" and state.result_feed_document_id:
            answer = self._api.call("getFeedDocument", f"{FEEDS_PATH}/documents/{state.result_feed_document_id}")
            document = fetch(self._api, "getFeedDocument", decode(answer, Document))
            yield from [judge(sent, read_report(contents(document)), feed_id) for sent in group]
        else:
            message = f"Amazon broke off the feed {feed_id}: some of its refunds may have been made."
            yield from [build_outcome(sent, "unknown", state.processing_status, message) for sent in group]


def judge(sent: SentRefund, report: Report, feed_id: str) -> Outcome:
    """What a feed's report says of one refund. Silence counts as success only where Amazon's count agrees."""
    error = report.errors.get(sent.key) or report.errors.get("0")
    if error:
        message = f"Amazon refuses the adjustment (code {error.code})."
        refusal = build_outcome(sent, "refused", error.code, message)
        return refusal if not error.text else _add_words(refusal, error.text)
    if report.successful + len(report.errors) >= report.processed and report.successful > 0:
        return Outcome(key=sent.key, status="accepted", reference=feed_id)
    message = f"The report of the feed {feed_id} does not say that this adjustment was made."
    return build_outcome(sent, "unknown", "unconfirmed", message)


def _add_words(outcome: Outcome, text: str) -> Outcome:
    return Outcome(key=outcome.key, status=outcome.status, code=outcome.code, message=outcome.message,
                   words=Words(text))  # fmt: skip
