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
MOST_NAME, MOST_VALUE, MOST_SPECIFICS = 40, 50, 45  # of item specifics


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
    wanted_specifics = request.findtext("IncludeItemSpecifics") == "true"
    return answer("GetItem", "Success", now, [_build_item(group, described=True, specified=wanted_specifics)])


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
        specifics = _read_specifics(request)
        rewrite(offered, wanted, request.findtext("Item/Title"), request.findtext("Item/Description"), pictures)
        for listing in offered if specifics is not None else ():
            if listing.item_id == wanted:
                listing.specifics = specifics or {}
    except Refused as error:
        return failure("ReviseFixedPriceItem", now, error.code, error.message)
    return answer("ReviseFixedPriceItem", "Success", now, [("ItemID", wanted)])


def _read_specifics(request: ET.Element) -> dict[str, list[str]] | None:
    """The container, which replaces all of a listing's; None where it is not sent. Raises Refused."""
    container = request.find("Item/ItemSpecifics")
    if container is None:
        return None
    specifics = {
        row.findtext("Name", ""): [value.text or "" for value in row.findall("Value")]
        for row in container.findall("NameValueList")
    }
    for name, values in specifics.items():
        if not name or len(name) > MOST_NAME or any(not value or len(value) > MOST_VALUE for value in values):
            raise Refused("21919308", "An item specific is too long, or empty.")
    if len(specifics) > MOST_SPECIFICS:
        raise Refused("21919309", "A listing has too many item specifics.")
    return specifics


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


def _build_item(group: list[Offered], *, described: bool = False, specified: bool = False) -> Node:
    """specified: with item specifics, which no list shows."""
    first = group[0]
    specifics = first.item.get("product", {}).get("aspects", {}) if first.offer_id else first.specifics
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
            (
                "ItemSpecifics",
                [
                    ("NameValueList", [("Name", name), *(("Value", value) for value in values)])
                    for name, values in specifics.items()
                ],
            )
            if specified and specifics
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
