"""Texts of eBay's listings over HTTP, by the API that made each: nothing but the text changes, the quantity least of
all. Judged by eBay's own contracts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from commerce_pipelines.channels.ebay.api.revisions import REVISION_RATE, may_revise
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.content import managed as inventory
from commerce_pipelines.channels.ebay.content.managed import find_managed
from commerce_pipelines.channels.ebay.content.texts import REREAD_AT_ONCE
from commerce_pipelines.channels.http.memory import MemoryBuckets
from commerce_pipelines.channels.http.throttle import Priority
from commerce_pipelines.core.errors import PermanentError, TransientError
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.domain.content.fields import fit
from commerce_pipelines.domain.content.listings import ContentOutcome, SentChange, ShownListing
from commerce_pipelines_tests.doubles.picture_source import MemoryPictures
from commerce_sandbox.ebay import EbayStandIn, selling
from commerce_sandbox.ebay.listings import REVISIONS_A_DAY, Offered, Refused
from commerce_sandbox.server import Reply

from ..account import channel

NO_TARGETS: Mapping[str, int | None] = {}
PICTURES = MemoryPictures()
HTML = "<p>For pour-over &amp; tea.</p>"


@pytest.fixture
def shop(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> EbayChannel:
    return channel(ebay, monkeypatch)


def read(shop: EbayChannel) -> dict[str, ShownListing]:
    return {listing.key: listing for page in shop.content.read() for listing in page}


def send(
    shop: EbayChannel, listing: ShownListing, targets: Mapping[str, int | None] = NO_TARGETS, **texts: str
) -> dict[str, ContentOutcome]:
    changes = [
        SentChange(key=field, token=field, listing=listing, field=field, before=listing.values[field], after=text,
                   targets=dict(targets))
        for field, text in texts.items()
    ]  # fmt: skip
    return {outcome.key: outcome for outcome in shop.content.send(changes, MemoryPictures())}


def first(ebay: EbayStandIn, *, managed: bool) -> Offered:
    return next(row for row in ebay.listings if bool(row.offer_id) == managed and not row.variation and row.sku)


def writes(ebay: EbayStandIn) -> list[str]:
    names = [call.headers.get("x-ebay-api-call-name", f"{call.method} {call.path.rpartition('v1')[2]}")
             for call in ebay.calls]  # fmt: skip
    return [name.partition("/9")[0] for name in names if name.startswith(("Revise", "PUT"))]


def test_every_listing_is_shown_once_whichever_api_made_it(ebay: EbayStandIn, shop: EbayChannel) -> None:
    listings = read(shop)
    variations = sum(bool(row.variation) for row in ebay.listings)
    assert len(listings) == len({row.item_id for row in ebay.listings}) + variations
    mug = next(listing for listing in listings.values() if len(listing.skus) > 1)
    assert sorted(mug.skus) == ["MUG-STN-350-BL", "MUG-STN-350-GR"]
    assert {frozenset(listing.values) for listing in listings.values()} == {
        frozenset(("title", "description", "price")), frozenset(("title", "description")), frozenset(("price",))
    }  # fmt: skip
    first(ebay, managed=False).ended = True
    assert len(read(shop)) == len(listings) - 1


def test_a_list_that_grows_while_it_is_read_is_read_again(ebay: EbayStandIn, shop: EbayChannel) -> None:
    ebay.listings += [
        Offered(item_id=f"22{number:010d}", sku=f"S{number}", title="Mug", price=1, available=1)
        for number in range(300)
    ]
    assert len([key for key in read(shop) if ":" not in key]) == len({row.item_id for row in ebay.listings})


def test_g95_a_classic_listing_is_told_the_fields_that_change_and_nothing_else(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    row = first(ebay, managed=False)
    before = copy.deepcopy(row)
    outcome = send(shop, read(shop)[row.item_id], title="Kettle 1.7 l", description=HTML)
    assert {answer.status for answer in outcome.values()} == {"accepted"}
    assert (row.title, row.description, row.revisions) == ("Kettle 1.7 l", HTML, 1)
    assert (row.available, row.price, row.sold) == (before.available, before.price, before.sold)
    assert writes(ebay) == ["ReviseFixedPriceItem"]
    listing = read(shop)[row.item_id]
    assert listing.values == {"title": "Kettle 1.7 l", "description": HTML, "price": f"{row.price / 100:.2f} EUR"}
    assert send(shop, listing, title="Kettle 1.7 l")["title"].status == "accepted"
    assert len(writes(ebay)) == 1  # it shows that already


def test_g95_an_item_and_its_offer_are_written_back_whole_with_one_text_changed(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    """Both calls remove what they are not sent: the picture, the aspects, the price, the quantity."""
    row = first(ebay, managed=True)
    before = copy.deepcopy(row)
    outcome = send(shop, read(shop)[row.item_id], title="Kettle 1.7 l", description=HTML)
    assert {answer.status for answer in outcome.values()} == {"accepted"}
    assert (row.title, row.description) == ("Kettle 1.7 l", HTML)
    assert (row.item, row.offer) == (before.item, before.offer)
    assert (row.total, row.available, row.price) == (before.total, before.available, before.price)
    assert writes(ebay) == [f"PUT /inventory_item/{row.sku}", "PUT /offer"]
    languages = {call.headers["content-language"] for call in ebay.calls if call.method == "PUT"}
    assert languages == {"de-DE"}


def test_a_quantity_that_was_sold_since_the_listings_were_read_is_not_offered_again(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    row = first(ebay, managed=True)
    listing = read(shop)[row.item_id]
    row.total, row.available = 1, 1
    send(shop, listing, title="Kettle", description=HTML)
    assert (row.title, row.total, row.available) == ("Kettle", 1, 1)
    assert shop.content.writes_stock  # so stock's own pushes wait meanwhile


@pytest.mark.parametrize("field", ["title", "description"])
@pytest.mark.parametrize("sold", [[1], [2, 1]])
def test_a_unit_that_is_sold_between_the_reading_and_the_writing_is_not_offered_again(
    ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch, field: str, sold: list[int]
) -> None:
    """eBay has no condition for a write, so what it says was sold is looked at again after each."""
    row = first(ebay, managed=True)
    row.total, row.available = 9, 9
    real, left = inventory.find_managed, list(sold)

    def read_and_sell(*asked: Any) -> Any:
        read = real(*asked)
        if left:
            units = left.pop(0)
            row.total, row.available, row.sold = row.total - units, row.available - units, row.sold + units
        return read

    listing = read(shop)[row.item_id]
    monkeypatch.setattr(inventory, "find_managed", read_and_sell)
    assert send(shop, listing, NO_TARGETS, **{field: HTML})[field].status == "accepted"
    assert (row.total, row.available, left) == (9 - sum(sold), 9 - sum(sold), [])


@pytest.mark.parametrize(
    ("target", "shown"),
    [({}, 5), ({"own": 3}, 3), ({"own": 8}, 5), ({"own": None}, 5), ({"own": 0}, 0), ({"own": 2, "other": 4}, 2),
     ({"own": 3, "other": None}, 3)],
)  # fmt: skip
def test_a_text_is_written_with_the_smaller_of_the_quantity_shown_and_stocks_target(
    ebay: EbayStandIn, shop: EbayChannel, target: dict[str, int | None], shown: int
) -> None:
    """The total of a SKU serves every listing of it, so it is at least the largest of their targets."""
    row = first(ebay, managed=True)
    row.total, row.available = 5, 5
    targets = {f"{row.item_id}:{row.sku}" if key == "own" else f"9:{row.sku}": many for key, many in target.items()}
    send(shop, read(shop)[row.item_id], targets, title="Kettle", description=HTML)
    assert (row.title, row.description, row.available) == ("Kettle", HTML, shown)
    of_sku = list(target.values()) or [None]
    assert row.total == (5 if None in of_sku else min(5, max(many or 0 for many in of_sku)))


def test_a_title_of_variations_by_trading_is_the_title_of_all_of_them(ebay: EbayStandIn, shop: EbayChannel) -> None:
    mug = next(listing for listing in read(shop).values() if len(listing.skus) > 1)
    assert send(shop, mug, title="Stoneware Mug")["title"].status == "accepted"
    assert {row.title for row in ebay.listings if row.item_id == mug.key} == {"Stoneware Mug"}


def test_g98_a_title_of_more_than_80_characters_is_refused_before_any_call(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    listing = next(iter(read(shop).values()))
    limit = shop.content.limits(listing)["title"]
    text = "Gooseneck kettle of brushed steel " * 3
    reason = fit("title", text.strip(), limit, "refuse")
    assert isinstance(reason, Reason)
    assert (reason.code, "the channel takes 80" in reason.message) == ("content_too_long", True)
    shortened = fit("title", text.strip(), limit, "shorten")
    assert shortened == "Gooseneck kettle of brushed steel Gooseneck kettle of brushed steel Gooseneck"
    assert writes(ebay) == []


def test_what_ebay_refuses_holds_up_no_other_field_or_listing(ebay: EbayStandIn, shop: EbayChannel) -> None:
    for managed in (True, False):
        row = first(ebay, managed=managed)
        outcome = send(shop, read(shop)[row.item_id], title="K" * 81, description=HTML)
        assert (outcome["title"].status, outcome["description"].status) == ("refused", "accepted")
        assert row.description == HTML
        assert "K" * 20 not in outcome["title"].message
    row = first(ebay, managed=False)
    ebay.refused[row.sku] = Refused("21916884", "anna@example.com may not do that.")
    outcome = send(shop, read(shop)[row.item_id], title="Kettle")
    assert (outcome["title"].status, outcome["title"].code) == ("refused", "21916884")
    assert "anna" not in outcome["title"].message


def test_a_listing_that_moved_or_ended_meanwhile_is_left_alone(ebay: EbayStandIn, shop: EbayChannel) -> None:
    row = first(ebay, managed=True)
    listing = read(shop)[row.item_id]
    row.title = "Edited on eBay"
    assert send(shop, listing, title="Kettle")["title"].status == "stale"
    row.ended = True
    assert (send(shop, listing, title="Kettle")["title"].code, writes(ebay)) == ("gone", [])


def test_content_leaves_half_of_a_days_revisions_to_the_stock(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets = MemoryBuckets(lambda: 0.0)
    shop, row = channel(ebay, monkeypatch, buckets), first(ebay, managed=False)
    while may_revise(buckets, "ebay_de", row.item_id, Priority.CONTENT):
        pass
    outcome = send(shop, read(shop)[row.item_id], title="Kettle")
    assert (outcome["title"].status, outcome["title"].code) == ("unknown", "revision_limit")
    assert writes(ebay) == []
    for _ in range(int(REVISION_RATE.burst / 2)):
        assert may_revise(buckets, "ebay_de", row.item_id, Priority.ORDERS)
    assert REVISION_RATE.burst + REVISION_RATE.per_second * 86_400 < REVISIONS_A_DAY


def test_many_listings_are_read_again_in_one_call_and_one_without_a_sku_by_itself(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    before = read(shop)
    listings = [listing for key, listing in before.items() if ":" not in key]
    ebay.calls.clear()
    assert {listing.key: listing for listing in shop.content.reread(list(before.values()))} == before
    names = [call.headers["x-ebay-api-call-name"] for call in ebay.calls]
    assert (names.count("GetSellerList"), names.count("GetItem")) == (-(-(len(listings) - 1) // REREAD_AT_ONCE), 1)


def test_a_sale_that_comes_between_is_taken_off_and_counts_as_one_more_revision(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets, row = MemoryBuckets(lambda: 0.0), first(ebay, managed=True)
    shop, real = channel(ebay, monkeypatch, buckets), inventory._put_item

    def sell(*asked: Any) -> Any:
        answer = real(*asked)
        row.sold += row.sold < 5  # each of the first writes
        return answer

    monkeypatch.setattr(inventory, "_put_item", sell)
    listing, sold = read(shop)[row.item_id], row.sold
    assert send(shop, listing, title="Kettle")["title"].status == "accepted"
    writes_made = 1 + row.sold - sold
    assert len(writes(ebay)) == writes_made == 3
    left = 0
    while may_revise(buckets, "ebay_de", row.item_id, Priority.ORDERS):
        left += 1
    assert left == REVISION_RATE.burst - writes_made


def test_prices_of_four_listings_go_in_one_call_and_one_that_is_refused_alone_is_told_again(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    rows = [row for row in ebay.listings if not row.offer_id and not row.variation and row.sku][:4]
    shown = read(shop)
    ebay.refused[rows[1].sku] = Refused("21916884", "No.")
    changes = [
        SentChange(key=row.sku, token=row.sku, listing=shown[row.item_id], field="price",
                   before=shown[row.item_id].values["price"], after="12.34 EUR")
        for row in rows
    ]  # fmt: skip
    outcomes = {outcome.key: outcome.status for outcome in shop.content.send(changes, MemoryPictures())}
    assert outcomes == {row.sku: "refused" if row is rows[1] else "accepted" for row in rows}
    assert writes(ebay) == ["ReviseInventoryStatus"] * 2
    assert [row.revisions for row in rows if row is not rows[1]] == [1, 1, 1]


def test_what_fails_for_one_price_holds_up_no_other(
    ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, shown, real = [row for row in ebay.listings if not row.variation and row.sku][:6], read(shop), find_managed

    def fail(account: Any, sku: str, item_id: str) -> Any:
        if sku == rows[1].sku:
            raise PermanentError("eBay takes no such SKU.")
        return real(account, sku, item_id)

    monkeypatch.setattr(inventory, "find_managed", fail)
    changes = [
        SentChange(key=row.sku, token=row.sku, listing=shown[row.item_id], field="price",
                   before=shown[row.item_id].values["price"], after="12.34 EUR")
        for row in rows
    ]  # fmt: skip
    outcomes = {outcome.key: outcome.status for outcome in shop.content.send(changes, MemoryPictures())}
    assert outcomes == {row.sku: "refused" if row is rows[1] else "accepted" for row in rows}


def test_skus_that_ebay_refuses_together_are_read_one_by_one(
    ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {key: listing for key, listing in list(read(shop).items())[:3] if ":" not in key}
    monkeypatch.setattr(selling, "MOST_SKUS", 0)
    assert {listing.key: listing for listing in shop.content.reread(list(before.values()))} == before


def change_prices(shown: Mapping[str, ShownListing], rows: list[Offered]) -> list[SentChange]:
    return [
        SentChange(key=row.sku, token=row.sku, listing=shown[row.item_id], field="price",
                   before=shown[row.item_id].values["price"], after="12.34 EUR")
        for row in rows
    ]  # fmt: skip


def test_a_listing_whose_price_ebay_never_takes_by_a_fault_of_its_own_holds_up_no_other(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    """Whatever came after it would wait in every run: the order is always the same."""
    rows, shown = [row for row in ebay.listings if not row.offer_id and not row.variation and row.sku][:6], read(shop)
    ebay.refused[rows[0].sku] = Refused("10007", "Internal error to the application.")
    outcomes = {outcome.key: outcome.status for outcome in shop.content.send(change_prices(shown, rows), PICTURES)}
    assert outcomes == {row.sku: "unknown" if row is rows[0] else "accepted" for row in rows}


def test_a_listing_that_ebay_fails_to_read_again_holds_up_no_other(
    ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, real = read(shop), selling.get_item
    rows = [row for row in ebay.listings if not row.variation and row.sku][:6]

    def fail(offered: Any, request: Any, now: Any) -> Reply:
        if request.findtext("ItemID") == rows[0].item_id:
            return selling.failure("GetItem", now, "10007", "Internal error to the application.")
        return real(offered, request, now)

    monkeypatch.setattr(selling, "get_item", fail)
    monkeypatch.setattr(selling, "MOST_SKUS", 0)  # so each is read by itself
    outcomes = {outcome.key: outcome.status for outcome in shop.content.send(change_prices(shown, rows), PICTURES)}
    assert outcomes == {row.sku: "unknown" if row is rows[0] else "accepted" for row in rows}


def test_variations_that_a_list_leaves_out_are_read_with_their_listing(
    ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, list_all = read(shop), selling.seller_list

    def leave_out(offered: Any, request: Any, now: Any) -> Reply:
        skus = {element.text for element in request.findall("SKUArray/SKU")}
        kept = [row for row in offered if not row.variation or row.sku in skus]
        return list_all(kept, request, now)

    monkeypatch.setattr(selling, "seller_list", leave_out)
    assert {listing.key: listing for listing in shop.content.reread(list(before.values()))} == before


def test_half_a_list_is_no_list(ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    real = selling.seller_list

    def lose(*asked: Any) -> Reply:
        reply = real(*asked)
        body = reply.encoded()[0].replace(b"<TotalNumberOfEntries>", b"<TotalNumberOfEntries>9")
        return Reply(reply.status, body, reply.headers)

    monkeypatch.setattr(selling, "seller_list", lose)
    with pytest.raises(TransientError, match="eBay counts"):
        read(shop)
