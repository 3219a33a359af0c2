"""How the Trading API shows listings and revises them: GetMyeBaySelling, GetSellerList, GetItem, ReviseInventoryStatus
and ReviseFixedPriceItem.

What belongs here: their answers. What does not: the listings and eBay's rules (listings.py), XML itself (trading.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import groupby
from xml.etree import ElementTree as ET

from ..server import Reply
from .listings import Offered, Refused, revise, rewrite
from .trading import Node, amount_node, answer, error_node, failure

MOST = 4
MOST_SKUS = 50


def my_selling(offered: Collection[Offered], request: ET.Element, now: datetime) -> Reply:
    """Active listings by item id, 200 a page at most."""
    size = int(request.findtext("ActiveList/Pagination/EntriesPerPage", "25"))
    number = int(request.findtext("ActiveList/Pagination/PageNumber", "1"))
    if not 1 <= size <= 200:
        return failure("GetMyeBaySelling", now, "37", "Input data for tag <EntriesPerPage> is invalid.")
    items = _group_active(offered)
    page = items[(number - 1) * size : number * size]
    shown: list[Node] = [("ItemArray", [_build_item(group) for group in page])] if page else []
    counts = [("TotalNumberOfPages", str(-(-len(items) // size))), ("TotalNumberOfEntries", str(len(items)))]
    return answer("GetMyeBaySelling", "Success", now, [("ActiveList", [*shown, ("PaginationResult", counts)])])


def seller_list(offered: Collection[Offered], request: ET.Element, now: datetime) -> Reply:
    """Listings that end within a span of time: every active one is renewed within a month. Of these SKUs alone where
    any are named."""
    begin, end = request.findtext("EndTimeFrom"), request.findtext("EndTimeTo")
    if not begin or not end:
        return failure("GetSellerList", now, "37", "Input data for tag <EndTimeFrom> is invalid or missing.")
    size = int(request.findtext("Pagination/EntriesPerPage", "25"))
    number = int(request.findtext("Pagination/PageNumber", "1"))
    items = _group_active(offered)
    if skus := {element.text for element in request.findall("SKUArray/SKU")}:
        if len(skus) > MOST_SKUS:
            return failure("GetSellerList", now, "37", "Input data for tag <SKUArray> is invalid.")
        items = [group for group in items if skus & {listing.sku for listing in group}]
    page = items[(number - 1) * size : number * size]
    counts = [("TotalNumberOfPages", str(-(-len(items) // size))), ("TotalNumberOfEntries", str(len(items)))]
    more = "true" if number * size < len(items) else "false"
    shown: list[Node] = [("ItemArray", [_build_item(group, described=True) for group in page])] if page else []
    return answer("GetSellerList", "Success", now, [("PaginationResult", counts), ("HasMoreItems", more), *shown])


def get_item(offered: Collection[Offered], request: ET.Element, now: datetime) -> Reply:
    wanted = request.findtext("ItemID", "")
    group = next((group for group in _group_active(offered) if group[0].item_id == wanted), None)
    if group is None:
        return failure("GetItem", now, "17", "This item cannot be accessed because the listing has been deleted.")
    return answer("GetItem", "Success", now, [_build_item(group, described=True)])


def revise_item(
    offered: Collection[Offered], request: ET.Element, now: datetime, refused: Mapping[str, Refused]
) -> Reply:
    """Only the given fields change."""
    wanted = request.findtext("Item/ItemID", "")
    try:
        sku = next((listing.sku for listing in offered if listing.item_id == wanted), "")
        if problem := refused.get(sku):
            raise problem
        pictures = [address.text or "" for address in request.findall("Item/PictureDetails/PictureURL")]
        rewrite(offered, wanted, request.findtext("Item/Title"), request.findtext("Item/Description"), pictures)
    except Refused as error:
        return failure("ReviseFixedPriceItem", now, error.code, error.message)
    return answer("ReviseFixedPriceItem", "Success", now, [("ItemID", wanted)])


def _group_active(offered: Collection[Offered]) -> list[list[Offered]]:
    active = sorted((listing for listing in offered if not listing.ended), key=lambda listing: listing.item_id)
    return [list(group) for _, group in groupby(active, key=lambda listing: listing.item_id)]


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
            quantity, price = status.findtext("Quantity"), status.findtext("StartPrice")
            revised = revise(
                offered, item_id, sku, None if quantity is None else int(quantity), zero_allowed=zero_allowed
            )
            revised.price = revised.price if price is None else round(float(price) * 100)
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


def _build_item(group: list[Offered], *, described: bool = False) -> Node:
    first = group[0]
    varied = bool(first.variation)
    return (
        "Item",
        [
            ("Description", first.description) if described and first.description else None,
            ("ItemID", first.item_id),
            ("ListingType", "FixedPriceItem"),
            ("Quantity", str(sum(listing.shown + listing.sold for listing in group))),
            amount_node("StartPrice", first.price, "EUR") if described and not varied else None,
            ("Title", first.title),
            ("QuantityAvailable", str(sum(listing.shown for listing in group))),
            ("SKU", first.sku) if first.sku and not varied else None,
            ("PictureDetails", [("PictureURL", address) for address in first.addresses])
            if described and first.addresses
            else None,
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
