"""What the account offers: every SKU with the quantity that buyers see.

What belongs here: reading listings, by search or by report, and their translation. What does not: writing
(quantities.py), how a report is fetched (api/reports.py).

**Search or report.** searchListingsItems is up to date and states product types, but gives 20 listings a call and at
most 1,000 altogether. So a catalogue with fewer listings is searched (50 calls in ten seconds); a larger one is read
from GET_MERCHANT_LISTINGS_ALL_DATA, which takes one report per marketplace and a handful of calls, whatever its size.
Amazon serves that report from a cache of up to six hours, while the rest of the product needs the present quantities.
So the listings that have changed since the report's data, our own pushes among them, are searched and replace the
report's rows.

**One quantity per SKU.** A merchant's quantity belongs to the SKU, not to the marketplace. Where the reports of two
marketplaces differ for a moment, the larger quantity counts, because it is the one that could oversell.

**Fulfilled by Amazon** is every SKU with a fulfilment channel AMAZON_…; its stock is Amazon's and is never written.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from ....core.errors import ProtocolError, TransientError
from ....core.legible import decode_json, one_word, where
from ....domain.inventory.listings import UNREADABLE, UNREADABLE_KEY, Listing, unreadable
from ....domain.orders.order import FulfilledBy
from ...capabilities import Listings
from ..api import reports
from ..api.api import Api, decode, items_path
from ..api.payloads import ItemSearchResults
from .payloads import Item

REPORT = "GET_MERCHANT_LISTINGS_ALL_DATA"
REPORT_CACHED_FOR = timedelta(hours=6)
PAGE_SIZE, MOST_SEARCHED = 20, 1000
INCLUDED = "summaries,fulfillmentAvailability,productTypes"
COLUMNS = {
    "sku": ("seller-sku",),
    "quantity": ("quantity",),
    "channel": ("fulfillment-channel", "fulfilment-channel"),
    "title": ("item-name",),
    "status": ("status",),
}
NEEDED = ("sku", "quantity", "channel")
DEFAULT = "DEFAULT"
CHANNEL_CODE = re.compile(rb"DEFAULT|AMAZON\w*|MERCHANT\w*|", re.IGNORECASE)
DIGITS = re.compile(rb"[0-9]{1,9}")
LISTINGS_A_PAGE = 1000
_ITEM = msgspec.json.Decoder(Item)


class AmazonListings(Listings):
    """Listings of one account. marketplaces: returns where the account sells, and is called when that is needed."""

    def __init__(self, api: Api, marketplaces: Callable[[], Sequence[str]]) -> None:
        self._api, self._marketplaces = api, marketplaces

    def read(self) -> Iterator[tuple[Listing, ...]]:
        """Raises SettingsError without a seller id."""
        yield from listings(self._api, self._marketplaces())


def listings(api: Api, marketplaces: Sequence[str]) -> Iterator[tuple[Listing, ...]]:
    """Every listing once, in pages. Raises whatever keeps the reading from being complete, because half a reading must
    not look like a whole one."""
    total, first = _search_listings(api, {"marketplaceIds": ",".join(marketplaces)})
    if total < MOST_SEARCHED:
        yield from _check_total(first, total)
    else:
        reported = _read_reports(api, marketplaces)
        every = iter(reported.values())
        while chunk := tuple(islice(every, LISTINGS_A_PAGE)):
            yield chunk


def _check_total(pages: Iterator[list[Listing]], total: int) -> Iterator[tuple[Listing, ...]]:
    seen: set[str] = set()
    for page in pages:
        new = tuple(listing for listing in page if listing.key not in seen)
        seen.update(listing.key for listing in new)
        yield new
    if len(seen) < total:
        raise TransientError(f"Amazon counts {total} listings and showed {len(seen)}; they are read again later.")


def _search_listings(api: Api, query: dict[str, str]) -> tuple[int, Iterator[list[Listing]]]:
    """(number of listings, their pages). Sorted by SKU, so that a change during the reading moves no listing to another
    page."""
    query = {**query, "includedData": INCLUDED, "pageSize": str(PAGE_SIZE), "sortBy": "sku", "sortOrder": "ASC"}
    path = items_path(api)

    def page(token: str) -> ItemSearchResults:
        parameters = {**query, "pageToken": token} if token else query
        return decode(api.call("searchListingsItems", path, parameters), ItemSearchResults)

    first = page("")

    def pages() -> Iterator[list[Listing]]:
        answer, seen = first, {""}
        while True:
            yield [_read_listing(raw) for raw in answer.items]
            token = (answer.pagination and answer.pagination.next_token) or ""
            if not token:
                return
            if token in seen:
                raise ProtocolError(f"{api.name}: Amazon repeats a page token of the listings.")
            seen.add(token)
            answer = page(token)

    return first.number_of_results, pages()


def _read_reports(api: Api, marketplaces: Sequence[str]) -> dict[str, Listing]:
    """Listings of all marketplaces by report; listings that changed after the report's data are replaced by search."""
    reported: dict[str, Listing] = {}
    oldest = api.now()
    for marketplace in marketplaces:
        try:
            report = reports.read(api, REPORT, marketplace, COLUMNS, NEEDED)
        except reports.Failed as failed:
            if _search_listings(api, {"marketplaceIds": marketplace})[0] == 0:
                continue  # Amazon cancels a report that would have no rows
            raise TransientError(
                f"{api.name}: Amazon's report of the listings in {marketplace} failed twice ({failed.status}); "
                "ask for it in Seller Central, and if it fails there too, open a case."
            ) from None
        oldest = min(oldest, report.asked)
        charset = _find_charset(report.charset)
        for new in _read_rows(report, marketplace, charset):
            before = reported.get(new.key)
            reported[new.key] = _merge(before, new) if before else new
    for changed in _search_changed(api, marketplaces, oldest - REPORT_CACHED_FOR, api.now()):
        reported.update((listing.key, listing) for listing in changed)
        for listing in changed:
            # The listing changed after the report, and its new state cannot be read.
            if UNREADABLE in listing.reference:
                reported.pop(listing.key.removeprefix(UNREADABLE_KEY), None)
    return reported


def _read_rows(report: reports.Rows, marketplace: str, charset: str) -> Iterator[Listing]:
    """Every row as a listing, a bad row as `unreadable`. Raises ProtocolError where most rows are bad, because then the
    report, its charset or its columns are wrong."""
    count, bad, why = 0, 0, ""
    for row in report.rows:
        new = unreadable(row.raw, row.why) if isinstance(row, reports.BadRow) else _read_row(row, marketplace, charset)
        count += 1
        if UNREADABLE in new.reference:
            bad, why = bad + 1, why or new.reference[UNREADABLE]
        yield new
    if bad * 2 > count:
        raise ProtocolError(f"{bad} of {count} rows of Amazon's report cannot be read, the first by its {why}.")


def _search_changed(
    api: Api, marketplaces: Sequence[str], after: datetime, before: datetime
) -> Iterator[list[Listing]]:
    """Listings changed in a span of time. A span with more changes than a search can show is halved."""
    bounds = {
        name: instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for name, instant in (("lastUpdatedAfter", after), ("lastUpdatedBefore", before))
    }
    total, pages = _search_listings(api, {"marketplaceIds": ",".join(marketplaces), **bounds})
    if total < MOST_SEARCHED:
        yield from pages
    elif before - after < timedelta(seconds=1):
        raise TransientError(f"{api.name}: {total} listings changed within a second; they are read again later.")
    else:
        middle = after + (before - after) / 2
        yield from _search_changed(api, marketplaces, after, middle)
        yield from _search_changed(api, marketplaces, middle, before)


def _read_listing(raw: msgspec.Raw) -> Listing:
    try:
        return _build_listing(decode_json(_ITEM, raw))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return unreadable(bytes(raw), where(error, "broken JSON"), "sku")


def _build_listing(item: Item) -> Listing:
    codes = {
        availability.fulfillment_channel_code: availability.quantity for availability in item.fulfillment_availability
    }
    types = [availability.product_type for availability in item.product_types] or [
        availability.product_type for availability in item.summaries
    ]
    quantity = codes.get(DEFAULT)
    return Listing(
        key=item.sku,
        sku=item.sku,
        quantity=quantity,
        fulfilled_by=_decide_fulfilled_by(*codes),
        title=next((availability.item_name for availability in item.summaries if availability.item_name), ""),
        active=quantity == 0 or any("BUYABLE" in availability.status for availability in item.summaries),
        reference={"marketplaces": ",".join(availability.marketplace_id for availability in item.summaries)}
        | ({"product_type": types[0]} if types else {}),
    )


def _read_row(row: dict[str, bytes], marketplace: str, charset: str) -> Listing:
    """A row as a listing. A field that is no SKU, quantity or fulfilment channel shows that the row's columns are
    shifted."""
    sku = _decode_sku(row["sku"], charset)
    shown = row["quantity"].strip()
    if not sku or not CHANNEL_CODE.fullmatch(row["channel"].strip()) or (shown and not DIGITS.fullmatch(shown)):
        odd = bool(shown) and not DIGITS.fullmatch(shown)
        column = "seller-sku" if not sku else "quantity" if odd else "fulfillment-channel"
        return unreadable(b"\t".join(row.values()), f"{column} in the {REPORT} of {marketplace}")
    fulfilled_by = _decide_fulfilled_by(row["channel"].decode("ascii", "replace").strip())
    quantity = int(shown) if shown and fulfilled_by is FulfilledBy.MERCHANT else None
    return Listing(
        key=sku,
        sku=sku,
        quantity=quantity,
        fulfilled_by=fulfilled_by,
        title=_decode_text(row["title"], charset, "replace"),
        active=quantity == 0 or row["status"].strip().lower() in (b"", b"active"),
        reference={"marketplaces": marketplace},
    )


def _merge(before: Listing, new: Listing) -> Listing:
    """One listing from two with the same SKU, in two marketplaces or twice in one report."""
    if UNREADABLE in before.reference:
        return before
    places = dict.fromkeys([*before.reference["marketplaces"].split(","), *new.reference["marketplaces"].split(",")])
    quantities = [quantity for quantity in (before.quantity, new.quantity) if quantity is not None]
    by_amazon = FulfilledBy.CHANNEL in (before.fulfilled_by, new.fulfilled_by)
    return msgspec.structs.replace(
        before,
        quantity=max(quantities, default=None) if not by_amazon else None,
        fulfilled_by=FulfilledBy.CHANNEL if by_amazon else FulfilledBy.MERCHANT,
        title=before.title or new.title,
        active=before.active or new.active,
        reference={"marketplaces": ",".join(places)},
    )


def _decide_fulfilled_by(*codes: str) -> FulfilledBy:
    return FulfilledBy.CHANNEL if any(code.startswith("AMAZON") for code in codes) else FulfilledBy.MERCHANT


def _find_charset(named: str) -> str:
    try:
        return codecs.lookup(named or "utf-8").name
    except LookupError:
        raise ProtocolError(f"The {REPORT} is written in {one_word(named) or 'a charset'} that nobody knows.") from None


def _decode_sku(raw: bytes, charset: str) -> str:
    """The SKU, '' if its bytes are not in the report's charset: with a replaced character it would be another SKU."""
    try:
        return _decode_text(raw, charset, "strict")
    except UnicodeDecodeError:
        return ""


def _decode_text(raw: bytes, charset: str, on_error: str) -> str:
    """The text as UTF-8 if its bytes are valid UTF-8, whatever charset Amazon names, because text of another charset is
    practically never valid UTF-8; otherwise in the named charset."""
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode(charset, on_error).strip()
