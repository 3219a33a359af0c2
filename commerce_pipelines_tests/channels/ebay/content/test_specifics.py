"""Item specifics: those of Odoo change, the rest of a listing stays, whichever API made it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from commerce_pipelines.channels import product_content
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.domain.content.listings import ShownListing
from commerce_pipelines_tests.doubles.picture_source import MemoryPictures
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.server import Call, Fault

from ..account import channel
from .test_moved import change, edit_at, find_rows, is_write
from .test_texts import first, read, send, writes

OWNED = {"enabled": True, "owned": ["title", "specifics"]}


@pytest.fixture
def shop(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> EbayChannel:
    return channel(ebay, monkeypatch, content=OWNED)


def set_aspects(row: Any, **aspects: list[str]) -> None:
    row.item["product"]["aspects"] = aspects


def test_they_are_read_with_all_listings_and_written_with_a_title_in_one_revision(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    row = first(ebay, managed=True)
    set_aspects(row, Marke=["Acme"], Farbe=["Rot", "Blau"])
    before, listing = copy.deepcopy(row), read(shop)[row.item_id]
    assert listing.values["specifics"] == "Farbe: Rot\nFarbe: Blau\nMarke: Acme"
    assert next(iter(shop.content.reread([listing]))) == listing
    outcome = send(shop, listing, title="Kessel", specifics="Farbe: Grün\nMarke: Acme\nVolumen: 1,7 l")
    assert {answer.status for answer in outcome.values()} == {"accepted"}
    assert row.item["product"]["aspects"] == {"Farbe": ["Grün"], "Marke": ["Acme"], "Volumen": ["1,7 l"]}
    assert (row.title, row.revisions, len(writes(ebay))) == ("Kessel", 1, 1)
    assert (row.total, row.available, row.price, row.addresses) == (
        before.total, before.available, before.price, before.addresses
    )  # fmt: skip


def test_a_listing_of_the_trading_api_one_with_odd_names_and_a_variation_show_none(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    row = first(ebay, managed=True)
    row.item["product"]["aspects"] = {"Maße: außen": ["1"]}
    shown = read(shop)
    assert "specifics" not in shown[row.item_id].values
    assert "specifics" not in shown[first(ebay, managed=False).item_id].values
    assert any("specifics" in listing.values for listing in shown.values())
    assert not [key for key, listing in shown.items() if ":" in key and "specifics" in listing.values]


def test_without_specifics_among_the_owned_fields_no_items_are_read(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = channel(ebay, monkeypatch)
    assert not [listing for listing in read(shop).values() if "specifics" in listing.values]
    assert ebay.called("inventory_item") == []


@pytest.mark.parametrize("late", [False, True])
def test_specifics_that_somebody_changes_meanwhile_stay(
    ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """late: after the reading of many, by the time of the write."""
    monkeypatch.setattr(product_content, "MOST_AGE", 1e9)
    row = first(ebay, managed=True)
    set_aspects(row, Farbe=["Rot"])
    listing = read(shop)[row.item_id]
    if late:
        edit_at(ebay, lambda call: call.path.endswith("/offer"), lambda: set_aspects(row, Farbe=["Eigenes Rot"]))
    else:
        set_aspects(row, Farbe=["Eigenes Rot"])
    changes = [change(listing, "specifics", "Farbe: Blau"), change(listing, "title", "Kessel")]
    outcomes = {answer.key: answer.status for answer in shop.content.send(changes, MemoryPictures())}
    assert outcomes == {changes[0].key: "stale", changes[1].key: "accepted"}
    assert (row.item["product"]["aspects"], row.title) == ({"Farbe": ["Eigenes Rot"]}, "Kessel")


def test_what_ebay_refuses_is_refused_and_the_title_goes_on(ebay: EbayStandIn, shop: EbayChannel) -> None:
    row = first(ebay, managed=True)
    outcome = send(shop, read(shop)[row.item_id], title="Kessel", specifics=f"{'N' * 41}: x")
    assert (outcome["specifics"].status, outcome["title"].status) == ("refused", "accepted")
    assert outcome["specifics"].code == "25719"


def test_a_listing_whose_item_cannot_be_read_is_not_written(ebay: EbayStandIn, shop: EbayChannel) -> None:
    row = first(ebay, managed=True)
    listing = read(shop)[row.item_id]
    ebay.faults.append(Fault(match=lambda call: "bulk_get" in call.path, times=9, status=500))
    changes = [change(listing, "specifics", "Farbe: Blau")]
    assert [answer.status for answer in shop.content.send(changes, MemoryPictures())] == ["unknown"]
    assert not any(map(is_write, ebay.calls))


@pytest.mark.parametrize("by_item", [False, True])
def test_an_item_that_ebay_always_fails_to_read_holds_up_no_other(
    ebay: EbayStandIn, shop: EbayChannel, by_item: bool
) -> None:
    """by_item: eBay answers for all of them and says which of them it failed at."""
    rows, shown = find_rows(ebay, managed=True)[:3], read(shop)
    sku = rows[0].sku

    def mark(body: bytes) -> bytes:
        answer = json.loads(body)
        rows = [{"sku": sku, "statusCode": 500} if row["sku"] == sku else row for row in answer["responses"]]
        return json.dumps({"responses": rows}).encode()

    def is_reading(call: Call) -> bool:
        return "bulk_get" in call.path and json.dumps(sku).encode() in call.body

    ebay.faults.append(
        Fault(match=is_reading, times=99, after=True, change=mark) if by_item
        else Fault(match=is_reading, times=99, status=500)
    )  # fmt: skip
    changes = [change(shown[row.item_id], "specifics", "Farbe: Blau") for row in rows]
    outcomes = [answer.status for answer in shop.content.send(changes, MemoryPictures())]
    assert outcomes == ["unknown", "accepted", "accepted"]


def read_details(shop: EbayChannel, row: Any) -> ShownListing:
    [listing] = list(shop.content.read_details([read(shop)[row.item_id]]))
    return listing


def test_those_of_the_trading_api_are_read_one_by_one_and_replaced_with_all_others(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    row = first(ebay, managed=False)
    row.specifics = {"Marke": ["Acme"], "Farbe": ["Rot", "Blau"]}
    listing = read(shop)[row.item_id]
    assert ("specifics" in listing.values, shop.content.lacks_details(listing)) == (False, True)
    assert not shop.content.lacks_details(read(shop)[first(ebay, managed=True).item_id])
    listing = read_details(shop, row)
    assert listing.values["specifics"] == "Farbe: Rot\nFarbe: Blau\nMarke: Acme"
    outcome = send(shop, listing, title="Kessel", specifics="Farbe: Grün\nMarke: Acme\nVolumen: 1,7 l")
    assert {answer.status for answer in outcome.values()} == {"accepted"}
    assert row.specifics == {"Farbe": ["Grün"], "Marke": ["Acme"], "Volumen": ["1,7 l"]}
    assert (row.title, row.revisions, writes(ebay)) == ("Kessel", 1, ["ReviseFixedPriceItem"])
    [reread] = shop.content.reread([listing])
    assert reread.values["specifics"] == "Farbe: Grün\nMarke: Acme\nVolumen: 1,7 l"


def test_those_of_the_trading_api_that_somebody_changes_meanwhile_stay(ebay: EbayStandIn, shop: EbayChannel) -> None:
    row = first(ebay, managed=False)
    row.specifics = {"Farbe": ["Rot"]}
    listing = read_details(shop, row)
    row.specifics = {"Farbe": ["Rot"], "Eigenes": ["x"]}
    changes = [change(listing, "specifics", "Farbe: Blau"), change(listing, "title", "Kessel")]
    outcomes = {answer.key: answer.status for answer in shop.content.send(changes, MemoryPictures())}
    assert outcomes == {changes[0].key: "stale", changes[1].key: "accepted"}
    assert row.specifics == {"Farbe": ["Rot"], "Eigenes": ["x"]}


def test_a_title_alone_needs_no_call_for_specifics(ebay: EbayStandIn, shop: EbayChannel) -> None:
    rows = find_rows(ebay, managed=False)[:3]
    for row in rows:
        row.specifics = {"Farbe": ["Rot"]}
    listings = [read_details(shop, row) for row in rows]
    ebay.calls.clear()
    changes = [change(listing, "title", "Kessel") for listing in listings]
    assert {answer.status for answer in shop.content.send(changes, MemoryPictures())} == {"accepted"}
    names = [call.headers.get("x-ebay-api-call-name", "") for call in ebay.calls]
    assert (names.count("GetSellerList"), names.count("GetItem")) == (1, 0)
    assert [row.specifics for row in rows] == [{"Farbe": ["Rot"]}] * 3


def test_one_that_cannot_be_read_is_left_out_of_a_night(ebay: EbayStandIn, shop: EbayChannel) -> None:
    rows = find_rows(ebay, managed=False)[:2]
    shown = read(shop)
    rows[0].ended = True
    read_now = list(shop.content.read_details([shown[row.item_id] for row in rows]))
    assert [listing.key for listing in read_now] == [rows[1].item_id]
    assert read_now[0].values["specifics"] == ""
