"""Titles and descriptions of eBay's listings: reading them, and changing one of both.

What belongs here: lists of listings, reading again before a change, revisions, what an error means for a field. What
does not: which text is right (domain/content/), items and offers of the Inventory API (managed.py).

**Which API.** Reading is the same for all listings: GetSellerList shows what buyers see, 200 a call. A listing that the
Inventory API made can be changed by it alone, any other by ReviseFixedPriceItem alone, which changes the given fields
and leaves all others. Nothing is ever migrated from one to the other.

**Revisions** of a listing are counted together with those of its stock, which goes first (api/revisions.py).

Only fixed-price listings are read: of an auction with bids nothing may change. Pictures are the channel's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ....core.errors import CredentialError, PermanentError, ProtocolError, RateLimited, TransientError
from ....core.legible import one_word
from ....core.words import Words
from ....domain.content.fields import DESCRIPTION, TITLE, Limit
from ....domain.content.listings import (
    ContentOutcome,
    OpenPicture,
    SentChange,
    ShownListing,
    is_as_planned,
    show_field,
)
from ....domain.content.markup import PLAIN_TAGS
from ...http.session import Repeat, Response
from ...http.throttle import BucketStore, Priority
from ...product_content import Content, build_outcome
from ..api import payloads
from ..api import trading_payloads as trading
from ..api.account import MEANINGS, RESTARTS, Account, is_passing
from ..api.revisions import may_revise
from . import managed as inventory
from .payloads import OneItem, Revised, SellerList, ShownItem

PAGE_SIZE = 200
# A fixed-price listing is renewed every month, so each of them ends, as eBay says it, within that time.
ENDS_WITHIN = timedelta(days=60)
LIMITS: Mapping[str, Limit] = {  # eBaySvc.xsd: Title, Description
    TITLE: Limit(most=80),
    DESCRIPTION: Limit(most=500_000, tags=PLAIN_TAGS),
}
ENDED = frozenset(("17", "291", "21916750"))


class EbayContent(Content):
    """Texts of one account. buckets: where revisions are counted, shared by all processes."""

    writes_stock = True
    settles_after = timedelta(minutes=15)

    def __init__(self, account: Account, buckets: BucketStore, now: Callable[[], datetime]) -> None:
        self._account, self._buckets, self._now = account, buckets, now

    def limits(self, listing: ShownListing) -> Mapping[str, Limit]:
        return LIMITS

    def read(self) -> Iterator[tuple[ShownListing, ...]]:
        """Raises TransientError where eBay counts more listings than it shows."""
        number, count, seen, restarts, total = 1, 0, set[str](), 0, -1
        until = self._now()
        while True:
            page = self._read_page(number, until)
            rows = page.ItemArray.Item if page.ItemArray else []
            counted = page.PaginationResult.TotalNumberOfEntries
            if total not in (-1, counted):
                restarts += 1
                if restarts > RESTARTS:
                    raise TransientError("eBay's listings come and go faster than they can be read; try again later.")
                number, count, total = 1, 0, -1
                continue
            total, count = counted, count + len(rows)
            new = [item for item in map(_convert, rows) if item is not None and item.ItemID not in seen]
            seen.update(item.ItemID for item in new)
            yield tuple(_build_listing(item) for item in new if item.ListingType in ("", "FixedPriceItem"))
            if not page.HasMoreItems or not rows:
                break
            number += 1
        if count < total:
            raise TransientError(f"eBay counts {total} listings and showed {count}; they are read again later.")

    def reread(self, listings: Sequence[ShownListing]) -> Iterator[ShownListing]:
        for listing in listings:
            try:
                root = self._account.trading(
                    "GetItem", {"DetailLevel": "ItemReturnDescription", "ItemID": listing.key}, repeat=Repeat.STATE
                )
            except (CredentialError, ProtocolError):
                raise
            except PermanentError:  # it has ended, or is not ours
                continue
            for item in map(_convert, trading.read_answer(root, OneItem, "GetItem").Item):
                if item is not None:
                    yield _build_listing(item)

    def send(self, changes: Sequence[SentChange], open_picture: OpenPicture) -> Iterator[ContentOutcome]:
        by_item: dict[str, list[SentChange]] = defaultdict(list)
        for change in changes:
            by_item[change.listing.key].append(change)
        for some in by_item.values():
            now = next(iter(self.reread([some[0].listing])), None)
            yield from self._change_listing(some, now)

    def _change_listing(self, changes: Sequence[SentChange], now: ShownListing | None) -> Iterator[ContentOutcome]:
        due = []
        for change in changes:
            if now is None:
                yield build_outcome(change, "refused", "gone", "eBay does not show this listing any more.")
            elif show_field(now, change.field) == change.after:
                yield ContentOutcome(key=change.key, status="accepted", shown=change.after)
            elif not is_as_planned(change, now):
                yield build_outcome(
                    change, "stale", "moved", "The listing was changed on eBay since it was read.",
                    shown=show_field(now, change.field),
                )  # fmt: skip
            else:
                due.append(change)
        if not due or now is None:
            return
        try:
            yield from self._revise(due, now)
        except (CredentialError, RateLimited):
            raise
        except (TransientError, PermanentError) as error:
            status = "refused" if type(error) is PermanentError else "unknown"
            yield from (build_outcome(change, status, "failed", str(error), words=error.words) for change in due)

    def _revise(self, changes: Sequence[SentChange], now: ShownListing) -> Iterator[ContentOutcome]:
        managed = inventory.find_managed(self._account, now.skus[0], now.key)
        if managed is not None and (managed.is_grouped or len(now.skus) > 1):
            for change in changes:
                sentence = "The title and description of this listing belong to its group of variations; change them "
                yield build_outcome(change, "refused", "group", f"{sentence}where the group was made.")
            return
        calls = len(changes) if managed else 1
        if not may_revise(self._buckets, self._account.settings.name, now.key, Priority.CONTENT, calls):
            for change in changes:
                sentence = "The listing was revised so often today that the rest is kept for its stock."
                yield build_outcome(change, "unknown", "revision_limit", sentence)
            return
        if managed is None:
            yield from self._revise_classic(changes)
            return
        for number, change in enumerate(changes):
            if number:  # the offer as it is after the item was written
                managed = inventory.find_managed(self._account, now.skus[0], now.key)
            if managed is None:
                yield build_outcome(change, "unknown", "gone", "eBay does not show the offer of this listing now.")
                continue
            change_text = inventory.change_title if change.field == TITLE else inventory.change_description
            yield self._judge(change, change_text(self._account, managed, change.after, change.targets))

    def _revise_classic(self, changes: Sequence[SentChange]) -> Iterator[ContentOutcome]:
        """One call for all of them, and one for each where eBay refuses that: its errors name no field."""
        texts = {change.field: change.after for change in changes}
        item = {
            "Description": texts.get(DESCRIPTION), "DescriptionReviseMode": "Replace" if DESCRIPTION in texts else None,
            "ItemID": changes[0].listing.key, "Title": texts.get(TITLE),
        }  # fmt: skip
        root = self._account.trading("ReviseFixedPriceItem", {"Item": item}, repeat=Repeat.STATE, partial=True)
        answer = trading.read_answer(root, Revised, "ReviseFixedPriceItem")
        if answer.Ack in ("Success", "Warning"):
            yield from (ContentOutcome(key=change.key, status="accepted") for change in changes)
            return
        errors = [error for error in answer.Errors if error.SeverityCode != "Warning"]
        if any(map(is_passing, errors)):
            raise TransientError("eBay failed while it revised a listing; it will be tried again later.")
        if len(changes) > 1 and not any(error.ErrorCode in ENDED for error in errors):
            for change in changes:
                yield from self._revise_classic([change])
            return
        words = Words("; ".join(error.LongMessage or error.ShortMessage for error in errors))
        code = one_word(errors[0].ErrorCode) if errors else "unanswered"
        for change in changes:
            yield build_outcome(change, "refused", code, _explain_code(change, code), words=words)

    def _judge(self, change: SentChange, answer: Response) -> ContentOutcome:
        if answer.status != 400:
            return ContentOutcome(key=change.key, status="accepted")
        errors = inventory.read_errors(self._account, answer) or [payloads.Error(error_id=400)]
        words, code = Words("; ".join(error.long_message or error.message for error in errors)), str(errors[0].error_id)
        return build_outcome(change, "refused", code, _explain_code(change, code), words=words)

    def _read_page(self, number: int, now: datetime) -> SellerList:
        root = self._account.trading(
            "GetSellerList",
            {
                "DetailLevel": "ItemReturnDescription",
                "EndTimeFrom": _write_instant(now),
                "EndTimeTo": _write_instant(now + ENDS_WITHIN),
                "Pagination": {"EntriesPerPage": PAGE_SIZE, "PageNumber": number},
                "IncludeVariations": True,
            },
            repeat=Repeat.STATE,
        )
        return trading.read_answer(root, SellerList, "GetSellerList")


def _convert(raw: dict[str, Any]) -> ShownItem | None:
    """None for one that cannot be read: whatever it shows stays."""
    try:
        return trading.convert(raw, ShownItem)
    except msgspec.ValidationError:
        return None


def _build_listing(item: ShownItem) -> ShownListing:
    return ShownListing(
        key=item.ItemID, skus=item.skus, values={TITLE: item.Title, DESCRIPTION: item.Description}, title=item.Title
    )


def _explain_code(change: SentChange, code: str) -> str:
    return f"eBay refuses the {change.field}: {MEANINGS.get(code) or (f'code {code}' if code else 'without a code')}."


def _write_instant(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
