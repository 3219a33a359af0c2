"""Stock to eBay: which listings there are, which API each needs, what becomes of every push."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.core.errors import CredentialError, TransientError
from commerce_pipelines.domain.inventory.listings import Listing, Push, PushOutcome
from commerce_pipelines.domain.orders.order import FulfilledBy
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.ebay.listings import Offered, Refused
from commerce_sandbox.server import Call, Fault, Reply

from ..account import NOW, an_order, channel

ITEMS, OFFER, BULK = "/inventory_item", "/inventory/v1/offer", "/bulk_update_price_quantity"
TRADING = "/ws/api.dll"


@pytest.fixture
def shop(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> EbayChannel:
    return channel(ebay, monkeypatch)


def read(shop: EbayChannel) -> dict[str, Listing]:
    return {listing.sku: listing for page in shop.listings.read() for listing in page}


def pushes(listings: Sequence[Listing], quantity: int) -> list[Push]:
    return [Push(listing=listing, quantity=quantity, token=listing.key) for listing in listings]


def outcomes(shop: EbayChannel, wanted: Sequence[Push]) -> dict[str, PushOutcome]:
    results = list(shop.quantities.push(wanted))
    assert sorted(push.key for push in results) == sorted(push.listing.key for push in wanted)
    return {outcome.key: outcome for outcome in results}


def calls(ebay: EbayStandIn, name: str) -> list[Call]:
    return [call for call in ebay.calls if call.headers.get("x-ebay-api-call-name") == name or name in call.path]


def test_listings_show_what_buyers_see_and_who_may_write_them(ebay: EbayStandIn, shop: EbayChannel) -> None:
    ebay.listings[0].total = 1  # of the Inventory API: the smaller of total and offer is what buyers see
    listings = read(shop)
    assert {sku: listing.quantity for sku, listing in listings.items()} == ebay.shown()
    managed = {offer.sku for offer in ebay.listings if offer.offer_id}
    assert {sku for sku, listing in listings.items() if listing.reference["api"] == "inventory"} == managed
    assert listings["KET-GN-17"].quantity == 1
    blue, green = listings["MUG-STN-350-BL"], listings["MUG-STN-350-GR"]
    assert blue.reference["item_id"] == green.reference["item_id"]
    assert blue.key != green.key
    assert listings[""].title == "Box of Odd Saucers"
    assert len({listing.key for listing in listings.values()}) == len(ebay.listings)
    assert (len(calls(ebay, "GetMyeBaySelling")), len(calls(ebay, ITEMS))) == (1, 1)


def many(count: int, managed: int = 0) -> list[Offered]:
    return [
        Offered(item_id=str(120_000_000_000 + n), sku=f"S{n}", title="Thing", price=100, available=5, total=5,
                offer_id=str(n) if n < managed else "")
        for n in range(count)
    ]  # fmt: skip


def test_listings_come_two_hundred_a_call(ebay: EbayStandIn, shop: EbayChannel) -> None:
    ebay.listings = many(450, managed=410)
    assert len(read(shop)) == 450
    assert (len(calls(ebay, "GetMyeBaySelling")), len(calls(ebay, ITEMS))) == (3, 3)


def test_a_listing_that_ends_while_they_are_read_hides_no_other(ebay: EbayStandIn, shop: EbayChannel) -> None:
    ebay.listings = many(450)
    seen: list[str] = []
    for at, page in enumerate(shop.listings.read()):
        seen += [listing.sku for listing in page]
        if at == 0:
            ebay.listings[0].ended = True
    assert set(seen) >= {f"S{n}" for n in range(1, 450)}
    assert len(seen) == len(set(seen))


def test_half_a_list_is_no_list(ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ebay.handle
    lies = [b"<TotalNumberOfEntries>40<", b"<TotalNumberOfEntries>47<"]
    monkeypatch.setattr(ebay, "handle", lambda call: _exchange(whole(call), *lies))
    with pytest.raises(TransientError, match="counts 47 entries but gives 40"):
        list(shop.listings.read())


def _exchange(reply: Reply, old: bytes, new: bytes) -> Reply:
    return reply._replace(body=reply.body.replace(old, new)) if isinstance(reply.body, bytes) else reply


def test_every_listing_is_told_by_its_own_api_in_the_fewest_calls(ebay: EbayStandIn, shop: EbayChannel) -> None:
    listings = list(read(shop).values())
    wanted = [Push(listing=listing, quantity=(listing.quantity or 0) + 7, token=listing.key) for listing in listings]
    before = ebay.shown()
    assert {outcome.status for outcome in outcomes(shop, wanted).values()} == {"accepted"}
    assert ebay.shown() == {sku: quantity + 7 for sku, quantity in before.items()}
    managed = [offer for offer in ebay.listings if offer.offer_id]
    assert (len(calls(ebay, BULK)), len(calls(ebay, OFFER))) == (1, len(managed))
    assert len(calls(ebay, "ReviseInventoryStatus")) == -(-(len(listings) - len(managed)) // 4)
    mugs = [call for call in calls(ebay, "ReviseInventoryStatus") if b"MUG-STN-350" in call.body]
    assert len(mugs) == 1, "variations of one listing are one revision"


def push_and_learn(shop: EbayChannel, wanted: Sequence[Push]) -> tuple[dict[str, PushOutcome], list[Push]]:
    """Outcomes, and the same pushes as the next run would make them: with what was found out."""
    results = outcomes(shop, wanted)
    return results, [
        msgspec.structs.replace(
            push,
            listing=msgspec.structs.replace(
                push.listing, reference=push.listing.reference | results[push.listing.key].reference
            ),
        )
        for push in wanted
    ]


def of_inventory(shop: EbayChannel) -> list[Listing]:
    return [listing for listing in read(shop).values() if listing.reference["api"] == "inventory"]


def test_an_offer_is_looked_up_once_and_twenty_five_go_in_a_call(ebay: EbayStandIn, shop: EbayChannel) -> None:
    ebay.listings = many(60, managed=60)
    _, again = push_and_learn(shop, pushes(of_inventory(shop), 7))
    assert (len(calls(ebay, BULK)), len(calls(ebay, OFFER))) == (3, 60)
    results, _ = push_and_learn(shop, again)
    assert {outcome.status for outcome in results.values()} == {"accepted"}
    assert [outcome.reference for outcome in results.values() if outcome.reference] == []
    assert (len(calls(ebay, BULK)), len(calls(ebay, OFFER))) == (6, 60)


def test_an_offer_that_ebay_no_longer_knows_is_looked_up_again_alone(ebay: EbayStandIn, shop: EbayChannel) -> None:
    ebay.listings = many(30, managed=30)
    _, again = push_and_learn(shop, pushes(of_inventory(shop), 7))
    ebay.listings[11].offer_id = "another"
    results, once_more = push_and_learn(shop, [msgspec.structs.replace(push, quantity=3) for push in again])
    assert {outcome.status for outcome in results.values()} == {"accepted"}
    assert set(ebay.shown().values()) == {3}
    assert (len(calls(ebay, BULK)), len(calls(ebay, OFFER))) == (2 + 3, 31)
    push_and_learn(shop, once_more)
    assert (len(calls(ebay, BULK)), len(calls(ebay, OFFER))) == (5 + 2, 31)


def test_what_a_shared_call_refuses_is_tried_once_more_alone(ebay: EbayStandIn, shop: EbayChannel) -> None:
    managed = of_inventory(shop)
    refused = managed[3]
    ebay.refused[refused.sku] = Refused("25002", "A user error has occurred.")
    results = outcomes(shop, pushes(managed, 0))
    assert Counter(outcome.status for outcome in results.values()) == {"accepted": len(managed) - 1, "refused": 1}
    assert (results[refused.key].code, len(calls(ebay, BULK)), len(calls(ebay, OFFER))) == ("25002", 2, len(managed))


@pytest.mark.parametrize("setting", [1, 25])
def test_an_account_that_takes_one_sku_a_call_gets_them_one_by_one(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, setting: int
) -> None:
    """As the operation's own description says. Trying it costs a call in twenty-five."""
    shop = channel(ebay, monkeypatch, inventory_skus_per_call=setting)
    ebay.listings, ebay.skus_a_call = many(50, managed=50), 1
    _, again = push_and_learn(shop, pushes(of_inventory(shop), 7))
    ebay.calls.clear()
    results, _ = push_and_learn(shop, again)
    assert {outcome.status for outcome in results.values()} == {"accepted"}
    assert (len(calls(ebay, BULK)), len(calls(ebay, OFFER))) == (50 if setting == 1 else 52, 0)


def test_a_refused_listing_takes_no_other_with_it(ebay: EbayStandIn, shop: EbayChannel) -> None:
    listings = read(shop)
    bad = {listings[sku].key: sku for sku in ("KET-GN-09", "MUG-STN-350-BL", "KET-GN-17")}
    for sku in bad.values():
        ebay.refused[sku] = Refused("21916750", "The listing is under review.")
    results = outcomes(shop, pushes(list(listings.values()), 2))
    assert {key for key, outcome in results.items() if outcome.status == "refused"} == set(bad)
    assert {results[key].code for key in bad} == {"21916750"}
    refused = [outcome for outcome in results.values() if outcome.code]
    assert {outcome.message for outcome in refused} == {"eBay refuses it: the listing has ended."}
    assert {outcome.words.reveal() for outcome in refused} == {"The listing is under review."}
    shown = ebay.shown()
    assert {sku for sku in shown if shown[sku] != 2} <= set(bad.values())


def test_nothing_to_sell_needs_the_out_of_stock_option(ebay: EbayStandIn, shop: EbayChannel) -> None:
    listings = read(shop)
    wanted = pushes([listings["KET-GN-09"], listings["KET-GN-17"]], 0)
    ebay.out_of_stock_control = False
    results = outcomes(shop, wanted)
    assert results[listings["KET-GN-09"].key].status == "refused"
    assert "out-of-stock option" in results[listings["KET-GN-09"].key].message
    assert results[listings["KET-GN-17"].key].status == "accepted"
    ebay.out_of_stock_control = True
    assert {outcome.status for outcome in outcomes(shop, wanted).values()} == {"accepted"}
    assert ebay.shown()["KET-GN-09"] == ebay.shown()["KET-GN-17"] == 0
    assert read(shop)["KET-GN-09"].quantity == 0, "the listing stays alive"


def test_a_listing_is_not_revised_more_often_than_a_day_allows(ebay: EbayStandIn, shop: EbayChannel) -> None:
    listings = read(shop)
    kettle, other = listings["KET-GN-09"], listings["GRD-EL-54"]
    results = [outcomes(shop, pushes([kettle], n % 5))[kettle.key] for n in range(101)]
    assert {outcome.status for outcome in results[:100]} == {"accepted"}
    assert (results[100].status, results[100].code) == ("refused", "revision_limit")
    assert len(calls(ebay, "ReviseInventoryStatus")) == 100
    both = outcomes(shop, pushes([kettle, other], 3))
    assert (both[kettle.key].status, both[other.key].status) == ("refused", "accepted")


def test_what_is_never_sent(ebay: EbayStandIn, shop: EbayChannel) -> None:
    listing = read(shop)["KET-GN-09"]
    theirs = msgspec.structs.replace(listing, fulfilled_by=FulfilledBy.CHANNEL)
    unnamed = msgspec.structs.replace(listing, sku="", reference={"api": "trading", "item_id": "1"})
    foreign = msgspec.structs.replace(listing, reference={})
    wanted = [Push(listing=theirs, quantity=1, token="a"), Push(listing=listing, quantity=-1, token="b"),
              Push(listing=unnamed, quantity=1, token="c"), Push(listing=foreign, quantity=1, token="d")]  # fmt: skip
    codes = [outcome.code for outcome in shop.quantities.push(wanted)]
    assert codes == ["fulfilled_by_channel", "bad_quantity", "no_sku", "unknown_listing"]
    assert calls(ebay, "ReviseInventoryStatus") == []


def test_a_classic_listing_of_an_inventory_sku_is_revised_the_classic_way(ebay: EbayStandIn, shop: EbayChannel) -> None:
    ebay.listings.append(Offered(item_id="118888888888", sku="KET-GN-17", title="Old Kettle", price=1, available=1))
    old = next(
        listing for page in shop.listings.read() for listing in page if listing.reference["item_id"] == "118888888888"
    )
    assert old.reference["api"] == "inventory"
    results, again = push_and_learn(shop, pushes([old], 9))
    assert results[old.key].status == "accepted"
    assert ebay.listings[-1].available == 9
    assert ebay.listings[0].available != 9
    assert push_and_learn(shop, again)[0][old.key].status == "accepted"
    assert len(calls(ebay, OFFER)) == 1
    ebay.listings[-1].offer_id = "9123"  # migrated since, by bulkMigrateListing; the other one is gone
    del ebay.listings[0]
    assert push_and_learn(shop, again)[0][old.key].status == "accepted"


def test_stock_divided_among_locations_keeps_its_division(ebay: EbayStandIn, shop: EbayChannel) -> None:
    listing = read(shop)["KET-GN-17"]
    divided = msgspec.structs.replace(listing, reference={**listing.reference, "divided": "true"})
    assert outcomes(shop, pushes([divided], 3))[listing.key].status == "accepted"
    (body,) = [call.json() for call in calls(ebay, BULK)]
    assert body == {"requests": [{"offers": [{"offerId": ebay.listings[0].offer_id, "availableQuantity": 3}]}]}


def test_what_a_lost_call_told_is_told_one_by_one_and_four_in_a_row_stop_everything(
    ebay: EbayStandIn, shop: EbayChannel
) -> None:
    classic = [listing for listing in read(shop).values() if listing.reference["api"] == "trading"][:12]
    ebay.faults.append(Fault(match=TRADING, times=5, status=503))
    results = outcomes(shop, pushes(classic, 1))
    assert Counter(outcome.status for outcome in results.values()) == {"accepted": 12}
    ebay.faults.append(Fault(match=TRADING, times=99, drop=True))
    sent = shop.quantities.push(pushes(classic, 2))
    assert [next(sent).status for _ in range(2)] == ["failed"] * 2
    with pytest.raises(TransientError):
        next(sent)


@pytest.mark.parametrize("api", ["trading", "inventory"])
def test_a_listing_that_every_call_fails_at_takes_no_other_with_it(
    ebay: EbayStandIn, shop: EbayChannel, api: str
) -> None:
    """Those of its call would wait in every run."""
    some = [listing for listing in read(shop).values() if listing.reference["api"] == api and listing.sku][:6]
    poison = min(some, key=lambda listing: (listing.reference["item_id"], listing.sku))
    path = TRADING if api == "trading" else BULK
    named = poison.reference["item_id"] if api == "trading" else poison.sku

    def is_named(call: Call) -> bool:
        return path in call.path and named.encode() in call.body

    ebay.faults.append(Fault(match=is_named, times=999, status=500))
    results = outcomes(shop, pushes(some, 1))
    assert {key for key, outcome in results.items() if outcome.status != "accepted"} == {poison.key}


def test_an_answer_that_leaves_a_listing_out_is_no_success(ebay: EbayStandIn, shop: EbayChannel) -> None:
    listings = read(shop)
    ebay.faults.append(Fault(match=BULK, body=b'{"responses": []}'))
    silent = b'<ReviseInventoryStatusResponse xmlns="urn:x"><Ack>Success</Ack></ReviseInventoryStatusResponse>'
    ebay.faults.append(Fault(match=TRADING, times=9, body=silent, headers={"Content-Type": "text/xml"}))
    results = outcomes(shop, pushes([listings["KET-GN-17"], listings["KET-GN-09"], listings["GRD-HND-38"]], 1))
    assert {(outcome.status, outcome.code) for outcome in results.values()} == {("failed", "unanswered")}


def test_refused_credentials_stop_everything(ebay: EbayStandIn, shop: EbayChannel) -> None:
    listings = list(read(shop).values())
    ebay.expire_tokens()
    ebay.revoked = True
    with pytest.raises(CredentialError):
        list(shop.quantities.push(pushes(listings, 1)))


def test_a_sale_takes_its_units_out_of_the_offer(ebay: EbayStandIn, shop: EbayChannel) -> None:
    before = read(shop)["KET-GN-17"].quantity or 0
    ebay.add_new(an_order(1, NOW), NOW)
    assert read(shop)["KET-GN-17"].quantity == before - 1


def test_a_listing_of_another_shape_waits_alone(
    ebay: EbayStandIn, shop: EbayChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of both sources: an active listing whose quantity is no number, an inventory item without a SKU."""
    sound = read(shop)
    managed = [sku for sku, listing in sound.items() if listing.reference["api"] == "inventory"][-1]
    handle = ebay.handle

    def spoilt(call: Call) -> Reply:
        reply = handle(call)
        body, headers = reply.encoded()
        if ITEMS in call.path:
            body = body.replace(b'"sku":"%s"' % managed.encode(), b'"sku":"%s","availability":5' % managed.encode(), 1)
        return Reply(reply.status, body.replace(b"<QuantityAvailable>", b"<QuantityAvailable>about ", 1), headers)

    monkeypatch.setattr(ebay, "handle", spoilt)
    listings = {listing.key: listing for page in shop.listings.read() for listing in page}
    bad = [listing for listing in listings.values() if "unreadable" in listing.reference]
    assert [listing.reference["unreadable"] for listing in bad] == ["$.QuantityAvailable"]
    assert len(listings) == len(sound)
    assert next(listing for listing in listings.values() if listing.sku == managed).reference["divided"] == "true"
