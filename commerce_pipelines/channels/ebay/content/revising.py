"""Changing what eBay's listings show: by the API that made each, in the fewest revisions.

What belongs here: which call makes which change, what an error means for a field. What does not: reading listings
(texts.py), items and offers of the Inventory API (managed.py), uploads (pictures.py).

**Which API.** A listing that the Inventory API made can be changed by it alone, any other by ReviseFixedPriceItem
alone, which changes the given fields and leaves all others; its list of pictures is replaced as a whole. Nothing is
ever migrated from one to the other.

**Revisions** of a listing are counted together with those of its stock, which goes first (api/revisions.py).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ....core.errors import (
    PermanentError,
    ProtocolError,
    RecordError,
    TransientError,
)
from ....core.legible import one_word
from ....core.words import Words
from ....domain.content.entries import read_specifics
from ....domain.content.fields import DESCRIPTION, IMAGES, SPECIFICS, TITLE
from ....domain.content.listings import GONE, ContentOutcome, PictureSource, SentChange, ShownListing
from ...http.session import Repeat, Response
from ...http.throttle import BucketStore, Priority
from ...product_content import STOPS, FreshListings, build_outcome
from ..api import payloads
from ..api import trading_payloads as trading
from ..api.account import MEANINGS, Account, is_passing
from ..api.revisions import count_again, may_revise
from . import managed as inventory
from .payloads import Revised
from .pictures import Arranged, arrange, name_picture
from .specifics import build_specifics, show_aspects

# Trading: the listing is not there, or it has ended; Inventory API: no such item or offer.
ENDED = frozenset(("17", "291", "21916750", "25710", "25713"))
NOTHING = Arranged(addresses=(), placed={})


class Ready(msgspec.Struct, frozen=True):
    """A change whose pictures, if it is about pictures, have been uploaded."""

    change: SentChange
    pictures: Arranged = NOTHING

    @property
    def field(self) -> str:
        return self.change.field

    def accept(self) -> ContentOutcome:
        return ContentOutcome(key=self.change.key, status="accepted", pictures=self.pictures.placed)


def find_item(listing: ShownListing) -> str:
    """The item id of a listing, or of the listing that a variation belongs to."""
    return listing.reference.get("item_id") or listing.key


def list_due(
    changes: Sequence[SentChange], fresh: FreshListings
) -> Generator[ContentOutcome, None, list[SentChange]]:  # fmt: skip
    """The changes that are still to be made, as the return value; the outcomes of the others. Raises what stops all
    listings."""
    due = []
    for change in changes:
        outcome = fresh.judge(find_item(change.listing), change, may_be_there=change.field != IMAGES)
        if outcome is None:
            due.append(change)
        else:
            yield outcome
    return due


def revise(
    account: Account, buckets: BucketStore, changes: Sequence[SentChange], fresh: FreshListings, pictures: PictureSource
) -> Iterator[ContentOutcome]:
    """Make the changes of one listing, except of its price. fresh: what it shows now, looked at again right before each
    write. Raises what stops all of them."""
    changes = yield from list_due(changes, fresh)
    if not changes:
        return
    key = changes[0].listing.key
    now = fresh.find(key) or changes[0].listing
    managed = inventory.find_managed(account, now.skus[0], key)
    if managed is not None and (managed.is_grouped or len(now.skus) > 1):
        for change in changes:
            sentence = "The title and description of this listing belong to its group of variations; change them "
            yield build_outcome(change, "refused", "group", f"{sentence}where the group was made.")
        return
    parts = divide([change.field for change in changes]) if managed else [[change.field for change in changes]]
    if not may_revise(buckets, account.settings.name, key, Priority.CONTENT, len(parts)):
        for change in changes:
            sentence = "The listing was revised so often today that the rest is kept for its stock."
            yield build_outcome(change, "unknown", "revision_limit", sentence)
        return
    ready: list[Ready] = []
    for change in changes:
        prepared = _make_ready(account, change, now, managed, pictures)
        if isinstance(prepared, ContentOutcome):
            yield prepared
        else:
            ready.append(prepared)

    def count() -> None:
        count_again(buckets, account.settings.name, key)

    if managed is None:
        some = yield from _list_still_due(ready, fresh)
        yield from _revise_classic(account, some, count) if some else ()
        return
    for number, fields in enumerate(parts):
        some = yield from _list_still_due([part for part in ready if part.field in fields], fresh)
        before = managed
        if some and (number or IMAGES in fields):  # the offer after the item was written, the item after uploads
            managed = inventory.find_managed(account, now.skus[0], key)
        some = yield from _drop_moved(some, before, managed)
        if some and managed:
            yield from _revise_managed(account, managed, some, count)
        if managed is None:
            return


def _list_still_due(
    ready: Sequence[Ready], fresh: FreshListings
) -> Generator[ContentOutcome, None, list[Ready]]:  # fmt: skip
    """Right before a write: what was prepared and still is to be made, as `list_due`."""
    due = yield from list_due([part.change for part in ready], fresh)
    return [part for part in ready if part.change in due]


def _drop_moved(
    some: Sequence[Ready], before: inventory.Managed, now: inventory.Managed | None
) -> Generator[ContentOutcome, None, list[Ready]]:  # fmt: skip
    """Without pictures that were arranged among others than the item has now, and without specifics that are others by
    now; nothing where the offer is gone."""
    left = []
    for part in some:
        if now is None:
            yield build_outcome(part.change, "unknown", GONE, "eBay does not show the offer of this listing now.")
        elif part.field == IMAGES and now.addresses != before.addresses:
            sentence = "The pictures of the listing were changed on eBay since they were read."
            yield build_outcome(part.change, "stale", "moved", sentence)
        elif part.field == SPECIFICS and show_aspects(now.item) != part.change.before:
            sentence = "The item specifics of the listing were changed on eBay since they were read."
            yield build_outcome(part.change, "stale", "moved", sentence)
        else:
            left.append(part)
    return left


def divide(fields: Sequence[str]) -> list[list[str]]:
    """The fields of each call for a listing of the Inventory API: those of the item, then those of the offer."""
    of_item = [field for field in fields if field != DESCRIPTION]
    return [part for part in (of_item, [field for field in fields if field == DESCRIPTION]) if part]


def _make_ready(
    account: Account, change: SentChange, now: ShownListing, managed: inventory.Managed | None, source: PictureSource
) -> Ready | ContentOutcome:  # fmt: skip
    """Upload what the change needs; its outcome where that fails."""
    if change.field != IMAGES:
        return Ready(change)
    shown = now.reference["pictures"].split("\n")
    addresses = managed.addresses if managed else shown
    if managed and list(map(name_picture, addresses)) != list(map(name_picture, shown)):
        if len(addresses) != len(shown):
            sentence = "eBay shows other pictures than the item of the Inventory API has; look at the listing there."
            return build_outcome(change, "refused", "pictures_differ", sentence)
        change = _translate_places(change, shown, addresses)
    try:
        return Ready(change, arrange(account, change, addresses, source))
    except RecordError as error:
        return ContentOutcome(key=change.key, status="stale", code=error.code, message=error.message)
    except (*STOPS, ProtocolError):
        raise
    except PermanentError as error:
        return build_outcome(change, "refused", "UPLOAD", str(error), words=error.words)


def _translate_places(change: SentChange, shown: Sequence[str], addresses: Sequence[str]) -> SentChange:
    """The change with the ids that an item has in place of those that its listing shows: eBay shows copies of pictures
    that stand on another server."""
    own = dict(zip(map(name_picture, shown), map(name_picture, addresses), strict=True))
    slots = tuple(msgspec.structs.replace(slot, replaces=own.get(slot.replaces, "")) for slot in change.slots)
    return msgspec.structs.replace(change, slots=slots)


def _revise_managed(
    account: Account, managed: inventory.Managed, some: Sequence[Ready], count: Callable[[], None]
) -> Iterator[ContentOutcome]:
    """One call for the item, or one for the offer; one for each where eBay refuses several: its errors name no
    field. count: called for each further write."""
    targets = some[0].change.targets
    if some[0].field == DESCRIPTION:
        answer = inventory.change_description(account, managed, some[0].change.after, targets, count)
    else:
        product: dict[str, Any] = {}
        for part in some:
            product |= _build_product(part)
        answer = inventory.change_item(account, managed, product, targets, count)
    if answer.status == 400 and len(some) > 1:
        for part in some:
            count()
            yield from _revise_managed(account, managed, [part], count)
        return
    yield from (_judge(account, part, answer) for part in some)


def _build_product(part: Ready) -> Mapping[str, Any]:
    if part.field == TITLE:
        return {"title": part.change.after}
    if part.field == SPECIFICS:
        return {"aspects": read_specifics(part.change.after)}
    return {"imageUrls": list(part.pictures.addresses)}


def _revise_classic(account: Account, some: Sequence[Ready], count: Callable[[], None]) -> Iterator[ContentOutcome]:
    """One call for all of them, and one for each where eBay refuses that: its errors name no field. count: called for
    each further one."""
    texts = {part.field: part.change.after for part in some}
    pictures = next((part.pictures.addresses for part in some if part.field == IMAGES), ())
    item = {
        "Description": texts.get(DESCRIPTION), "DescriptionReviseMode": "Replace" if DESCRIPTION in texts else None,
        "ItemID": some[0].change.listing.key, "Title": texts.get(TITLE),
        "PictureDetails": {"PictureURL": pictures} if pictures else None,
        "ItemSpecifics": build_specifics(texts[SPECIFICS]) if SPECIFICS in texts else None,
    }  # fmt: skip
    root = account.trading("ReviseFixedPriceItem", {"Item": item}, repeat=Repeat.STATE, partial=True)
    answer = trading.read_answer(root, Revised, "ReviseFixedPriceItem")
    if answer.Ack in ("Success", "Warning"):
        yield from (part.accept() for part in some)
        return
    errors = [error for error in answer.Errors if error.SeverityCode != "Warning"]
    if any(map(is_passing, errors)):
        raise TransientError("eBay failed while it revised a listing; it will be tried again later.")
    if len(some) > 1 and not any(error.ErrorCode in ENDED for error in errors):
        for part in some:
            count()
            yield from _revise_classic(account, [part], count)
        return
    words = Words("; ".join(error.LongMessage or error.ShortMessage for error in errors))
    code = one_word(errors[0].ErrorCode) if errors else "unanswered"
    for part in some:
        yield build_outcome(part.change, "refused", mark_ended(code), _explain_code(part.change, code), words=words)


def _judge(account: Account, part: Ready, answer: Response) -> ContentOutcome:
    if answer.status != 400:
        return part.accept()
    errors = inventory.read_errors(account, answer) or [payloads.Error(error_id=400)]
    words, code = Words("; ".join(error.long_message or error.message for error in errors)), str(errors[0].error_id)
    return build_outcome(part.change, "refused", mark_ended(code), _explain_code(part.change, code), words=words)


def mark_ended(code: str) -> str:
    """The code of a refusal: what is refused because the listing is gone is looked at again when it is shown again."""
    return GONE if code in ENDED else code


def _explain_code(change: SentChange, code: str) -> str:
    return f"eBay refuses the {change.field}: {MEANINGS.get(code) or (f'code {code}' if code else 'without a code')}."
