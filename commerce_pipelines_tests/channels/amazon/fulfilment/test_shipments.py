"""Confirming shipments on Amazon over HTTP: each parcel once, however often it is sent; Amazon's description judges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.core.errors import CredentialError, TransientError
from commerce_pipelines.domain.fulfilment.shipments import SentShipment
from commerce_pipelines.domain.outbox.effects import Outcome
from commerce_sandbox.server import Fault

from ..contract import NOON, Clock, Recorded, connect, judged
from ..payloads import DE
from .parcels import ORDER, add_order, parcel

CONFIRM = "/shipmentConfirmation"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


@pytest.fixture
def channel(amazon: Recorded, clock: Clock) -> AmazonChannel:
    return connect(amazon, clock)


def send(channel: AmazonChannel, *shipments: SentShipment) -> list[Outcome]:
    outcomes = list(channel.shipments.send(shipments))
    assert [outcome.key for outcome in outcomes] == [sent.key for sent in shipments]
    return outcomes


def look(channel: AmazonChannel, *shipments: SentShipment) -> list[Outcome]:
    return list(channel.shipments.look(shipments))


class TestSending:
    def test_a_parcel_is_confirmed_with_its_number(self, amazon: Recorded, channel: AmazonChannel) -> None:
        add_order(amazon, 2, 1)
        (outcome,) = send(channel, parcel(1, ("item1", 2), ("item2", 1)))
        assert (outcome.status, outcome.reference) == ("accepted", "1")
        (call,) = amazon.called(CONFIRM)
        assert call.json() == {
            "marketplaceId": DE,
            "packageDetail": {
                "packageReferenceId": "1",
                "carrierCode": "DHL",
                "trackingNumber": "JJD 0099-1",
                "shipDate": "2026-11-20T10:00:00.000Z",
                "orderItems": [{"orderItemId": "item1", "quantity": 2}, {"orderItemId": "item2", "quantity": 1}],
            },
        }
        assert amazon.orders[ORDER]["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
        assert amazon.shipments.heard[ORDER] == 1

    def test_an_order_in_parts_is_shipped_when_its_last_parcel_is(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        add_order(amazon, 3)
        assert [outcome.status for outcome in send(channel, parcel(1), parcel(2))] == ["accepted"] * 2
        raw = channel.orders.fetch(ORDER)
        assert raw is not None
        assert [line.shipped for line in channel.orders.translate(raw).lines] == [2]
        assert amazon.orders[ORDER]["fulfillment"]["fulfillmentStatus"] == "PARTIALLY_SHIPPED"
        send(channel, parcel(3))
        assert amazon.orders[ORDER]["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
        assert amazon.shipments.heard[ORDER] == 3

    def test_a_carrier_without_a_code_is_named(self, amazon: Recorded, channel: AmazonChannel) -> None:
        add_order(amazon, 1)
        assert send(channel, parcel(carrier="", carrier_name="Radkurier Köln"))[0].status == "accepted"
        detail = amazon.called(CONFIRM)[0].json()["packageDetail"]
        assert (detail["carrierCode"], detail["carrierName"]) == ("Other", "Radkurier Köln")

    @pytest.mark.parametrize(("more", "code"), [
        ({"carrier": ""}, "no_carrier"),
        ({"lines": ()}, "bad_quantity"),
    ])  # fmt: skip
    def test_what_amazon_cannot_take_is_not_sent(
        self, amazon: Recorded, channel: AmazonChannel, more: dict[str, Any], code: str
    ) -> None:
        add_order(amazon, 1)
        (outcome,) = send(channel, parcel(**more))
        assert (outcome.status, outcome.code) == ("refused", code)
        assert amazon.called(CONFIRM) == []

    def test_a_fast_clock_ships_nothing_in_the_future(self, amazon: Recorded, channel: AmazonChannel) -> None:
        add_order(amazon, 1)
        assert send(channel, parcel(shipped_at=NOON + timedelta(minutes=3)))[0].status == "accepted"
        assert amazon.called(CONFIRM)[0].json()["packageDetail"]["shipDate"] == "2026-11-20T12:00:00.000Z"

    def test_a_refused_parcel_keeps_no_other_waiting(self, amazon: Recorded, channel: AmazonChannel) -> None:
        add_order(amazon, 1)
        add_order(amazon, 1, order_id="302-0000002-0000002")
        outcomes = send(
            channel,
            parcel(order_id="302-0000009-0000009"),
            parcel(1, ("item7", 1)),
            parcel(order_id="302-0000002-0000002"),
        )
        assert [(outcome.status, outcome.code) for outcome in outcomes] == [
            ("refused", "no_such_order"), ("refused", "no_such_line"), ("accepted", ""),
        ]  # fmt: skip

    def test_ids_of_others_reach_no_other_address(self, amazon: Recorded, channel: AmazonChannel) -> None:
        """The order's id stays one segment of the path."""
        send(channel, parcel(order_id="../v0/orders/1?x=#"))
        assert amazon.called(CONFIRM)[0].path.startswith("/orders/v0/orders/..%2Fv0%2Forders%2F1%3Fx%3D%23/")

    def test_amazons_words_are_kept_apart(self, amazon: Recorded, channel: AmazonChannel) -> None:
        add_order(amazon, 1)
        amazon.shipments.refused.add(ORDER)
        (outcome,) = send(channel, parcel())
        assert (outcome.status, outcome.code) == ("refused", "InvalidInput")
        assert "eligible" not in outcome.message
        assert "not eligible" in outcome.words.reveal()

    def test_a_thousand_parcels_keep_the_rate(self, amazon: Recorded, channel: AmazonChannel, clock: Clock) -> None:
        amazon.generous = amazon.says_rate = False
        add_order(amazon, 40)
        assert {outcome.status for outcome in send(channel, *(parcel(n) for n in range(1, 31)))} == {"accepted"}
        assert len(amazon.called(CONFIRM)) == 30, "one call a parcel, none refused for its rate"
        assert 9 <= clock.passed <= 11


class TestLostAnswers:
    @pytest.mark.parametrize("after", [True, False])
    def test_a_lost_answer_is_no_second_parcel(self, amazon: Recorded, channel: AmazonChannel, after: bool) -> None:
        add_order(amazon, 2)
        amazon.faults = [Fault(match=CONFIRM, drop=True, after=after)]
        assert send(channel, parcel())[0].status == "accepted"
        assert (amazon.shipments.heard[ORDER], len(amazon.orders[ORDER]["packages"])) == (1, 1)

    def test_a_parcel_without_an_answer_is_in_doubt_until_it_is_seen(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        add_order(amazon, 2)
        amazon.faults = [Fault(match=CONFIRM, drop=True, after=True, times=5)]
        assert send(channel, parcel())[0].status == "unknown"
        assert [(outcome.status, outcome.reference) for outcome in look(channel, parcel(), parcel(2))] == [
            ("accepted", "1"), ("absent", ""),
        ]  # fmt: skip
        assert len(amazon.called("/orders/2026-01-01/orders/")) == 1, "one call for all parcels of an order"

    def test_an_amazon_that_cannot_be_reached_stops_everything(self, amazon: Recorded, channel: AmazonChannel) -> None:
        add_order(amazon, 9)
        amazon.faults = [Fault(match=CONFIRM, status=503, times=99)]
        outcomes = channel.shipments.send([parcel(1), parcel(2), parcel(3)])
        assert next(outcomes).status == "unknown"
        with pytest.raises(TransientError):
            next(outcomes)
        assert len(amazon.called(CONFIRM)) == 10

    def test_a_role_that_is_missing_stops_everything(self, amazon: Recorded, channel: AmazonChannel) -> None:
        amazon.forbidden.add("confirmShipment")
        with pytest.raises(CredentialError):
            send(channel, parcel())


class TestAlreadyShipped:
    def test_our_own_number_is_success(self, amazon: Recorded, channel: AmazonChannel) -> None:
        """The merchant typed it in himself, with the blanks of the label or without."""
        add_order(amazon, 1)
        send(channel, parcel(17, tracking_number="JJD0099-1"))
        (outcome,) = send(channel, parcel(1))
        assert (outcome.status, outcome.reference) == ("accepted", "17")
        assert amazon.shipments.heard[ORDER] == 1

    def test_another_number_is_none(self, amazon: Recorded, channel: AmazonChannel, clock: Clock) -> None:
        add_order(amazon, 1)
        send(channel, parcel(17, tracking_number="ANOTHER"))
        (outcome,) = send(channel, parcel(1))
        assert (outcome.status, outcome.code) == ("refused", "shipped_otherwise")
        assert "Unable to find package" in outcome.words.reveal()
        assert "ANOTHER" not in outcome.message

    def test_our_number_on_other_lines_is_none(self, amazon: Recorded, channel: AmazonChannel) -> None:
        add_order(amazon, 1, 1)
        send(channel, parcel(17, ("item2", 1), tracking_number="JJD0099-1"))
        assert look(channel, parcel(1))[0].status == "absent"

    def test_a_number_on_two_of_our_parcels_is_not_taken_for_both(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        add_order(amazon, 2)
        send(channel, parcel(1, tracking_number="SAME"))
        assert look(channel, parcel(2, tracking_number="SAME"))[0].status == "absent"
        send(channel, parcel(2, tracking_number="SAME"))
        assert look(channel, parcel(2, tracking_number="SAME"))[0].reference == "2"

    def test_an_order_that_shows_the_parcel_late_is_waited_for(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        add_order(amazon, 1)
        send(channel, parcel(17, tracking_number="JJD0099-1"))
        item = {"orderItemId": "item1", "quantityOrdered": 1, "product": {}}
        late = json.dumps({"order": {"orderId": ORDER, "orderItems": [item]}}).encode()
        amazon.faults = [Fault(match="/orders/2026-01-01/", body=late, after=True)]
        assert send(channel, parcel(1))[0].status == "accepted"
        assert 2 <= clock.passed < 13

    def test_shipped_without_a_parcel_is_for_a_person(self, amazon: Recorded, channel: AmazonChannel) -> None:
        """Confirmed by the feed, without a tracking number."""
        add_order(amazon, 1)
        amazon.orders[ORDER]["orderItems"][0]["fulfillment"] = {"quantityFulfilled": 1, "quantityUnfulfilled": 0}
        (outcome,) = send(channel, parcel(1))
        assert (outcome.status, outcome.code) == ("unknown", "no_parcel")

    @pytest.mark.parametrize(("status", "by", "code"), [
        ("CANCELLED", "MERCHANT", "order_cancelled"), ("SHIPPED", "AMAZON", "fulfilled_by_channel"),
    ])  # fmt: skip
    def test_what_needs_no_parcel_of_ours(
        self, amazon: Recorded, channel: AmazonChannel, status: str, by: str, code: str
    ) -> None:
        add_order(amazon, 1, fulfillment={"fulfillmentStatus": status, "fulfilledBy": by})
        assert send(channel, parcel(1))[0].code == code

    def test_a_line_that_was_cancelled(self, amazon: Recorded, channel: AmazonChannel) -> None:
        add_order(amazon, 1, 1)
        item = amazon.orders[ORDER]["orderItems"][0]
        item["fulfillment"] = {"quantityFulfilled": 0, "quantityUnfulfilled": 0}
        item["cancellation"] = {"cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "x"}}
        (outcome,) = send(channel, parcel(1))
        assert (outcome.status, outcome.code) == ("refused", "nothing_open")


class TestCorrecting:
    def test_a_number_is_corrected_and_the_buyer_hears_of_one_parcel(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        add_order(amazon, 2)
        send(channel, parcel(1), parcel(2))
        corrected = parcel(1, tracking_number="RIGHT", carrier="DPD")
        assert [outcome.status for outcome in channel.shipments.correct([corrected])] == ["accepted"]
        packages = {package["packageReferenceId"]: package for package in amazon.orders[ORDER]["packages"]}
        assert (packages["1"]["trackingNumber"], packages["1"]["carrier"]) == ("RIGHT", "DPD")
        assert packages["2"]["trackingNumber"] == "JJD 0099-2"
        assert amazon.shipments.heard[ORDER] == 2
        assert look(channel, corrected)[0].status == "accepted"
