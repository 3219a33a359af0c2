"""Publishing quantities: single patches for few, a feed for many.

What belongs here: patch or feed, their bodies, what the answers mean for each SKU. What does not: which quantity is
right (domain/), reading listings (listings.py).

**Patch or feed.** A patch is answered at once, and five may be sent in a second. A feed takes minutes but carries
25,000 SKUs, and five may be sent in five minutes. Up to twenty changes are patched, more are sent as a feed.

**merge, not replace.** Replacing `fulfillment_availability` drops what the merchant has set beside the quantity:
handling time and restock date. Merging (in the API since June 2025) changes only the quantity of the channel DEFAULT.

**One marketplace.** Listings calls and their feed take one marketplace ("Expected a maximum of 1", whatever the list's
type allows). One is enough: Amazon keeps a merchant's quantity by seller and SKU, "marketplace agnostic"
(amzn/selling-partner-api-models #4726, #5049; amzn/selling-partner-api-docs #3167). So each SKU is sent once, to a
marketplace that lists it, and the marketplaces are chosen so that the fewest feeds are needed.

**Product type.** The listing's own where it is known; else PRODUCT, which has the attributes that all types share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from ....core.errors import (
    CommerceError,
    CredentialError,
    PermanentError,
    RateLimited,
    SettingsError,
    TransientError,
    UnknownOutcome,
)
from ....core.legible import one_word
from ....core.words import NO_WORDS, Words
from ....domain.inventory.listings import Push, PushOutcome
from ....domain.orders.order import FulfilledBy
from ...capabilities import Quantities
from ...http.call import MOST_CODES
from ...http.session import Repeat
from ...reach import Reach
from ..api.api import MEANINGS, Api, decode, errors, items_path
from ..api.listing_feeds import (
    AT_WORK,
    MOST_MESSAGES,
    FeedIssue,
    FeedReport,
    build_document,
    create_feed,
    list_feeds,
    read_feed,
    read_report,
    submit_document,
)
from ..api.payloads import Feed, Issue, Submission
from .listings import DEFAULT

MOST_PATCHES, MOST_FEED_MESSAGES = 20, MOST_MESSAGES
LOOK_PAUSE_SECONDS = (2.0, 5.0, 10.0, 20.0, 30.0)  # seconds between two looks at a feed; the last pause repeats
FEED_WAIT_SECONDS = 600.0
CLOCK_SKEW = timedelta(minutes=1)  # how far Amazon's clock and ours may differ


class AmazonQuantities(Quantities):
    """Quantities of one account. marketplaces: returns where the account sells, and is called when that is needed."""

    def __init__(self, api: Api, marketplaces: Callable[[], Sequence[str]]) -> None:
        self._api, self._marketplaces = api, marketplaces

    def push(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        """Raises SettingsError without a seller id."""
        if pushes:
            yield from push(self._api, pushes, self._marketplaces)


def push(api: Api, pushes: Sequence[Push], marketplaces: Callable[[], Sequence[str]]) -> Iterator[PushOutcome]:
    """One outcome for every push. marketplaces: returns those of the account, for listings that do not name theirs."""
    items_path(api)
    sendable = []
    for wanted in pushes:
        if refused := _refuse(wanted):
            yield refused
        else:
            sendable.append(wanted)
    for place, group in _group_by_marketplace(sendable, marketplaces):
        if len(group) <= MOST_PATCHES:
            yield from _patch_listings(api, group, place)
        else:
            for at in range(0, len(group), MOST_FEED_MESSAGES):
                yield from _submit_feed(api, group[at : at + MOST_FEED_MESSAGES], place)


def _group_by_marketplace(
    pushes: Sequence[Push], marketplaces: Callable[[], Sequence[str]]
) -> Iterator[tuple[str, list[Push]]]:
    """Each push once: first the marketplace that lists most of them, then the marketplace that lists most of the
    rest."""
    left = []
    for wanted in pushes:
        named = wanted.listing.reference.get("marketplaces", "")
        left.append((wanted, named.split(",") if named else marketplaces()))
    while left:
        ((place, _),) = Counter(place for _, places in left for place in places).most_common(1)
        yield place, [wanted for wanted, places in left if place in places]
        left = [(wanted, places) for wanted, places in left if place not in places]


def _refuse(push: Push) -> PushOutcome | None:
    """The refusal of a push that must never be sent, None for all others."""
    if push.listing.fulfilled_by is FulfilledBy.CHANNEL:
        return _build_outcome(push, "refused", "fulfilled_by_channel", "Amazon keeps the stock of this listing itself.")
    if push.quantity < 0:
        return _build_outcome(push, "refused", "bad_quantity", "A quantity below zero cannot be offered.")
    return None


def patch(push: Push) -> dict[str, Any]:
    """The body of patchListingsItem; a message of a feed has the same fields."""
    value = {"fulfillment_channel_code": DEFAULT, "quantity": push.quantity}
    return {
        "productType": push.listing.reference.get("product_type", "PRODUCT"),
        "patches": [{"op": "merge", "path": "/attributes/fulfillment_availability", "value": [value]}],
    }


def feed(pushes: Sequence[Push], seller_id: str) -> dict[str, Any]:
    """The document of a JSON_LISTINGS_FEED; messages are numbered from 1 in the order of the pushes."""
    messages = [{"messageId": number, "sku": push.listing.sku, **patch(push)} for number, push in enumerate(pushes, 1)]
    return build_document(seller_id, messages)


def _patch_listings(api: Api, pushes: Sequence[Push], place: str) -> Iterator[PushOutcome]:
    """One call for each push; what fails for one is that one's alone. Too many in a row that get no answer mean that
    Amazon cannot be reached, which is raised."""
    reach = Reach(lambda: api.call("searchListingsItems", items_path(api), {"marketplaceIds": place, "pageSize": "1"}))
    for wanted in pushes:
        try:
            yield _patch_listing(api, wanted, place)
            reach.note_answer()
        except (CredentialError, SettingsError, RateLimited):
            raise
        except TransientError as error:
            if reach.is_lost():
                raise
            yield _build_outcome(wanted, "failed", "unreachable", error)
        except PermanentError as error:
            reach.note_answer()
            yield _build_outcome(wanted, "failed", "unreadable", error)


def _patch_listing(api: Api, push: Push, place: str) -> PushOutcome:
    answer = api.send(
        "PATCH",
        "patchListingsItem",
        f"{items_path(api)}/{quote(push.listing.sku, safe='')}",
        patch(push),
        repeat=Repeat.STATE,
        params={"marketplaceIds": place, "issueLocale": "en_US"},
        ok=(200, 400, 404),
    )
    if answer.status == 200:
        submission = decode(answer, Submission)
        accepted = submission.status == "ACCEPTED"
        return _build_outcome(push, "accepted") if accepted else _refuse_for_issues(push, submission.issues)
    problems = errors(answer)
    return _refuse_for_issues(push, [Issue(code=error.code, message=error.message) for error in problems])


def _submit_feed(api: Api, pushes: Sequence[Push], place: str) -> Iterator[PushOutcome]:
    """One feed. If it fails before Amazon has accepted it, every push gets that failure as its outcome; afterwards the
    feed's report has the outcomes."""
    try:
        feed_ids = _create_feed(api, pushes, place)
    except CredentialError:
        raise
    except (TransientError, PermanentError) as error:
        yield from (_build_outcome(wanted, "failed", "feed_not_sent", error) for wanted in pushes)
        return
    try:
        for feed_id in feed_ids:
            state = _wait_for_feed(api, feed_id)
            report = (
                read_report(api, state.result_feed_document_id) if state and state.result_feed_document_id else None
            )
            if report is None or not report.is_marked:
                yield from _read(pushes, state, report, feed_id)
                return
        # Of the feeds that may have been taken for ours every one is of content.
        sentence = "Amazon shows no feed of quantities, only of content."
        yield from (_build_outcome(wanted, "failed", "feed_not_sent", sentence) for wanted in pushes)
    except CommerceError as error:
        # Amazon has the feed by now and will process it, whether or not we can read the result.
        yield from (_build_outcome(wanted, "pending", "unseen", error) for wanted in pushes)


def _create_feed(api: Api, pushes: Sequence[Push], place: str) -> list[str]:
    """The feed's id; those that it may have, the newest first, where the answer was lost."""
    document_id = submit_document(api, msgspec.json.encode(feed(pushes, api.settings.seller_id)))
    began = api.now()
    try:
        return [create_feed(api, place, document_id)]
    except UnknownOutcome as error:
        # No other process sends feeds of quantities meanwhile.
        taken = list_feeds(api, began - CLOCK_SKEW, at_work=True)
        if not taken:
            raise TransientError(f"{error} Amazon shows no such feed.", words=error.words) from None
        return [feed.feed_id for feed in sorted(taken, key=lambda feed: feed.created_time, reverse=True)]


def _wait_for_feed(api: Api, feed_id: str) -> Feed | None:
    """The feed once Amazon has processed it; None if that takes more than ten minutes."""
    started, pauses, pause = api.clock(), iter(LOOK_PAUSE_SECONDS), 0.0
    while True:
        pause = next(pauses, pause)
        api.sleep(pause)
        state = read_feed(api, feed_id)
        if state.processing_status not in AT_WORK:
            return state
        if api.clock() - started > FEED_WAIT_SECONDS:
            return None


def _read(pushes: Sequence[Push], state: Feed | None, report: FeedReport | None, feed_id: str) -> Iterator[PushOutcome]:
    """The outcome of each push by its message: an ERROR is a refusal. A message without an issue counts as accepted
    only if Amazon's own count agrees. state: None while Amazon is at work on the feed."""
    if state is None:
        sentence = f"Feed {feed_id} is still at work."
        yield from (_build_outcome(wanted, "pending", "in_progress", sentence) for wanted in pushes)
        return
    if report is None:
        sentence = f"Amazon gave up feed {feed_id}."
        yield from (_build_outcome(wanted, "failed", state.processing_status, sentence) for wanted in pushes)
        return
    faults = report.sort_faults()
    silent = [number for number in range(1, len(pushes) + 1) if number not in faults]
    counted = state.processing_status == "DONE" and report.summary.messages_accepted >= len(silent)
    for number, wanted in enumerate(pushes, 1):
        if number in faults:
            yield _refuse_for_issues(wanted, faults[number])
        elif counted:
            yield _build_outcome(wanted, "accepted")
        elif None in faults:
            yield _refuse_for_issues(wanted, faults[None])
        else:
            yield _build_outcome(
                wanted, "failed", "unconfirmed", f"Feed {feed_id} does not say that it took this message."
            )


def _refuse_for_issues(push: Push, issues: Sequence[Issue]) -> PushOutcome:
    errors = [issue for issue in issues if issue.severity == "ERROR"]
    first = errors[0] if errors else Issue(code="INVALID")
    code = one_word(first.code) or "INVALID"
    names = sorted(first.names) if isinstance(first, FeedIssue) else first.attribute_names
    named = ", ".join(filter(None, map(one_word, names[:MOST_CODES])))
    sentence = f"Amazon refuses it: {MEANINGS.get(code, f'code {code}')}{f' (attribute {named})' if named else ''}."
    words = Words("; ".join(issue.message for issue in errors))
    return msgspec.structs.replace(_build_outcome(push, "refused", code, sentence), words=words)


def _build_outcome(push: Push, status: Any, code: str = "", message: str | CommerceError = "") -> PushOutcome:
    words = message.words if isinstance(message, CommerceError) else NO_WORDS
    return PushOutcome(key=push.listing.key, status=status, code=code, message=str(message)[:300], words=words)
