"""Texts and pictures of eBay's listings: reading them, and which of them may be changed.

What belongs here: lists of listings, reading again before a change. What does not: which text is right
(domain/content/), changing them (revising.py).

Reading is the same for all listings, whichever API made them: GetSellerList shows what buyers see, 200 a call, or those
of some SKUs where they are read again. GetItem reads what no SKU finds, because eBay grants few of it a day. Only
fixed-price listings are read: of an auction with bids nothing may change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ....core.errors import (
    PermanentError,
    ProtocolError,
    RecordError,
    TransientError,
)
from ....core.legible import one_word
from ....domain.content.fields import DESCRIPTION, IMAGES, PRICE, SPECIFICS, TITLE, Limit
from ....domain.content.listings import (
    ContentOutcome,
    Note,
    PictureSource,
    SentChange,
    ShownListing,
    ShownPicture,
)
from ....domain.content.markup import PLAIN_TAGS
from ....domain.content.pricelists import write_price
from ...http.call import MOST_CODES
from ...http.session import Repeat
from ...http.throttle import BucketStore
from ...product_content import STOPS, Attempts, Content, Failed, FreshListings, forget
from ..api import trading_payloads as trading
from ..api.account import RESTARTS, Account, is_passing
from .payloads import OneItem, SellerList, ShownItem
from .pictures import MOST, name_picture
from .prices import STATUSES_A_CALL, revise_prices
from .revising import ENDED, find_item, revise
from .specifics import LIMIT as SPECIFICS_LIMIT
from .specifics import add_specifics, read_all, read_some, show_specifics

PAGE_SIZE = 200
# In the reference of a listing whose specifics GetItem alone shows: when it was read so, '' before it was.
DETAILED = "detailed"
MOST_LOST = 3  # single listings of one reading at which eBay may fail
REREAD_AT_ONCE = 25  # listings that are read again in one call, right before they are changed: eBay takes 50 SKUs
# A fixed-price listing is renewed every month, so each of them ends, as eBay says it, within that time.
ENDS_WITHIN = timedelta(days=60)
LIMITS: Mapping[str, Limit] = {  # eBaySvc.xsd: Title, Description
    TITLE: Limit(most=80),
    DESCRIPTION: Limit(most=500_000, tags=PLAIN_TAGS),
    IMAGES: Limit(most=MOST),
    SPECIFICS: SPECIFICS_LIMIT,
}


class EbayContent(Content):
    """Texts and pictures of one account. buckets: where revisions are counted, shared by all processes. clock: seconds
    that only grow."""

    writes_stock = True
    settles_after = timedelta(minutes=15)
    picture_hosts = ("ebayimg.com",)

    def __init__(
        self, account: Account, buckets: BucketStore, now: Callable[[], datetime], clock: Callable[[], float]
    ) -> None:
        self._account, self._buckets, self._now, self._clock = account, buckets, now, clock

    def limits(self, listing: ShownListing) -> Mapping[str, Limit]:
        currency = self._account.settings.home.currency
        return {**LIMITS, PRICE: Limit(currency=listing.reference.get("currency") or currency)}

    def read(self) -> Iterator[tuple[ShownListing, ...]]:
        """Raises TransientError where eBay counts more listings than it shows."""
        number, count, seen, restarts, total = 1, 0, set[str](), 0, -1
        until = self._now()
        owned = self._account.settings.content.owned
        aspects = read_all(self._account) if SPECIFICS in owned else {}
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
            fixed = [item for item in new if item.ListingType in ("", "FixedPriceItem")]
            shown = (listing for item in fixed for listing in _build_listings(item))
            yield tuple(_mark_unlisted(add_specifics(shown, aspects), aspects) if SPECIFICS in owned else shown)
            if not page.HasMoreItems or not rows:
                break
            number += 1
        if count < total:
            raise TransientError(f"eBay counts {total} listings and showed {count}; they are read again later.")

    def reread(self, listings: Sequence[ShownListing]) -> Iterator[ShownListing]:
        return self._read_now(listings, None)

    def is_listed(self, sku: str) -> bool:
        """Whether an active listing has the SKU, whichever API made it."""
        page = self._read_page(1, self._now(), [sku])
        return bool(page.ItemArray and page.ItemArray.Item)

    @property
    def details_a_night(self) -> int:
        settings = self._account.settings
        return settings.specifics_a_night if SPECIFICS in settings.content.owned else 0

    def lacks_details(self, listing: ShownListing) -> bool:
        return DETAILED in listing.reference

    def read_details(self, listings: Sequence[ShownListing]) -> Iterator[ShownListing]:
        failed: Failed = {}
        for listing in listings:
            if len(failed) <= MOST_LOST:
                yield from self._read_items([_ask_for_details(listing)], failed)

    def _read_now(self, listings: Sequence[ShownListing], failed: Failed | None) -> Iterator[ShownListing]:
        """As `_read_items`, with the specifics of those that showed some; a listing whose specifics eBay fails to read
        counts as one that it fails to read."""
        owners = {listing.skus[0]: find_item(listing) for listing in listings
                  if SPECIFICS in listing.values and DETAILED not in listing.reference}  # fmt: skip
        shown = list(self._read_items(listings, failed))
        unread: Failed = {}
        specifics = read_some(self._account, owners, unread) if owners else {}
        for sku, error in unread.items():
            if failed is None:
                raise error
            failed[owners[sku]] = error
        return add_specifics((row for row in shown if not failed or find_item(row) not in failed), specifics)

    def _read_items(self, listings: Sequence[ShownListing], failed: Failed | None) -> Iterator[ShownListing]:
        """failed: takes the error of each item that eBay fails to read; None to raise the first.

        A list may leave something out, as variations with other SKUs: what is known of an item and not in the list is
        read with the whole item."""
        keys: dict[str, set[str]] = defaultdict(set)
        skus: dict[str, set[str]] = defaultdict(set)
        for listing in listings:
            keys[find_item(listing)].add(listing.key)
            skus[find_item(listing)].update(filter(None, listing.skus))
        detailed = {find_item(row) for row in listings if DETAILED in row.reference and SPECIFICS in row.values}
        named = [item_id for item_id in keys if skus[item_id] and item_id not in detailed]
        seen: set[str] = set()
        for start in range(0, len(named), REREAD_AT_ONCE):
            some = named[start : start + REREAD_AT_ONCE]
            if len(some) > 1:  # one alone costs as much by GetItem
                for item in self._read_some(sorted({min(skus[item_id]) for item_id in some})):
                    shown = [row for row in _build_listings(item) if row.key in keys.get(item.ItemID, ())]
                    is_whole = len(shown) == len(keys.get(item.ItemID, ())) and skus[item.ItemID] <= set(item.skus)
                    if shown and is_whole and item.ItemID not in seen:
                        seen.add(item.ItemID)
                        yield from shown
        lost = 0
        for item_id in [item_id for item_id in keys if item_id not in seen]:
            try:
                read = self._read_item(item_id, detailed=item_id in detailed)
                yield from [row for row in read if row.key in keys[item_id]]
            except STOPS:
                raise
            except (TransientError, PermanentError) as error:
                lost += isinstance(error, TransientError)
                if failed is None or lost > MOST_LOST:
                    raise
                failed[item_id] = error

    def _read_some(self, skus: Sequence[str]) -> Iterator[ShownItem]:
        """The listings with these SKUs that one page shows; none where eBay refuses any of them."""
        try:
            page = self._read_page(1, self._now(), skus)
        except (*STOPS, ProtocolError):
            raise
        except PermanentError:
            return
        for item in map(_convert, page.ItemArray.Item if page.ItemArray else []):
            if item is not None:
                yield item

    def _read_item(self, item_id: str, *, detailed: bool = False) -> Iterator[ShownListing]:
        """A listing with its variations, detailed: with its specifics; nothing for one that has ended, or is not ours.
        Raises TransientError and PermanentError for any other failure, and ProtocolError for an answer that cannot be
        read."""
        content: dict[str, Any] = {"DetailLevel": "ItemReturnDescription", "ItemID": item_id}
        if detailed:
            content["IncludeItemSpecifics"] = True
        root = self._account.trading("GetItem", content, repeat=Repeat.STATE, partial=True)
        answer = trading.read_answer(root, OneItem, "GetItem")
        if answer.Ack not in ("Success", "Warning"):
            codes = {error.ErrorCode for error in answer.Errors}
            if codes & ENDED:
                return
            if any(map(is_passing, answer.Errors)):
                raise TransientError("eBay failed to read a listing; it will be tried again later.")
            named = ", ".join(filter(None, map(one_word, sorted(codes)[:MOST_CODES])))
            raise PermanentError(f"eBay does not show this listing{f' (code {named})' if named else ''}.")
        item = _convert(answer.Item[0]) if answer.Item else None
        if item is None:
            raise ProtocolError("eBay shows this listing in a shape that cannot be read.")
        for listing in _build_listings(item):
            if not detailed or "variation" in listing.reference:
                yield listing
                continue
            reference = {**listing.reference, DETAILED: _write_instant(self._now())}
            values = {**listing.values, **show_specifics(item)}
            yield msgspec.structs.replace(listing, values=values, reference=reference)

    def send(
        self, changes: Sequence[SentChange], pictures: PictureSource, note: Note = forget
    ) -> Iterator[ContentOutcome]:
        by_item: dict[str, list[SentChange]] = defaultdict(list)
        for change in changes:
            by_item[find_item(change.listing)].append(change)
        groups = {
            item_id: [_drop_details(change.listing, own) for change in own] for item_id, own in by_item.items()
        }  # fmt: skip
        fresh = FreshListings("eBay", self._read_now, self._clock, groups, REREAD_AT_ONCE, self._ask)
        prices: list[SentChange] = []
        attempts = Attempts(self._ask)
        for item_id, own in by_item.items():
            prices += [change for change in own if change.field == PRICE]
            if others := [change for change in own if change.field != PRICE]:
                outcomes = revise(self._account, self._buckets, others, fresh, pictures)
                yield from attempts.make(item_id, others, outcomes)
            while len(prices) >= STATUSES_A_CALL:  # sent before their reading is too old to write by
                yield from self._send_prices(prices[:STATUSES_A_CALL], fresh, attempts)
                prices = prices[STATUSES_A_CALL:]
        yield from self._send_prices(prices, fresh, attempts)

    def _ask(self) -> object:
        return self._account.trading("GetUser", {}, repeat=Repeat.STATE)

    def _send_prices(
        self, prices: Sequence[SentChange], fresh: FreshListings, attempts: Attempts
    ) -> Iterator[ContentOutcome]:
        if prices:
            outcomes = revise_prices(self._account, self._buckets, prices, fresh)
            yield from attempts.make(prices[0].listing.key, prices, outcomes)

    def _read_page(self, number: int, now: datetime, skus: Sequence[str] = ()) -> SellerList:
        """One page of the listings, of those with these SKUs if any are named."""
        root = self._account.trading(
            "GetSellerList",
            {
                "DetailLevel": "ItemReturnDescription",
                "EndTimeFrom": _write_instant(now),
                "EndTimeTo": _write_instant(now + ENDS_WITHIN),
                "Pagination": {"EntriesPerPage": PAGE_SIZE, "PageNumber": number},
                "SKUArray": {"SKU": list(skus)} if skus else None,
                "IncludeVariations": True,
            },
            repeat=Repeat.STATE,
        )
        return trading.read_answer(root, SellerList, "GetSellerList")


def _mark_unlisted(listings: Iterable[ShownListing], aspects: Mapping[str, str | None]) -> Iterator[ShownListing]:
    """The listings, those of one SKU that the Inventory API did not make marked: no list shows their specifics."""
    for listing in listings:
        if len(listing.skus) > 1 or "variation" in listing.reference or listing.skus[0] in aspects:
            yield listing
        else:
            yield msgspec.structs.replace(listing, reference={**listing.reference, DETAILED: ""})


def _ask_for_details(listing: ShownListing) -> ShownListing:
    return msgspec.structs.replace(listing, values={**listing.values, SPECIFICS: listing.values.get(SPECIFICS, "")})


def _drop_details(listing: ShownListing, changes: Sequence[SentChange]) -> ShownListing:
    """A listing whose specifics are not among the changes is read again without them: that needs no call of its own."""
    wanted = any(change.field == SPECIFICS and change.listing.key == listing.key for change in changes)
    if wanted or DETAILED not in listing.reference:
        return listing
    values = {field: text for field, text in listing.values.items() if field != SPECIFICS}
    return msgspec.structs.replace(listing, values=values)


def _convert(raw: dict[str, Any]) -> ShownItem | None:
    """None for one that cannot be read: whatever it shows stays."""
    try:
        return trading.convert(raw, ShownItem)
    except msgspec.ValidationError:
        return None


def _build_listings(item: ShownItem) -> Iterator[ShownListing]:
    """A listing, and one for the price of each of its variations. Every listing has a picture, so that one for which
    eBay names none is one whose pictures are not known."""
    addresses = item.PictureDetails.PictureURL if item.PictureDetails else []
    variations = item.Variations.Variation if item.Variations else []
    price = {} if variations else _show_price(item.StartPrice)
    reference = {"pictures": "\n".join(addresses), "currency": item.StartPrice.currencyID if item.StartPrice else ""}
    yield ShownListing(
        key=item.ItemID, skus=item.skus, title=item.Title,
        values={TITLE: item.Title, DESCRIPTION: item.Description, **price},
        pictures=tuple(ShownPicture(id=name_picture(address), address=address) for address in addresses) or None,
        reference=reference,
    )  # fmt: skip
    for variation in variations:
        if variation.SKU and variation.StartPrice:
            yield ShownListing(
                key=f"{item.ItemID}:{variation.SKU}", skus=(variation.SKU,), title=item.Title,
                values=_show_price(variation.StartPrice),
                reference={"item_id": item.ItemID, "variation": "1", "currency": variation.StartPrice.currencyID},
            )  # fmt: skip


def _show_price(amount: trading.Amount | None) -> dict[str, str]:
    """Nothing for a price that cannot be read: it stays."""
    try:
        return {PRICE: write_price(amount.value, amount.currencyID)} if amount else {}
    except RecordError:
        return {}


def _write_instant(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
