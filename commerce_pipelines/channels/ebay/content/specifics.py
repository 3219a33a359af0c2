"""Item specifics of listings that the Inventory API made: the aspects of their items.

What belongs here: reading them, what is written. What does not: which are right (domain/content/entries.py), writing an
item (managed.py).

No list of the Trading API shows item specifics, and GetItem, which does, reads one listing a call. So those of listings
that it made are left alone; aspects are read 200 items a call, and 25 a call before a write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ....core.errors import PermanentError, TransientError
from ....core.legible import decode_json
from ....domain.content.entries import write_specifics
from ....domain.content.fields import SPECIFICS, Limit
from ....domain.content.listings import ShownListing
from ...http.session import Repeat
from ...product_content import MOST_FAILED, STOPS, Failed
from ..api.account import Account
from ..api.inventory_items import read_pages
from .payloads import AspectsItem, ItemsAnswer

# sell_inventory_v1, Product.aspects; Trading API, "Item specifics" of a listing.
LIMIT = Limit(most=50, most_name=40, lines=45)
BULK, ITEMS_A_CALL = "/sell/inventory/v1/bulk_get_inventory_item", 25
_ITEM = msgspec.json.Decoder(AspectsItem)


def read_all(account: Account) -> dict[str, str]:
    """The specifics of every item by its SKU, without those of variations and those that cannot be read: they stay."""
    return dict(_show_items(raw for page in read_pages(account) for raw in page.inventory_items))


def read_some(account: Account, skus: Collection[str], failed: Failed) -> dict[str, str]:
    """As `read_all`, of these SKUs; none for one that eBay does not show. failed: takes the error of each SKU that eBay
    fails to read. Where it fails at several, each is read by itself. Raises what stops all of them."""
    shown: dict[str, str] = {}
    wanted, lost = sorted(skus), 0
    groups = [wanted[start : start + ITEMS_A_CALL] for start in range(0, len(wanted), ITEMS_A_CALL)]
    while groups:
        group = groups.pop(0)
        try:
            shown |= _read_group(account, group, failed)
            lost = 0
        except STOPS:
            raise
        except (TransientError, PermanentError) as error:
            lost += 1
            if lost > MOST_FAILED:
                raise
            if len(group) > 1:
                groups = [*([sku] for sku in group), *groups]
            else:
                failed[group[0]] = error
    return shown


def _read_group(account: Account, skus: Sequence[str], failed: Failed) -> dict[str, str]:
    body = {"requests": [{"sku": sku} for sku in skus]}
    answer = account.post("bulkGetInventoryItem", BULK, body, repeat=Repeat.STATE, ok=(200, 207))
    responses = account.decode(answer, ItemsAnswer).responses
    for row in responses:
        if row.status_code not in (200, 404) and row.sku in skus:
            kind = TransientError if row.status_code >= 500 else PermanentError
            failed[row.sku] = kind(f"eBay does not show the item of this listing (status {row.status_code}).")
    return dict(_show_items(row.inventory_item for row in responses if row.status_code == 200 and row.inventory_item))


def add_specifics(listings: Iterable[ShownListing], by_sku: Mapping[str, str]) -> Iterator[ShownListing]:
    """The listings, those of one SKU with their specifics where it has some that can be read."""
    for listing in listings:
        sku = listing.skus[0]
        if len(listing.skus) > 1 or sku not in by_sku or "variation" in listing.reference:
            yield listing
        else:
            yield msgspec.structs.replace(listing, values={**listing.values, SPECIFICS: by_sku[sku]})


def show_aspects(item: Mapping[str, Any]) -> str | None:
    """The specifics of an item as text; None where they cannot be told apart."""
    try:
        return _write(msgspec.convert(item, AspectsItem))
    except msgspec.ValidationError:
        return None


def _show_items(items: Iterable[msgspec.Raw]) -> Iterator[tuple[str, str]]:
    for raw in items:
        try:
            item = decode_json(_ITEM, raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        text = _write(item)
        if text is not None and item.sku and not item.group_ids and not item.inventory_item_group_keys:
            yield item.sku, text


def _write(item: AspectsItem) -> str | None:
    aspects: Mapping[str, Sequence[str]] = (item.product.aspects if item.product else None) or {}
    try:
        return write_specifics(aspects)
    except ValueError:
        return None
