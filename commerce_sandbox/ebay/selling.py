"""How the Trading API shows listings and revises them: GetMyeBaySelling and ReviseInventoryStatus.

What belongs here: their answers. What does not: the listings and eBay's rules (listings.py), XML itself (trading.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import groupby
from xml.etree import ElementTree as ET

from ..server import Reply
from .listings import Offered, Refused, revise
from .trading import Node, amount_node, answer, error_node, failure

MOST = 4


def my_selling(offered: Collection[Offered], request: ET.Element, now: datetime) -> Reply:
    """Active listings by item id, 200 a page at most."""
    size = int(request.findtext("ActiveList/Pagination/EntriesPerPage", "25"))
    number = int(request.findtext("ActiveList/Pagination/PageNumber", "1"))
    if not 1 <= size <= 200:
        return failure("GetMyeBaySelling", now, "37", "Input data for tag <EntriesPerPage> is invalid.")
    active = sorted((listing for listing in offered if not listing.ended), key=lambda listing: listing.item_id)
    items = [list(group) for _, group in groupby(active, key=lambda listing: listing.item_id)]
    page = items[(number - 1) * size : number * size]
    shown: list[Node] = [("ItemArray", [_build_item(group) for group in page])] if page else []
    counts = [("TotalNumberOfPages", str(-(-len(items) // size))), ("TotalNumberOfEntries", str(len(items)))]
    return answer("GetMyeBaySelling", "Success", now, [("ActiveList", [*shown, ("PaginationResult", counts)])])


def revise_status(
    offered: Collection[Offered], request: ET.Element, now: datetime, refused: Mapping[str, Refused], zero_allowed: bool
) -> Reply:
    """Each InventoryStatus by itself: those that succeeded are listed, each other one adds an error."""
    statuses = request.findall("InventoryStatus")
    if not 1 <= len(statuses) <= MOST:
        return failure("ReviseInventoryStatus", now, "21916799", "One call revises up to four listings.")
    done: list[Node] = []
    errors: list[Node] = []
    for status in statuses:
        item_id, sku = status.findtext("ItemID", ""), status.findtext("SKU", "")
        try:
            named = next((listing.sku for listing in offered if listing.item_id == item_id), "")
            if problem := refused.get(sku or named):
                raise problem
            revised = revise(offered, item_id, sku, int(status.findtext("Quantity", "0")), zero_allowed=zero_allowed)
        except Refused as error:
            errors.append(error_node(error.code, error.message))
            continue
        done.append(
            ("InventoryStatus", [("SKU", revised.sku), ("ItemID", revised.item_id),
                                 amount_node("StartPrice", revised.price, "EUR"),
                                 ("Quantity", str(revised.available))])
        )  # fmt: skip
    ack = "Success" if not errors else "PartialFailure" if done else "Failure"
    return answer("ReviseInventoryStatus", ack, now, done, errors)


def _build_item(group: list[Offered]) -> Node:
    first = group[0]
    varied = bool(first.variation)
    return (
        "Item",
        [
            ("ItemID", first.item_id),
            ("ListingType", "FixedPriceItem"),
            ("Quantity", str(sum(listing.shown + listing.sold for listing in group))),
            ("Title", first.title),
            ("QuantityAvailable", str(sum(listing.shown for listing in group))),
            ("SKU", first.sku) if first.sku and not varied else None,
            ("Variations", [_build_variation(listing) for listing in group]) if varied else None,
        ],
    )


def _build_variation(listing: Offered) -> Node:
    return (
        "Variation",
        [
            ("SKU", listing.sku),
            amount_node("StartPrice", listing.price, "EUR"),
            ("Quantity", str(listing.shown + listing.sold)),
            ("SellingStatus", [("QuantitySold", str(listing.sold))]),
            ("VariationTitle", f"{listing.title}[{listing.variation}]"),
        ],
    )
