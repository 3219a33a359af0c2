"""Item specifics of listings: the aspects of the Inventory API's items, and what GetItem shows of the Trading API's.

What belongs here: reading them, what is written. What does not: which are right (domain/content/entries.py), writing an
item (managed.py) or a listing (revising.py).

Aspects are read 200 items a call, and 25 a call before a write. No list of the Trading API shows item specifics, and
GetItem, which does, reads one listing a call, of which eBay grants few. So of the listings that it made some are read
each night, and one right before its specifics are written, because that replaces all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ....core.errors import PermanentError, TransientError
from ....core.legible import decode_json
from ....domain.content.entries import read_specifics, write_specifics
from ....domain.content.fields import SPECIFICS, Limit
from ....domain.content.listings import ShownListing
from ...http.session import Repeat
from ...product_content import STOPS, Failed
from ...reach import MOST_LOST
from ..api.account import Account
from ..api.inventory_items import read_pages
from .payloads import AspectsItem, ItemsAnswer, ShownItem

# sell_inventory_v1, Product.aspects; Trading API, "Item specifics" of a listing.
LIMIT = Limit(most=50, most_name=40, lines=45)
BULK, ITEMS_A_CALL = "/sell/inventory/v1/bulk_get_inventory_item", 25
_ITEM = msgspec.json.Decoder(AspectsItem)


def read_all(account: Account) -> dict[str, str | None]:
    """The specifics of every item by its SKU; None for those of variations and those that cannot be read: they stay."""
    return dict(_show_items(raw for page in read_pages(account) for raw in page.inventory_items))


def read_some(account: Account, skus: Collection[str], failed: Failed) -> dict[str, str | None]:
    """As `read_all`, of these SKUs; none for one that eBay does not show. failed: takes the error of each SKU that eBay
    fails to read. Where it fails at several, each is read by itself. Raises what stops all of them."""
    shown: dict[str, str | None] = {}
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
            if lost > MOST_LOST:
                raise
            if len(group) > 1:
                groups = [*([sku] for sku in group), *groups]
            else:
                failed[group[0]] = error
    return shown


def _read_group(account: Account, skus: Sequence[str], failed: Failed) -> dict[str, str | None]:
    body = {"requests": [{"sku": sku} for sku in skus]}
    answer = account.post("bulkGetInventoryItem", BULK, body, repeat=Repeat.STATE, ok=(200, 207))
    responses = account.decode(answer, ItemsAnswer).responses
    for row in responses:
        if row.status_code not in (200, 404) and row.sku in skus:
            kind = TransientError if row.status_code >= 500 else PermanentError
            failed[row.sku] = kind(f"eBay does not show the item of this listing (status {row.status_code}).")
    return dict(_show_items(row.inventory_item for row in responses if row.status_code == 200 and row.inventory_item))


def add_specifics(listings: Iterable[ShownListing], by_sku: Mapping[str, str | None]) -> Iterator[ShownListing]:
    """The listings, those of one SKU with their specifics where it has some that can be read."""
    for listing in listings:
        text = by_sku.get(listing.skus[0])
        if len(listing.skus) > 1 or text is None or "variation" in listing.reference:
            yield listing
        else:
            yield msgspec.structs.replace(listing, values={**listing.values, SPECIFICS: text})


def show_specifics(item: ShownItem) -> dict[str, str]:
    """The specifics that GetItem shows of a listing without variations, as a value of the listing; nothing where they
    cannot be told apart."""
    entries = item.ItemSpecifics.NameValueList if item.ItemSpecifics else []
    try:
        return {} if item.Variations else {SPECIFICS: write_specifics({row.Name: row.Value for row in entries})}
    except ValueError:
        return {}


def build_specifics(text: str) -> dict[str, Any]:
    """The container ItemSpecifics of a revision, which replaces all of a listing's."""
    specifics = read_specifics(text)
    return {"NameValueList": [{"Name": name, "Value": values} for name, values in specifics.items()]}


def show_aspects(item: Mapping[str, Any]) -> str | None:
    """The specifics of an item as text; None where they cannot be told apart."""
    try:
        return _write(msgspec.convert(item, AspectsItem))
    except msgspec.ValidationError:
        return None


def _show_items(items: Iterable[msgspec.Raw]) -> Iterator[tuple[str, str | None]]:
    for raw in items:
        try:
            item = decode_json(_ITEM, raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if item.sku:
            yield item.sku, None if item.group_ids or item.inventory_item_group_keys else _write(item)


def _write(item: AspectsItem) -> str | None:
    aspects: Mapping[str, Sequence[str]] = (item.product.aspects if item.product else None) or {}
    try:
        return write_specifics(aspects)
    except ValueError:
        return None
