"""Paying back on Amazon: one feed of order adjustments, looked after until its report says what became of it.

What belongs here: what is sent, what the answers mean. What does not: a feed's way (api/message_feeds.py), its messages
(adjustments.py), which refunds there are (domain/refunding/), refunds as they are reported (returns/).

**A second feed pays twice**, so no feed is ever sent again by itself. The feed's id is the reference of its refunds,
which are pending until its report is there. Where the answer that names the id was lost, the one feed of this kind that
is newer than the call is ours; without any, or with several, a person has to look, because Amazon shows no feed's
document.

**Late news.** Amazon reports a refund up to 48 hours late. Nothing is paid back before that is over (`late_by`): a
person may have refunded in Seller Central before crediting in Odoo. What it ships itself (FBA), it pays back itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from ....core.errors import (
    PermanentError,
    ProtocolError,
    RecordError,
    TransientError,
    UnknownOutcome,
)
from ....domain.outbox.effects import Outcome
from ....domain.refunding.buyer_refunds import SentRefund
from ....domain.returns.records import RefundState
from ...capabilities import BuyerRefunds
from ...outcomes import build_outcome
from ..api.api import Api
from ..api.message_feeds import ADJUSTMENTS, MessageFeeds, NotSent
from ..returns.refund_reading import AmazonRefunds, read_key
from .adjustments import build_feed, group_by_item

LOOK_BACK = timedelta(days=7)  # within which a refund without a feed's id is looked for
NOT_SENT = "not_sent"


class AmazonBuyerRefunds(BuyerRefunds):
    """Refunds of one account. refunds: what it reports, by order."""

    late_by = timedelta(hours=48)

    def __init__(self, api: Api, refunds: AmazonRefunds) -> None:
        self._api, self._refunds = api, refunds
        self._feeds = MessageFeeds(api, ADJUSTMENTS, "adjustment")

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
                follow = self._feeds.follow(feed_id, group, lambda sent: sent.key)
                yield from follow if feed_id else self._look_without_feed(group)
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
        try:
            feed_id = self._feeds.submit(place, build_feed(group, self._api.settings.seller_id))
        except NotSent as error:
            yield from [build_outcome(sent, "refused", NOT_SENT, error.cause) for sent in group]
        except UnknownOutcome as error:
            yield from [build_outcome(sent, "unknown", "no_answer", error) for sent in group]
        else:
            yield from [Outcome(key=sent.key, status="pending", reference=feed_id) for sent in group]

    def _look_without_feed(self, group: Sequence[SentRefund]) -> Iterator[Outcome]:
        """No feed of this kind at all means that nothing was sent."""
        if not self._feeds.list_since(self._api.now() - LOOK_BACK):
            yield from [Outcome(key=sent.key, status="absent") for sent in group]
            return
        message = "Amazon shows feeds of adjustments, and not which refunds are in them."
        yield from [build_outcome(sent, "unknown", "other_feed", message) for sent in group]
