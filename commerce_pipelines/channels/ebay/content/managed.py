"""Texts of a listing that the Inventory API made: the item holds the title, the offer the description.

What belongs here: reading an item or an offer and writing it back with one text changed. What does not: which API made
a listing (texts.py).

**Both calls replace everything**: a field that is not sent is removed from the live listing. So the whole object is
read, one text of it changed, and all of it sent, without the fields that only answers have. That includes the quantity
as it was read a moment ago; stock's lock, under which content is sent, keeps our own pushes from coming between
(Content.writes_stock).
"""

from __future__ import annotations

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
LOCALE = "de-DE"  # where an item does not name its own


class Managed(msgspec.Struct, frozen=True):
    """One SKU of the Inventory API and its published offer of one listing, as they are now."""

    sku: str
    item: dict[str, Any]
    offer: dict[str, Any]

    @property
    def is_grouped(self) -> bool:
        """Whether its listing has variations, whose title and description belong to their group."""
        return bool(self.item.get("groupIds") or self.item.get("inventoryItemGroupKeys"))

    @property
    def locale(self) -> str:
        return str(self.item.get("locale") or LOCALE).replace("_", "-")


def find_managed(account: Account, sku: str, item_id: str) -> Managed | None:
    """What the Inventory API has of a listing; None for one that it did not make."""
    if not sku:
        return None
    answer = account.rest("getOffers", OFFER, {"sku": sku, "format": "FIXED_PRICE"}, ok=(200, 404))
    if answer.status == 404:
        return None
    for offer in account.decode(answer, Offers).offers:
        if (offer.get("listing") or {}).get("listingId") == item_id and offer.get("offerId"):
            answer = account.rest("getInventoryItem", f"{ITEM}/{quote(sku, safe='')}")
            return Managed(sku, _read_object(answer), offer)
    return None


def put_title(account: Account, managed: Managed, title: str) -> Response:
    """The item with another title."""
    product = managed.item.get("product")
    if not isinstance(product, dict):
        raise PermanentError(f"eBay shows no product of {managed.sku}, so it cannot be written back as a whole.")
    item = {name: value for name, value in managed.item.items() if name not in OF_ANSWERS["item"]}
    item["product"] = {**product, "title": title}
    if isinstance(stock := item.get("availability"), dict):
        item["availability"] = _cut_allocation(stock)
    path = f"{ITEM}/{quote(managed.sku, safe='')}"
    return account.put(
        "createOrReplaceInventoryItem",
        path,
        item,
        repeat=Repeat.STATE,
        language=managed.locale,
        ok=(200, 201, 204, 400),
    )


def put_description(account: Account, managed: Managed, html: str) -> Response:
    """The offer with another description, which eBay shows in place of the item's."""
    offer = {name: value for name, value in managed.offer.items() if name not in OF_ANSWERS["offer"]}
    offer["listingDescription"] = html
    path = f"{OFFER}/{quote(str(managed.offer['offerId']), safe='')}"
    return account.put("updateOffer", path, offer, repeat=Repeat.STATE, language=managed.locale, ok=(200, 204, 400))


def read_errors(account: Account, answer: Response) -> list[payloads.Error]:
    return account.decode(answer, payloads.Errors).errors


def _cut_allocation(availability: dict[str, Any]) -> dict[str, Any]:
    """Without how the quantity is divided among formats, which answers show and requests do not take."""
    stock = availability.get("shipToLocationAvailability")
    if not isinstance(stock, dict):
        return availability
    stock = {name: value for name, value in stock.items() if name != "allocationByFormat"}
    return {**availability, "shipToLocationAvailability": stock}


def _read_object(answer: Response) -> dict[str, Any]:
    try:
        return decode_as(dict[str, Any], answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProtocolError("eBay's answer to getInventoryItem is no JSON object.") from None
