"""Fulfilling on Shopify over HTTP: each parcel once, whatever became of the fulfilment orders; the schema judges."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.core.errors import CredentialError, TransientError
from commerce_pipelines.domain.fulfilment.held_back import PASSING
from commerce_pipelines.domain.fulfilment.rules import FulfilmentRules
from commerce_pipelines.domain.fulfilment.shipments import SentShipment, Shipment, ShippedLine
from commerce_pipelines.domain.outbox.effects import Outcome
from commerce_sandbox.server import Call, Fault
from commerce_sandbox.shopify import Line, make_order
from commerce_sandbox.shopify.shop import instant

from ..contract import Recorded
from ..orders.test_reading import NOON, Clock, channel, clock, connect, shop

__all__ = ["channel", "clock", "shop"]  # fixtures

ORDER = "gid://shopify/Order/1001"


def add_order(shop: Recorded, *quantities: int, number: int = 1001) -> None:
    """An order of as many lines, of which the first has the id 1001001."""
    lines = [Line(f"SKU-{place}", f"Mug {place}", 990, quantity) for place, quantity in enumerate(quantities, 1)]
    shop.add(make_order(lines, number=number, created=instant(NOON - timedelta(days=1))))


def parcel(number: int = 1, *lines: tuple[int, int], order: int = 1001, **more: Any) -> SentShipment:
    """A parcel of the order, of one unit of its first line unless (place, units) are given."""
    fields = {
        "shipped_at": NOON - timedelta(hours=2),
        "carrier": "DHL Express",
        "tracking_number": f"JJD 0099-{number}",
        "tracking_url": f"https://dhl.example/JJD0099-{number}",
        **more,
    }
    shipment = Shipment(
        order_id=str(order),
        parcel=number,
        lines=tuple(ShippedLine(line_id=str(order * 1000 + at), quantity=units) for at, units in lines or ((1, 1),)),
        **fields,
    )
    return SentShipment(key=f"{order}/{number}", shipment=shipment, token="t")


def send(channel: ShopifyChannel, *shipments: SentShipment) -> list[Outcome]:
    outcomes = list(channel.shipments.send(shipments))
    assert [outcome.key for outcome in outcomes] == [sent.key for sent in shipments]
    return outcomes


def look(channel: ShopifyChannel, *shipments: SentShipment) -> list[tuple[str, str]]:
    return [(outcome.status, outcome.code) for outcome in channel.shipments.look(shipments)]


def is_fulfil(call: Call) -> bool:
    return b"mutation Fulfil(" in call.body


def fulfil_calls(shop: Recorded) -> list[dict[str, Any]]:
    return [call.json()["variables"]["fulfillment"] for call in shop.calls if is_fulfil(call)]


class TestSending:
    def test_a_parcel_is_a_fulfilment_and_the_buyer_hears_of_it(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 2, 1)
        (outcome,) = send(channel, parcel(1, (1, 2), (2, 1)))
        (made,) = shop.fulfilments.made[ORDER]
        assert (outcome.status, outcome.reference) == ("accepted", made["id"])
        (wanted,) = fulfil_calls(shop)
        assert wanted["notifyCustomer"] is True
        assert wanted["trackingInfo"] == {
            "numbers": ["JJD 0099-1"], "company": "DHL Express", "urls": ["https://dhl.example/JJD0099-1"],
        }  # fmt: skip
        assert [line["quantity"] for line in wanted["lineItemsByFulfillmentOrder"][0]["fulfillmentOrderLineItems"]] == [
            2, 1,
        ]  # fmt: skip
        assert shop.orders.rows[ORDER]["displayFulfillmentStatus"] == "FULFILLED"
        assert shop.fulfilments.heard[ORDER] == 1

    def test_a_line_counts_as_shipped_when_the_order_is(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 2)
        for number, shipped in ((1, 0), (2, 2)):
            send(channel, parcel(number))
            raw = channel.orders.fetch("1001")
            assert raw is not None
            assert channel.orders.translate(raw).lines[0].shipped == shipped

    def test_a_buyer_is_told_by_setting(self, shop: Recorded, clock: Clock) -> None:
        add_order(shop, 1)
        send(connect(shop, clock, fulfilment=FulfilmentRules(enabled=True, notify=False)), parcel())
        assert shop.fulfilments.heard[ORDER] == 0

    def test_several_parcels_of_many_orders_take_few_calls(self, shop: Recorded, channel: ShopifyChannel) -> None:
        for number in range(2000, 2100):
            add_order(shop, 2, number=number)
        outcomes = send(channel, *(parcel(at, order=number) for number in range(2000, 2100) for at in (1, 2)))
        assert {outcome.status for outcome in outcomes} == {"accepted"}
        assert len(fulfil_calls(shop)) == 200
        assert len(shop.calls) <= 205
        assert {row["displayFulfillmentStatus"] for row in shop.orders.rows.values()} == {"FULFILLED"}

    def test_several_numbers_are_told_together(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        send(channel, parcel(more_numbers=("JJD-2", "JJD-3")))
        assert fulfil_calls(shop)[0]["trackingInfo"] == {
            "numbers": ["JJD 0099-1", "JJD-2", "JJD-3"], "company": "DHL Express",
        }  # fmt: skip

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "https://", "https://a b", "http://[", "x"])
    def test_what_is_no_address_is_not_told(self, shop: Recorded, channel: ShopifyChannel, url: str) -> None:
        add_order(shop, 1)
        assert send(channel, parcel(tracking_url=url))[0].status == "accepted"
        assert "urls" not in fulfil_calls(shop)[0]["trackingInfo"]

    def test_a_letter_without_a_number_is_shipped(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        letter = parcel(tracking_number="", tracking_url="", carrier="")
        assert send(channel, letter)[0].status == "accepted"
        assert "trackingInfo" not in fulfil_calls(shop)[0]
        assert look(channel, letter) == [("accepted", "")]

    def test_a_parcel_from_two_locations_is_two_fulfilments(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 3)
        shop.fulfilments.orders[ORDER] = [
            shop.fulfilments.new_order([("gid://shopify/LineItem/1001001", units)], location=place)
            for units, place in ((1, 71), (2, 72))
        ]
        (outcome,) = send(channel, parcel(1, (1, 3)))
        assert outcome.status == "accepted"
        assert outcome.reference.split() == [made["id"] for made in shop.fulfilments.made[ORDER]]
        assert look(channel, parcel(1, (1, 3))) == [("accepted", "")]

    def test_an_order_of_sixty_lines(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, *[1] * 60)
        (outcome,) = send(channel, parcel(1, *((place, 1) for place in range(1, 61))))
        assert outcome.status == "accepted"
        assert shop.orders.rows[ORDER]["displayFulfillmentStatus"] == "FULFILLED"

    def test_more_than_is_open_is_told_as_far_as_it_is(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 3)
        shop.fulfilments.list_orders(ORDER)[0]["lineItems"][0]["remainingQuantity"] = 2
        (outcome,) = send(channel, parcel(1, (1, 3)))
        assert (outcome.status, outcome.code) == ("accepted", "fewer_open")
        assert look(channel, parcel(1, (1, 3))) == [("accepted", "")]


class TestFulfilmentOrders:
    @pytest.mark.parametrize(("status", "code"), [
        ("ON_HOLD", "on_hold"), ("SCHEDULED", "scheduled"), ("CLOSED", "closed"), ("OPEN", "assigned_elsewhere"),
    ])  # fmt: skip
    def test_what_cannot_be_fulfilled_says_why(
        self, shop: Recorded, channel: ShopifyChannel, status: str, code: str
    ) -> None:
        add_order(shop, 1)
        add_order(shop, 1, number=1002)
        shop.fulfilments.list_orders(ORDER)[0] |= {"status": status, "supportedActions": []}
        outcomes = send(channel, parcel(), parcel(order=1002))
        assert [(outcome.status, outcome.code) for outcome in outcomes] == [("refused", code), ("accepted", "")]
        assert len(fulfil_calls(shop)) == 1
        assert code in PASSING, "it is told again by itself"

    def test_a_parcel_partly_on_hold_waits_as_a_whole(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 2)
        line = "gid://shopify/LineItem/1001001"
        shop.fulfilments.orders[ORDER] = [
            shop.fulfilments.new_order([(line, 1)]), shop.fulfilments.new_order([(line, 1)], "ON_HOLD"),
        ]  # fmt: skip
        assert send(channel, parcel(1, (1, 2)))[0].code == "on_hold"
        assert fulfil_calls(shop) == []
        assert send(channel, parcel(1, (1, 1)))[0].status == "accepted"

    def test_an_order_that_moved_since_it_was_read_is_read_again(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        add_order(shop, 1, number=1002)
        outcomes = channel.shipments.send([parcel(order=1002), parcel()])
        assert next(outcomes).status == "accepted"
        shop.fulfilments.orders[ORDER] = [shop.fulfilments.new_order([("gid://shopify/LineItem/1001001", 1)])]
        assert next(outcomes).status == "accepted"
        assert (shop.fulfilments.heard[ORDER], len(fulfil_calls(shop))) == (1, 3)

    def test_a_refusal_is_not_asked_for_again_and_again(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        refusal = {"fulfillmentCreate": {"fulfillment": None, "userErrors": [{"field": None, "message": "Zoe's"}]}}
        shop.faults = [Fault(match=is_fulfil, body=json.dumps({"data": refusal}).encode(), times=9)]
        (outcome,) = send(channel, parcel())
        assert (outcome.status, outcome.code) == ("refused", "refused")
        assert "Zoe" not in outcome.message
        assert outcome.words.reveal() == "Zoe's"
        assert len(fulfil_calls(shop)) == 1

    def test_an_order_that_is_not_there(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        assert [outcome.code for outcome in send(channel, parcel(order=9), parcel())] == ["no_such_order", ""]

    def test_an_order_that_cannot_be_read_keeps_no_other_waiting(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        add_order(shop, 1, number=1002)
        row = shop.fulfilments.list_orders(ORDER)[0]["lineItems"][0]
        row["remainingQuantity"] = "one"
        assert [outcome.status for outcome in send(channel, parcel(), parcel(order=1002))] == ["unknown", "accepted"]
        assert look(channel, parcel(), parcel(order=1002)) == [("unknown", "bad_answer"), ("accepted", "")]
        row["remainingQuantity"] = 1  # the schema judges what was said
        shop.exchanges.clear()

    def test_a_query_that_is_too_expensive_is_made_smaller(self, shop: Recorded, channel: ShopifyChannel) -> None:
        for number in range(2000, 2010):
            add_order(shop, 1, number=number)
        expensive = {"errors": [{"message": "x", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}

        def is_large(call: Call) -> bool:
            return len(call.json().get("variables", {}).get("ids", ())) > 3

        shop.faults = [Fault(match=is_large, body=json.dumps(expensive).encode(), times=99)]
        parcels = [parcel(order=number) for number in range(2000, 2010)]
        assert {outcome.status for outcome in send(channel, *parcels)} == {"accepted"}
        assert look(channel, *parcels) == [("accepted", "")] * 10


class TestLostAnswers:
    @pytest.mark.parametrize(("after", "seen"), [(True, "accepted"), (False, "absent")])
    def test_a_lost_answer_is_in_doubt_and_a_look_ends_it(
        self, shop: Recorded, channel: ShopifyChannel, after: bool, seen: str
    ) -> None:
        add_order(shop, 2)
        shop.faults = [Fault(match=is_fulfil, drop=True, after=after)]
        assert send(channel, parcel())[0].status == "unknown"
        assert len(fulfil_calls(shop)) == 1, "never repeated by itself"
        assert look(channel, parcel()) == [(seen, "")]
        assert shop.fulfilments.heard[ORDER] == after

    def test_half_a_parcel_is_for_a_person(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 3)
        line = "gid://shopify/LineItem/1001001"
        shop.fulfilments.orders[ORDER] = [
            shop.fulfilments.new_order([(line, units)], location=place) for units, place in ((1, 71), (2, 72))
        ]
        half = shop.fulfilments.orders[ORDER][1]["id"].encode()
        shop.faults = [Fault(match=lambda call: is_fulfil(call) and half in call.body, drop=True)]
        assert send(channel, parcel(1, (1, 3)))[0].status == "unknown"
        assert look(channel, parcel(1, (1, 3))) == [("unknown", "partly_shown")]

    def test_a_shop_that_does_not_answer_stops_everything(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 3)
        shop.faults = [Fault(match=is_fulfil, status=502, times=99)]
        outcomes = channel.shipments.send([parcel(1), parcel(2), parcel(3)])
        assert next(outcomes).status == "unknown"
        with pytest.raises(TransientError):
            next(outcomes)
        assert len(fulfil_calls(shop)) == 2

    def test_a_missing_scope_stops_everything(self, shop: Recorded, clock: Clock) -> None:
        add_order(shop, 1)
        shop.scopes -= {"write_merchant_managed_fulfillment_orders"}
        channel = connect(shop, clock, fulfilment=FulfilmentRules(enabled=True))
        with pytest.raises(CredentialError, match="write_merchant_managed_fulfillment_orders"):
            send(channel, parcel())
        (lack,) = channel.account.lacks()
        assert "write_merchant_managed_fulfillment_orders, for parcels" in lack
        assert connect(shop, clock).account.lacks() == []

    def test_a_throttled_call_is_sent_when_points_are_back(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        throttled = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
        shop.faults = [Fault(match=is_fulfil, body=json.dumps(throttled).encode(), times=2)]
        assert send(channel, parcel())[0].status == "accepted"
        assert shop.fulfilments.heard[ORDER] == 1


class TestAlreadyShipped:
    def test_our_own_number_is_success(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        send(channel, parcel(7, tracking_number="jjd0099-1"))
        assert send(channel, parcel(1))[0].status == "accepted"
        assert (shop.fulfilments.heard[ORDER], len(fulfil_calls(shop))) == (1, 1)

    def test_another_number_is_none(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        send(channel, parcel(7, tracking_number="ANOTHER"))
        (outcome,) = send(channel, parcel(1))
        assert (outcome.status, outcome.code) == ("refused", "shipped_otherwise")

    def test_a_cancelled_fulfilment_is_none(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        send(channel, parcel())
        shop.fulfilments.made[ORDER][0]["status"] = "CANCELLED"
        shop.fulfilments.orders[ORDER] = [shop.fulfilments.new_order([("gid://shopify/LineItem/1001001", 1)])]
        assert look(channel, parcel()) == [("absent", "")]

    def test_a_refunded_line_waits_for_nothing(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        shop.fulfilments.list_orders(ORDER)[0]["lineItems"].clear()
        assert send(channel, parcel())[0].code == "nothing_open"


class TestCorrecting:
    def test_a_number_is_corrected_without_a_second_mail(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        (outcome,) = send(channel, parcel())
        right = parcel(tracking_number="RIGHT", carrier="DPD", tracking_url="")
        for reference in (outcome.reference, ""):
            sent = SentShipment(key="k", shipment=right.shipment, token="t", reference=reference)
            assert [seen.status for seen in channel.shipments.correct([sent])] == ["accepted"]
        (made,) = shop.fulfilments.made[ORDER]
        assert made["trackingInfo"] == [{"number": "RIGHT", "url": None, "company": "DPD"}]
        assert shop.fulfilments.heard[ORDER] == 1
        assert look(channel, right) == [("accepted", "")]

    def test_a_parcel_that_is_not_there_cannot_be_corrected(self, shop: Recorded, channel: ShopifyChannel) -> None:
        add_order(shop, 1)
        (unknown,) = channel.shipments.correct([parcel()])
        assert (unknown.status, unknown.code) == ("refused", "no_parcel")
        gone = SentShipment(
            key="k", shipment=parcel().shipment, token="t", reference="gid://shopify/Fulfillment/1",
        )  # fmt: skip
        (refused,) = channel.shipments.correct([gone])
        assert (refused.status, refused.words.reveal()) == ("refused", "Fulfillment could not be found.")
