"""What the account offers on eBay, and which API has to change the quantity of each listing.

What belongs here: reading listings in bulk. What does not: changing them (quantities.py).

**Two sources.** GetMyeBaySelling gives every active fixed-price listing with the quantity that buyers see, 200 a call,
whichever API created it. getInventoryItems gives the SKUs that the Inventory API manages, 200 a call. Together they
need one call for a hundred listings. getOffers takes one SKU a call, so it is called only for a listing that is about
to change (quantities.py). The Trading API cannot revise a listing of an Inventory API item, and bulkUpdatePriceQuantity
cannot change any other listing: `reference["api"]` names the right API.

Auctions are left out, because a stock level cannot change their quantity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ....core.errors import TransientError
from ....core.legible import decode_json, where
from ....domain.inventory.listings import Listing, unreadable
from ...capabilities import Listings
from ...http.session import Repeat
from ..api import trading_payloads as trading
from ..api.account import RESTARTS, Account
from ..api.inventory_items import read_pages
from .payloads import InventoryItem, NamedItem

PAGE_SIZE = 200
_ITEM, _NAMED = msgspec.json.Decoder(InventoryItem), msgspec.json.Decoder(NamedItem)


class EbayListings(Listings):
    """Active fixed-price listings of one account, whichever API created them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def read(self) -> Iterator[tuple[Listing, ...]]:
        return listings(self._account)


def listings(account: Account) -> Iterator[tuple[Listing, ...]]:
    """Every active fixed-price listing, each variation as a listing of its own; each key once.

    Raises TransientError where eBay counts more listings than it gives: half a reading must not look like a whole one.
    """
    managed = inventory_skus(account)
    seen: set[str] = set()
    for items in _list_active(account):
        page = [listing for item in items for listing in _read_listings(item, managed) if listing.key not in seen]
        seen.update(listing.key for listing in page)
        yield tuple(page)


def _read_listings(raw: dict[str, Any], managed: Mapping[str, bool]) -> Iterator[Listing]:
    """As `listings_of`; an item that cannot be read becomes one unreadable listing."""
    try:
        item = trading.convert(raw, trading.ListedItem)
    except msgspec.ValidationError as error:
        yield unreadable(msgspec.json.encode(raw), where(error, "its shape"), "ItemID")
        return
    yield from listings_of(item, managed)


def listings_of(item: trading.ListedItem, managed: Mapping[str, bool]) -> Iterator[Listing]:
    """A listing, or its variations. managed: the result of `inventory_skus`."""
    variations = item.Variations.Variation if item.Variations else []
    for number, variation in enumerate(variations):
        yield Listing(
            key=f"{item.ItemID}:{variation.SKU or f'#{number}'}",
            sku=variation.SKU,
            quantity=_compute_left(variation.Quantity, variation.SellingStatus),
            title=variation.VariationTitle or item.Title,
            reference=_build_reference(item.ItemID, variation.SKU, managed),
        )
    if not variations:
        available = item.QuantityAvailable
        yield Listing(
            key=f"{item.ItemID}:{item.SKU}",
            sku=item.SKU,
            quantity=_compute_left(item.Quantity, item.SellingStatus) if available is None else available,
            title=item.Title,
            reference=_build_reference(item.ItemID, item.SKU, managed) | {"single": "true"},
        )


def inventory_skus(account: Account) -> dict[str, bool]:
    """The SKUs that the Inventory API manages, and whether their stock is divided among several locations."""
    skus: dict[str, bool] = {}
    unread = total = 0
    for page in read_pages(account):
        total = page.total
        for raw in page.inventory_items:
            try:
                item = decode_json(_ITEM, raw)
                skus[item.sku] = item.is_divided
            except (msgspec.DecodeError, UnicodeDecodeError):
                unread += 1
                # Treated as divided: for such an item only the offers are updated, never a total.
                if sku := _read_sku(raw):
                    skus[sku], unread = True, unread - 1
    if len(skus) + unread < total:
        raise _build_incomplete_error(account, "getInventoryItems", total, len(skus))
    return skus


def _read_sku(raw: msgspec.Raw) -> str:
    try:
        return decode_json(_NAMED, raw).sku
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _list_active(account: Account) -> Iterator[list[dict[str, Any]]]:
    """Pages of active listings by item id. If the number of listings changes meanwhile, the pages are read again from
    the first."""
    number, total, restarts, count = 1, -1, 0, 0
    while True:
        page = _get_page(account, number)
        items = page.ItemArray.Item if page.ItemArray else []
        counted = page.PaginationResult.TotalNumberOfEntries
        if total not in (-1, counted):
            restarts += 1
            if restarts > RESTARTS:
                raise TransientError(
                    f"{account.settings.name}: listings come and go faster than they can be read; "
                    "it will be tried again later."
                )
            number, total, count = 1, -1, 0
            continue
        total, count = counted, count + len(items)
        if not items and count < total:
            raise _build_incomplete_error(account, "GetMyeBaySelling", total, count)
        yield items
        if count >= total:
            return
        number += 1


def _get_page(account: Account, number: int) -> trading.ActiveList:
    root = account.trading(
        "GetMyeBaySelling",
        {
            "ActiveList": {
                "Include": True,
                "ListingType": "FixedPriceItem",
                "Sort": "ItemID",
                "Pagination": {"EntriesPerPage": PAGE_SIZE, "PageNumber": number},
            },
            "HideVariations": False,
        },
        repeat=Repeat.STATE,
    )
    answer = trading.read_answer(root, trading.SellingAnswer, "GetMyeBaySelling")
    return answer.ActiveList or trading.ActiveList()


def _build_reference(item_id: str, sku: str, managed: Mapping[str, bool]) -> dict[str, str]:
    if not sku or sku not in managed:
        return {"api": "trading", "item_id": item_id}
    return {"api": "inventory", "item_id": item_id, **({"divided": "true"} if managed[sku] else {})}


def _compute_left(offered: int | None, status: trading.SellingStatus | None) -> int | None:
    return None if offered is None else max(0, offered - (status.QuantitySold if status else 0))


def _build_incomplete_error(account: Account, operation: str, total: int, received: int) -> TransientError:
    return TransientError(
        f"{account.settings.name}: {operation} counts {total} entries but gives {received}; it will be tried again "
        "later."
    )
