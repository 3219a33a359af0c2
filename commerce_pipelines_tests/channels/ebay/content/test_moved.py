"""What somebody changes on eBay while other listings are written is not overwritten, and listings that eBay fails to
read hold up no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from commerce_pipelines.channels import product_content
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.content import texts
from commerce_pipelines.domain.content.listings import SentChange, ShownListing, Slot
from commerce_pipelines_tests.doubles.picture_source import MemoryPictures
from commerce_sandbox.ebay import EbayStandIn, selling
from commerce_sandbox.ebay.listings import Offered
from commerce_sandbox.server import Call, Fault, Reply

from ..account import channel
from .test_pictures import UPLOADS
from .test_texts import read, writes

WRITES = ("ReviseFixedPriceItem", "ReviseInventoryStatus")


@pytest.fixture
def shop(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> EbayChannel:
    return channel(ebay, monkeypatch, content=UPLOADS)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reading is old by the time of a write."""
    monkeypatch.setattr(product_content, "MOST_AGE", 0.0)


def is_write(call: Call) -> bool:
    return call.method == "PUT" or "bulk_update" in call.path or call.headers.get("x-ebay-api-call-name") in WRITES


def edit_at(ebay: EbayStandIn, fits: Callable[[Call], bool], edit: Callable[[], None]) -> None:
    """Somebody does something on eBay just when the first such call comes."""
    left = [edit]

    def meet(call: Call) -> bool:
        if left and fits(call):
            left.pop()()
        return False

    ebay.faults.append(Fault(match=meet))


def change(listing: ShownListing, field: str, after: str, **more: Any) -> SentChange:
    return SentChange(key=f"{listing.key} {field}", token=listing.key, listing=listing, field=field,
                      before=listing.values[field], after=after, **more)  # fmt: skip


def find_rows(ebay: EbayStandIn, *, managed: bool) -> list[Offered]:
    return [row for row in ebay.listings if bool(row.offer_id) == managed and not row.variation and row.sku]


@pytest.mark.parametrize("managed", [True, False])
@pytest.mark.parametrize("field", ["title", "description", "price"])
def test_what_is_edited_on_ebay_while_another_listing_is_written_stays(
    ebay: EbayStandIn, shop: EbayChannel, slow: None, managed: bool, field: str
) -> None:
    rows, shown = find_rows(ebay, managed=managed), read(shop)
    first, later = rows[0], rows[1:6]  # more prices than one call takes
    after = "12.34 EUR" if field == "price" else "<p>From Odoo</p>"
    edited = 999 if field == "price" else "Edited on eBay"

    def edit() -> None:
        setattr(later[-1], field, edited)

    edit_at(ebay, is_write, edit)
    changes = [change(shown[row.item_id], field, after) for row in (first, *later)]
    outcomes = {answer.key: answer.status for answer in shop.content.send(changes, MemoryPictures())}
    assert outcomes.pop(changes[-1].key) == "stale"
    assert set(outcomes.values()) == {"accepted"}
    assert getattr(later[-1], field) == edited


@pytest.mark.parametrize("managed", [True, False])
def test_a_picture_that_somebody_adds_while_ours_is_uploaded_is_not_removed(
    ebay: EbayStandIn, shop: EbayChannel, slow: None, managed: bool
) -> None:
    """The list of pictures is written as a whole."""
    row, source = find_rows(ebay, managed=managed)[0], MemoryPictures()
    listing = read(shop)[row.item_id]
    ids = ",".join(picture.id for picture in listing.pictures or ())
    slots = (Slot(place=1, picture=source.add(b"1")),)
    changes = [
        SentChange(key="images", token="t", listing=listing, field="images", before=ids, after="new", slots=slots),
        change(listing, "title", "Kettle 1.7 l"),
    ]
    addresses = [*row.addresses, "https://i.ebayimg.com/images/g/own/s-l1600.jpg"]

    def edit() -> None:
        if managed:
            row.item["product"]["imageUrls"] = list(addresses)
        row.pictures = list(addresses)

    edit_at(ebay, lambda call: "create_image_from_file" in call.path, edit)
    outcomes = {answer.key: answer.status for answer in shop.content.send(changes, source)}
    assert outcomes == {"images": "stale", f"{row.item_id} title": "accepted"}
    assert (row.addresses, row.title) == (addresses, "Kettle 1.7 l")


def test_listings_that_are_written_quickly_are_read_once(ebay: EbayStandIn, shop: EbayChannel) -> None:
    rows, shown = find_rows(ebay, managed=False)[:6], read(shop)
    ebay.calls.clear()
    changes = [change(shown[row.item_id], "title", "Kettle") for row in rows]
    assert {answer.status for answer in shop.content.send(changes, MemoryPictures())} == {"accepted"}
    names = [call.headers.get("x-ebay-api-call-name", "") for call in ebay.calls]
    assert (names.count("GetSellerList"), names.count("GetItem")) == (1, 0)


def test_some_listings_that_ebay_fails_to_list_hold_up_no_others(
    ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read one by one."""
    rows, shown = find_rows(ebay, managed=False)[:6], read(shop)
    monkeypatch.setattr(texts, "REREAD_AT_ONCE", 2)

    def fails(call: Call) -> bool:
        return b"GetSellerListRequest" in call.body and f"<SKU>{rows[0].sku}<".encode() in call.body

    ebay.faults.append(Fault(match=fails, times=99, status=500))
    changes = [change(shown[row.item_id], "title", "Kettle") for row in rows]
    outcomes = [answer.status for answer in shop.content.send(changes, MemoryPictures())]
    assert outcomes == ["accepted"] * 6


@pytest.mark.parametrize(
    ("code", "outcome"), [("17", ("refused", "gone")), ("10007", ("unknown", "failed")), ("37", ("refused", "failed"))]
)
def test_only_what_ebay_calls_gone_is_gone(
    ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch, code: str, outcome: tuple[str, str]
) -> None:
    rows, shown, real = find_rows(ebay, managed=False)[:3], read(shop), selling.get_item

    def fail(offered: Any, request: Any, now: Any) -> Reply:
        wanted = request.findtext("ItemID") == rows[0].item_id
        return selling.failure("GetItem", now, code, "No.") if wanted else real(offered, request, now)

    monkeypatch.setattr(selling, "get_item", fail)
    monkeypatch.setattr(selling, "MOST_SKUS", 0)  # so each is read by itself
    changes = [change(shown[row.item_id], "title", "Kettle") for row in rows]
    answers = [(answer.status, answer.code) for answer in shop.content.send(changes, MemoryPictures())]
    assert answers == [outcome, ("accepted", ""), ("accepted", "")]


def test_a_listing_that_ends_while_it_is_revised_is_gone(ebay: EbayStandIn, shop: EbayChannel) -> None:
    row, shown = find_rows(ebay, managed=False)[0], read(shop)
    edit_at(ebay, is_write, lambda: setattr(row, "ended", True))
    [answer] = shop.content.send([change(shown[row.item_id], "title", "Kettle")], MemoryPictures())
    assert (answer.status, answer.code, len(writes(ebay))) == ("refused", "gone", 1)
