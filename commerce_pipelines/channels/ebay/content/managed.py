"""A listing that the Inventory API made: the item holds title and pictures, the offer the description.

What belongs here: reading an item or an offer and writing it back with some fields changed. What does not: which API
made a listing (revising.py).

**Both calls replace everything**: a field that is not sent is removed from the live listing. So the whole object is
read, some of its fields changed, and all of it sent, without those that only answers have. That includes a quantity:
the one read right before, or stock's target where that is smaller. Stock's lock, under which content is sent, keeps our
own pushes from coming between (Content.writes_stock). eBay knows no condition for a write, so a sale may still come
between: what it says was sold is looked at after each write, and what was sold meanwhile is taken off again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ....core.errors import PermanentError, ProtocolError
from ....core.legible import decode_as
from ...http.session import Repeat, Response
from ..api import payloads
from ..api.account import Account
from .payloads import Offers

ITEM, OFFER = "/sell/inventory/v1/inventory_item", "/sell/inventory/v1/offer"
OF_ANSWERS = {
    "item": frozenset(("sku", "locale", "groupIds", "inventoryItemGroupKeys")),
    "offer": frozenset(("offerId", "sku", "marketplaceId", "format", "listing", "status")),
}
MOST_CORRECTIONS = 3  # writes because of sales that came between; what comes then, stock corrects
LOCALE = "de-DE"  # where an item does not name its own


class Managed(msgspec.Struct, frozen=True):
    """One SKU of the Inventory API and its published offer of one listing, as they are now. sold: units that all
    listings of the SKU have sold; offer_sold: those of this one."""

    sku: str
    item_id: str
    item: dict[str, Any]
    offer: dict[str, Any]
    sold: int = 0
    offer_sold: int = 0

    @property
    def is_grouped(self) -> bool:
        """Whether its listing has variations, whose title and description belong to their group."""
        return bool(self.item.get("groupIds") or self.item.get("inventoryItemGroupKeys"))

    @property
    def locale(self) -> str:
        return str(self.item.get("locale") or LOCALE).replace("_", "-")

    @property
    def total(self) -> int | None:
        """The quantity of the SKU that may be lowered; None where it has none, or where it is a sum over locations."""
        availability = self.item.get("availability")
        stock = availability.get("shipToLocationAvailability") if isinstance(availability, dict) else None
        if not isinstance(stock, dict) or stock.get("availabilityDistributions"):
            return None
        return _read_count(stock.get("quantity"))

    @property
    def addresses(self) -> list[str]:
        """Of its pictures."""
        product = self.item.get("product")
        return list(map(str, (product if isinstance(product, dict) else {}).get("imageUrls") or ()))

    @property
    def available(self) -> int | None:
        """The quantity of the offer; None where it has none."""
        return _read_count(self.offer.get("availableQuantity"))


def _read_count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def find_managed(account: Account, sku: str, item_id: str) -> Managed | None:
    """What the Inventory API has of a listing; None for one that it did not make."""
    if not sku:
        return None
    answer = account.rest("getOffers", OFFER, {"sku": sku, "format": "FIXED_PRICE"}, ok=(200, 404))
    if answer.status == 404:
        return None
    # Offers first: a sale between both calls then counts as one since, which lowers the item once too often, and the
    # other way round it would be missed.
    offers = account.decode(answer, Offers).offers
    for offer in offers:
        if _read_listing(offer).get("listingId") == item_id and offer.get("offerId"):
            answer = account.rest("getInventoryItem", f"{ITEM}/{quote(sku, safe='')}")
            sold = sum(map(_count_sold, offers))
            return Managed(sku, item_id, _read_object(answer), offer, sold, _count_sold(offer))
    return None


def _read_listing(offer: dict[str, Any]) -> dict[str, Any]:
    return offer.get("listing") or {}


def _count_sold(offer: dict[str, Any]) -> int:
    return _read_count(_read_listing(offer).get("soldQuantity")) or 0


def change_item(
    account: Account, managed: Managed, product: Mapping[str, Any], targets: Mapping[str, int | None],
    count: Callable[[], None],
) -> Response:  # fmt: skip
    """The item with these fields of its product changed, of `title`, `aspects` and `imageUrls`. targets:
    SentChange.targets; a SKU's total serves all of its listings, so their largest target bounds it. count: called for
    each further write."""
    bounds = [target for target in targets.values() if target is not None]
    quantity = managed.total
    if quantity is not None and bounds and len(bounds) == len(targets):
        quantity = min(quantity, max(bounds))
    answer = _put_item(account, managed, product, quantity)
    for _ in range(MOST_CORRECTIONS):
        now = find_managed(account, managed.sku, managed.item_id) if quantity is not None else None
        if answer.status == 400 or quantity is None or now is None or now.sold <= managed.sold:
            break
        quantity = max(0, min(quantity - (now.sold - managed.sold), quantity if now.total is None else now.total))
        managed = now
        count()
        _put_item(account, managed, product, quantity)
    return answer


def change_description(
    account: Account, managed: Managed, html: str, targets: Mapping[str, int | None], count: Callable[[], None]
) -> Response:  # fmt: skip
    """The offer with another description, which eBay shows in place of the item's. count: called for each further
    write."""
    quantity, target = managed.available, targets.get(f"{managed.item_id}:{managed.sku}")
    if quantity is not None and target is not None:
        quantity = min(quantity, target)
    answer = _put_description(account, managed, html, quantity)
    for _ in range(MOST_CORRECTIONS):
        now = find_managed(account, managed.sku, managed.item_id) if quantity is not None else None
        if answer.status == 400 or quantity is None or now is None or now.offer_sold <= managed.offer_sold:
            break
        sold = now.offer_sold - managed.offer_sold
        quantity = max(0, min(quantity - sold, quantity if now.available is None else now.available))
        managed = now
        count()
        _put_description(account, managed, html, quantity)
    return answer


def _put_item(account: Account, managed: Managed, changed: Mapping[str, Any], quantity: int | None) -> Response:
    """quantity: of the SKU; None to send what was read."""
    product = managed.item.get("product")
    if not isinstance(product, dict):
        raise PermanentError(f"eBay shows no product of {managed.sku}, so it cannot be written back as a whole.")
    item = {name: value for name, value in managed.item.items() if name not in OF_ANSWERS["item"]}
    item["product"] = {**product, **changed}
    if isinstance(stock := item.get("availability"), dict):
        item["availability"] = _set_quantity(stock, quantity)
    path = f"{ITEM}/{quote(managed.sku, safe='')}"
    return account.put(
        "createOrReplaceInventoryItem",
        path,
        item,
        repeat=Repeat.STATE,
        language=managed.locale,
        ok=(200, 201, 204, 400),
    )


def _put_description(account: Account, managed: Managed, html: str, quantity: int | None) -> Response:
    """quantity: of the offer; None to send what was read."""
    offer = {name: value for name, value in managed.offer.items() if name not in OF_ANSWERS["offer"]}
    offer["listingDescription"] = html
    if quantity is not None:
        offer["availableQuantity"] = quantity
    path = f"{OFFER}/{quote(str(managed.offer['offerId']), safe='')}"
    return account.put("updateOffer", path, offer, repeat=Repeat.STATE, language=managed.locale, ok=(200, 204, 400))


def read_errors(account: Account, answer: Response) -> list[payloads.Error]:
    return account.decode(answer, payloads.Errors).errors


def _set_quantity(availability: dict[str, Any], quantity: int | None) -> dict[str, Any]:
    """With this quantity, and without how it is divided among formats, which answers show and requests do not take."""
    stock = availability.get("shipToLocationAvailability")
    if not isinstance(stock, dict):
        return availability
    stock = {name: value for name, value in stock.items() if name != "allocationByFormat"}
    if quantity is not None:
        stock["quantity"] = quantity
    return {**availability, "shipToLocationAvailability": stock}


def _read_object(answer: Response) -> dict[str, Any]:
    try:
        return decode_as(dict[str, Any], answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProtocolError("eBay's answer to getInventoryItem is no JSON object.") from None
