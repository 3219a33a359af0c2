"""Pictures of eBay's listings over HTTP: uploaded once, put in their places, everything else as it was."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest

from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.content.pictures import MOST, name_picture
from commerce_pipelines.domain.content.listings import ContentOutcome, Picture, SentChange, ShownListing, Slot
from commerce_pipelines_tests.doubles.picture_source import MemoryPictures
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.server import Fault

from ..account import channel
from .test_texts import first, read, writes

UPLOADS = {"enabled": True, "owned": ["title", "description", "images"]}


@pytest.fixture
def shop(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> EbayChannel:
    return channel(ebay, monkeypatch, content=UPLOADS)


def place(
    shop: EbayChannel, listing: ShownListing, source: MemoryPictures, pictures: Sequence[Picture], *more: SentChange
) -> list[ContentOutcome]:
    """Put these pictures at the first places of a listing; a place that it shows is replaced."""
    shown = [picture.id for picture in listing.pictures or ()]
    slots = tuple(
        Slot(place=place, picture=picture, replaces=shown[place] if place < len(shown) else "")
        for place, picture in enumerate(pictures)
    )
    change = SentChange(
        key="images", token="t", listing=listing, field="images", before=",".join(shown), after="new", slots=slots
    )
    return list(shop.content.send([change, *more], source))


def uploads(ebay: EbayStandIn) -> int:
    return len(ebay.called("create_image_from_file"))


@pytest.mark.parametrize("managed", [True, False])
def test_a_picture_takes_its_place_and_a_further_one_the_end(
    ebay: EbayStandIn, shop: EbayChannel, managed: bool
) -> None:
    row, source = first(ebay, managed=managed), MemoryPictures()
    before = copy.deepcopy(row)
    pictures = [source.add(b"1"), source.add(b"2")]
    [outcome] = place(shop, read(shop)[row.item_id], source, pictures)
    assert (outcome.status, set(outcome.pictures)) == ("accepted", {0, 1})
    assert [ebay.media.files[address] for address in row.addresses] == list(source.contents.values())
    assert (row.title, row.total, row.available, row.price) == (
        before.title, before.total, before.available, before.price
    )  # fmt: skip
    shown = read(shop)[row.item_id].pictures or ()
    assert [picture.id for picture in shown] == [outcome.pictures[0], outcome.pictures[1]]
    assert (len(writes(ebay)), row.revisions, uploads(ebay)) == (1, 1, 2)


@pytest.mark.parametrize("managed", [True, False])
def test_a_title_and_a_picture_are_one_revision(ebay: EbayStandIn, shop: EbayChannel, managed: bool) -> None:
    row, source = first(ebay, managed=managed), MemoryPictures()
    listing = read(shop)[row.item_id]
    title = SentChange(
        key="title", token="t", listing=listing, field="title", before=row.title, after="Kettle 1.7 l"
    )  # fmt: skip
    outcomes = place(shop, listing, source, [source.add(b"1")], title)
    assert {outcome.status for outcome in outcomes} == {"accepted"}
    assert (row.title, row.revisions) == ("Kettle 1.7 l", 1)
    assert list(map(name_picture, row.addresses)) == ["up000001"]


def test_a_picture_whose_revision_was_lost_is_uploaded_once(ebay: EbayStandIn, shop: EbayChannel) -> None:
    row, source = first(ebay, managed=False), MemoryPictures()
    listing, picture = read(shop)[row.item_id], source.add(b"1")
    ebay.faults.append(Fault(match=lambda call: b"ReviseFixedPriceItem" in call.body, times=9, drop=True))
    [outcome] = place(shop, listing, source, [picture])
    assert (outcome.status, uploads(ebay)) == ("unknown", 1)
    ebay.faults.clear()
    [outcome] = place(shop, read(shop)[row.item_id], source, [picture])
    assert (outcome.status, uploads(ebay), source.opened) == ("accepted", 1, 1)
    assert list(map(name_picture, row.addresses)) == [source.kept[picture.checksum][1]]


@pytest.mark.parametrize("managed", [True, False])
def test_what_ebay_does_not_take_is_refused_and_the_title_goes_on(
    ebay: EbayStandIn, shop: EbayChannel, managed: bool
) -> None:
    row, source = first(ebay, managed=managed), MemoryPictures()
    shown = list(row.addresses)
    for attempt, picture in enumerate((source.add(b"1", "image/svg+xml"), source.add(b"2"))):
        ebay.media.refuses = attempt == 1
        listing = read(shop)[row.item_id]
        title = SentChange(
            key="title", token="t", listing=listing, field="title", before=row.title, after=f"Kettle {attempt}"
        )
        outcomes = {outcome.key: outcome for outcome in place(shop, listing, source, [picture], title)}
        assert (outcomes["images"].status, outcomes["title"].status) == ("refused", "accepted")
        assert (row.addresses, row.title) == (shown, f"Kettle {attempt}")
    listing = read(shop)[row.item_id]
    many = [source.add(bytes([number])) for number in range(MOST + 1)]
    [outcome] = place(shop, listing, source, many)
    assert (outcome.status, str(MOST) in outcome.message, uploads(ebay)) == ("refused", True, 1)


def test_an_item_with_other_pictures_than_its_listing_is_left_alone(ebay: EbayStandIn, shop: EbayChannel) -> None:
    """eBay shows copies of pictures on other servers, place by place; where the numbers differ, nothing tells which."""
    row, source = first(ebay, managed=True), MemoryPictures()
    listing = read(shop)[row.item_id]
    picture = source.add(b"1")
    ebay.faults.append(Fault(
        match=lambda call: call.method == "GET" and "/inventory_item/" in call.path, status=200,
        body=b'{"product": {"title": "x", "imageUrls": ["https://a.example/1.jpg", "https://a.example/2.jpg"]}}',
    ))  # fmt: skip
    [outcome] = place(shop, listing, source, [picture])
    assert (outcome.status, outcome.code, writes(ebay)) == ("refused", "pictures_differ", [])
    ebay.faults.append(Fault(
        match=lambda call: call.method == "GET" and "/inventory_item/" in call.path, status=200, times=2,
        body=b'{"product": {"title": "x", "imageUrls": ["https://a.example/1.jpg"]}}',
    ))  # fmt: skip
    [outcome] = place(shop, listing, source, [picture])
    assert (outcome.status, list(map(name_picture, row.addresses))) == ("accepted", ["up000001"])


def test_without_pictures_among_the_owned_fields_the_upload_host_is_not_called(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = channel(ebay, monkeypatch, endpoint="https://api.ebay.com", content={"enabled": True})
    assert [place.host for place in shop.account._account.settings.destinations()] == ["api.ebay.com", "127.0.0.1"]
    shop = channel(ebay, monkeypatch, endpoint="", content=UPLOADS)
    assert "apim.ebay.com" in [place.host for place in shop.account._account.settings.destinations()]
