"""Changes of very many listings by a feed: told together, looked after until its processing report says what became of
each.

What belongs here: the feed's messages, what its report means for a field, finding a feed again whose answer was lost.
What does not: calls about feeds (api/listing_feeds.py), one call for each listing (texts.py), patches (shown.py).

**Told once.** Which message of which feed a change is goes on record before Amazon is asked for the feed, so a run that
is killed, or whose answer is lost, leaves changes of which the next one knows that there may be a feed. It looks at the
feeds that were made then: only content's are marked, and their reports name SKUs. As long as such a feed is at work, or
may still come, its changes wait.

**No preview.** A feed has none: Amazon takes or refuses each message as a whole. What its issues name is refused, and
what else was in the message is told again without it.

**Broken off.** A feed that ends as a whole, `FATAL` or `CANCELLED`, is told once more. After two within a day each
listing is told by calls of its own, so that the one to blame waits with its reason and holds up no other.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ....core.errors import (
    CredentialError,
    PermanentError,
    ProtocolError,
    SettingsError,
    TransientError,
    UnknownOutcome,
)
from ....core.legible import one_word
from ....core.words import Words
from ....domain.content.fields import PRICE, base_of
from ....domain.content.listings import ContentOutcome, Note, SentChange
from ....domain.outbox.effects import LATE_ANSWER
from ...product_content import STOPS, build_outcome
from ..api.api import MEANINGS, Api
from ..api.listing_feeds import (
    AT_WORK,
    MOST_BYTES,
    MOST_MESSAGES,
    FeedIssue,
    FeedReport,
    build_document,
    create_feed,
    list_feeds,
    list_skus,
    read_feed,
    read_report,
    submit_document,
)
from ..api.payloads import Feed
from .shown import ATTRIBUTES, LOCATORS, PURCHASABLE_OFFER

CLOCK_SKEW = timedelta(minutes=5)  # by which this machine's clock and Amazon's may differ
BROKEN, MOST_BROKEN, BROKEN_FOR = ("FATAL", "CANCELLED"), 2, timedelta(days=1)
_UNNAMED = "?"  # begins the reference of a change whose feed's id is not known: since when there may be one


class Message(msgspec.Struct, frozen=True):
    """What one listing is told in one marketplace. placed: of each change, the attributes of its pictures by place."""

    sku: str
    product_type: str
    patches: list[dict[str, object]]
    changes: list[SentChange]
    placed: Mapping[str, Mapping[int, str]]


class Spot(msgspec.Struct, frozen=True):
    """Where a change is told. feed: the feed's id, or since when there may be one. number: of the message."""

    feed: str
    place: str
    number: int
    placed: dict[int, str]

    def write(self) -> str:
        pictures = ",".join(f"{place}={LOCATORS.index(name)}" for place, name in self.placed.items())
        return f"{self.feed} {self.place} {self.number} {pictures}"

    @property
    def since(self) -> datetime | None:
        return datetime.fromisoformat(self.feed[1:]) if self.feed.startswith(_UNNAMED) else None


def read_spot(reference: str) -> Spot | None:
    """None for what is no reference of a feed."""
    try:
        feed, place, number, pictures = reference.split(" ")
        pairs = [pair.split("=") for pair in pictures.split(",") if pair]
        spot = Spot(feed, place, int(number), {int(at): LOCATORS[int(index)] for at, index in pairs})
        return spot if spot.since or feed else None
    except (ValueError, IndexError):
        return None


class FedContent:
    """Feeds of one account."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def is_broken(self, place: str) -> bool:
        """Whether Amazon broke off so many feeds of the last day in this marketplace that one more would not be done
        either: something in it is to blame, and only a call for each listing tells what. Stock's feeds count, too."""
        try:
            feeds = list_feeds(self._api, self._api.now() - BROKEN_FOR)
        except (CredentialError, SettingsError):
            raise
        except (TransientError, PermanentError):
            return False  # nobody knows
        broken = [feed for feed in feeds if feed.processing_status in BROKEN and place in feed.marketplace_ids]
        return len(broken) >= MOST_BROKEN

    def tell(self, place: str, messages: Sequence[Message], note: Note) -> Iterator[ContentOutcome]:
        """The messages of one marketplace, in as few feeds as Amazon takes. note: puts references on record."""
        for group in _divide(messages):
            yield from self._submit(place, group, note)

    def _submit(self, place: str, group: Sequence[Message], note: Note) -> Iterator[ContentOutcome]:
        changes = [change for message in group for change in message.changes]

        def name(feed: str) -> dict[str, str]:
            return {
                change.key: Spot(feed, place, number, dict(message.placed.get(change.key, {}))).write()
                for number, message in enumerate(group, 1) for change in message.changes
            }  # fmt: skip

        try:
            rows = [_write_message(number, message) for number, message in enumerate(group, 1)]
            body = msgspec.json.encode(build_document(self._api.settings.seller_id, rows, marked=True))
            document_id = submit_document(self._api, body)
            references = name(f"{_UNNAMED}{self._api.now().isoformat(timespec='seconds')}")
            note(references)
            with contextlib.suppress(UnknownOutcome, ProtocolError):  # there may be one, which the next run looks for
                references = name(create_feed(self._api, place, document_id))
            yield from (_wait(change, references[change.key]) for change in changes)
        except STOPS:
            raise
        except (TransientError, PermanentError) as error:
            yield from (build_outcome(change, "unknown", "not_sent", str(error)) for change in changes)

    def look(self, changes: Sequence[SentChange]) -> Iterator[ContentOutcome]:
        """What became of changes that were told by feeds. What cannot be looked at now has no outcome."""
        by_feed: dict[tuple[str, str], list[tuple[SentChange, Spot]]] = defaultdict(list)
        for change in changes:
            if spot := read_spot(change.reference):
                by_feed[spot.feed, spot.place if spot.since else ""].append((change, spot))
        named = {feed for feed, _ in by_feed}
        for group in by_feed.values():
            since = group[0][1].since
            try:
                yield from self._look_for(group, since, named) if since else self._read_feed(group)
            except STOPS:
                raise
            except (ProtocolError, TransientError):
                continue

    def _read_feed(self, group: Sequence[tuple[SentChange, Spot]]) -> Iterator[ContentOutcome]:
        feed = read_feed(self._api, group[0][1].feed)
        if feed.processing_status in AT_WORK:
            yield from (_wait(change, change.reference) for change, _ in group)
        else:
            yield from self._judge_feed(group, feed)

    def _judge_feed(self, group: Sequence[tuple[SentChange, Spot]], feed: Feed) -> Iterator[ContentOutcome]:
        if feed.processing_status == "DONE" and feed.result_feed_document_id:
            yield from _judge(group, read_report(self._api, feed.result_feed_document_id))
            return
        sentence = f"Amazon broke off the feed {feed.feed_id}; what it has not done is told again."
        yield from (build_outcome(change, "unknown", feed.processing_status, sentence) for change, _ in group)

    def _look_for(
        self, group: Sequence[tuple[SentChange, Spot]], since: datetime, named: set[str]
    ) -> Iterator[ContentOutcome]:
        """Changes of which there may be a feed: each is in the one whose report names its SKU. named: feeds that are
        known to be others'."""
        left, at_work = list(group), False
        until = since + LATE_ANSWER + CLOCK_SKEW
        for feed in list_feeds(self._api, since - CLOCK_SKEW):
            if feed.created_time > until or feed.feed_id in named or group[0][1].place not in feed.marketplace_ids:
                continue
            if feed.processing_status in AT_WORK:
                at_work = True
            elif left and feed.processing_status == "DONE" and feed.result_feed_document_id:
                report = read_report(self._api, feed.result_feed_document_id)
                skus = list_skus(report) if report.is_marked else set()
                yield from _judge([pair for pair in left if pair[0].listing.key in skus], report)
                left = [pair for pair in left if pair[0].listing.key not in skus]
        if at_work or self._api.now() < until:
            yield from (_wait(change, change.reference) for change, _ in left)
        else:
            sentence = "Amazon shows no feed with this change; it is told again."
            yield from (build_outcome(change, "unknown", "not_sent", sentence) for change, _ in left)


def _write_message(number: int, message: Message) -> dict[str, Any]:
    return {
        "messageId": number, "sku": message.sku, "productType": message.product_type, "patches": message.patches,
    }  # fmt: skip


def _divide(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """As many messages together as a feed may have, by number and by size."""
    group, size = list[Message](), 1_000  # bytes of the header
    for message in messages:
        own = len(msgspec.json.encode(_write_message(MOST_MESSAGES, message))) + 40
        if group and (len(group) == MOST_MESSAGES or size + own > MOST_BYTES):
            yield group
            group, size = [], 1_000
        group.append(message)
        size += own
    if group:
        yield group


def _wait(change: SentChange, reference: str) -> ContentOutcome:
    return ContentOutcome(key=change.key, status="pending", reference=reference)


def _judge(group: Sequence[tuple[SentChange, Spot]], report: FeedReport) -> Iterator[ContentOutcome]:
    """What a report says of changes. Silence about a message counts as success only where Amazon's count agrees."""
    faults = report.sort_faults()
    by_message: dict[int, list[tuple[SentChange, Spot]]] = defaultdict(list)
    for change, spot in group:
        by_message[spot.number].append((change, spot))
    silent = [number for number in by_message if number not in faults]
    counted = report.summary.messages_accepted >= len(silent)
    for number, pairs in by_message.items():
        issues = faults.get(number) or ([] if counted else faults.get(None, []))
        if issues:
            yield from _refuse(pairs, issues)
        elif counted:
            for change, spot in pairs:
                yield ContentOutcome(key=change.key, status="accepted", pictures=spot.placed)
        else:
            sentence = "The feed's report does not say that this change was taken; it is told again."
            yield from (build_outcome(change, "unknown", "unconfirmed", sentence) for change, _ in pairs)


def _refuse(pairs: Sequence[tuple[SentChange, Spot]], issues: Sequence[FeedIssue]) -> Iterator[ContentOutcome]:
    """Of a message that was not taken: the changes that its issues name, all where they name none of them. The others
    are told again without those."""
    named = {name for issue in issues for name in issue.names}
    blamed = [change.key for change, spot in pairs if _list_names(change, spot) & named]
    for change, spot in pairs:
        if blamed and change.key not in blamed:
            sentence = "Amazon refused another field of this listing's message; this one is told again without it."
            yield build_outcome(change, "unknown", "with_another", sentence)
            continue
        own = [issue for issue in issues if issue.names & _list_names(change, spot)] or list(issues)
        code = one_word(own[0].code) or "INVALID"
        sentence = f"Amazon refuses the {change.field}: {MEANINGS.get(code, f'code {code}')}."
        words = Words("; ".join(issue.message for issue in own))
        yield build_outcome(change, "refused", code, sentence, words=words)


def _list_names(change: SentChange, spot: Spot) -> set[str]:
    """The attributes that a change is about."""
    if change.field == PRICE:
        return {PURCHASABLE_OFFER}
    return set(spot.placed.values()) or {ATTRIBUTES.get(base_of(change.field), "")}
