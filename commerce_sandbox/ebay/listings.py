"""What the sandbox's merchant offers on eBay, and what revising a listing does to it.

What belongs here: listings, their ids and quantities, eBay's rules for revisions. What does not: how either API writes
them (inventory.py, trading.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..catalogue import Article

REVISIONS_A_DAY = 250
MOST_TITLE = 80
UNLISTED = 2  # articles at the catalogue's end that are not on eBay


class Offered(msgspec.Struct, kw_only=True):
    """One listing, or one variation of a multi-variation listing. offer_id: only where the Inventory API made it. item,
    offer: what else its item and its offer hold there. description: what buyers see. pictures: addresses, of a listing
    that another API made; specifics: by name, of such a listing too.

    Buyers see the smaller of `total` and `available` there, `available` elsewhere.
    """

    item_id: str
    sku: str
    title: str
    price: int
    available: int
    total: int = 0
    sold: int = 3
    variation: str = ""
    offer_id: str = ""
    revisions: int = 0
    ended: bool = False
    description: str = ""
    pictures: list[str] = []
    specifics: dict[str, list[str]] = {}
    item: dict[str, Any] = {}
    offer: dict[str, Any] = {}

    @property
    def addresses(self) -> list[str]:
        """Of the pictures that buyers see."""
        return list(self.item["product"]["imageUrls"]) if self.offer_id else self.pictures

    @property
    def shown(self) -> int:
        return min(self.total, self.available) if self.offer_id else self.available


class Refused(Exception):
    """eBay's error code and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def item_id(catalogue: Sequence[Article], sku: str) -> str:
    """The listing's item id: twelve digits, the same for both colours of a mug."""
    skus = [_cut_variation(article.sku) for article in catalogue]
    return f"{110_000_000_000 + 37 * skus.index(_cut_variation(sku))}"


def seed(catalogue: Sequence[Article]) -> list[Offered]:
    """Every third article by the Inventory API, the two mugs as variations, one listing without a SKU."""
    offered = []
    for at, article in enumerate(catalogue[:-UNLISTED] if len(catalogue) > UNLISTED else catalogue):
        variation = {"-BL": "Blue", "-GR": "Green"}.get(article.sku[-3:], "")
        quantity = 4 + at % 9
        managed = at % 3 == 0 and not variation
        offered.append(
            Offered(
                item_id=item_id(catalogue, article.sku),
                sku=article.sku,
                title=article.title,
                price=article.price_minor_eur,
                available=quantity,
                total=quantity,
                variation=variation,
                offer_id=f"{9_000_000_000 + at}" if managed else "",
                pictures=[] if managed else [f"https://i.ebayimg.com/00/s/x/z/own{at}/$_57.JPG"],
                item={
                    "condition": "NEW",
                    "product": {
                        "brand": "Kettle & Cup",
                        "imageUrls": [f"https://i.example.com/{at}.jpg"],
                    },
                    "packageWeightAndSize": {"weight": {"value": 1.5, "unit": "KILOGRAM"}},
                }
                if managed
                else {},
                offer={"categoryId": "20667", "quantityLimitPerBuyer": 5} if managed else {},
            )
        )
    offered.append(Offered(item_id="119999999999", sku="", title="Box of Odd Saucers", price=500, available=2))
    return offered


def revise(
    offered: Iterable[Offered], wanted_item: str, wanted_sku: str, quantity: int | None, *, zero_allowed: bool
) -> Offered:
    """Set what is available of a classic listing, None to leave it. Raises Refused."""
    of_item = [listing for listing in offered if listing.item_id == wanted_item and not listing.ended]
    matching = (
        [listing for listing in of_item if listing.sku == wanted_sku] if wanted_sku or len(of_item) != 1 else of_item
    )
    if len(matching) != 1:
        raise Refused("17", "This item cannot be accessed because the listing has been deleted or has ended.")
    revised = matching[0]
    if revised.offer_id:
        raise Refused("21919474", "Inventory-based listing management is not currently supported by this tool.")
    if quantity is not None and (quantity < 0 or (quantity == 0 and not zero_allowed)):
        raise Refused("515", "The quantity must be a valid number greater than 0.")
    count(of_item)
    revised.available = revised.available if quantity is None else quantity
    return revised


def rewrite(
    offered: Iterable[Offered], wanted_item: str, title: str | None, description: str | None, pictures: Sequence[str]
) -> None:
    """Change texts of a classic listing, or all of its pictures; what is not named stays. Raises Refused."""
    of_item = [listing for listing in offered if listing.item_id == wanted_item and not listing.ended]
    if not of_item:
        raise Refused("291", "You are not allowed to revise ended listings.")
    if any(listing.offer_id for listing in of_item):
        raise Refused("21919474", "Inventory-based listing management is not currently supported by this tool.")
    if title is not None and len(title) > MOST_TITLE:
        raise Refused("70", "The title exceeds the limit of 80 characters.")
    count(of_item)
    for listing in of_item:
        listing.title = listing.title if title is None else title
        listing.description = listing.description if description is None else description
        listing.pictures = list(pictures) or listing.pictures


def count(of_item: Sequence[Offered]) -> None:
    """A listing is revised as a whole, up to 250 times a day. Raises Refused."""
    if of_item[0].revisions >= REVISIONS_A_DAY:
        raise Refused("21919028", "The listing has reached the number of revisions that are allowed in a day.")
    for listing in of_item:
        listing.revisions += 1


def _cut_variation(sku: str) -> str:
    return sku.removesuffix("-BL").removesuffix("-GR")


def of_inventory(offered: Iterable[Offered]) -> dict[str, Offered]:
    """Items of the Inventory API by SKU."""
    return {listing.sku: listing for listing in offered if listing.offer_id}
