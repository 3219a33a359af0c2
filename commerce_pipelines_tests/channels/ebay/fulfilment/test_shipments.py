"""Shipping on eBay over HTTP: each parcel once, whatever became of an answer; eBay's own documents judge both sides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.fulfilment.shipments import clean
from commerce_pipelines.core.errors import CredentialError, TransientError
from commerce_pipelines.domain.fulfilment.shipments import SentShipment, Shipment, ShippedLine
from commerce_pipelines.domain.outbox.effects import Outcome
from commerce_sandbox.ebay.making import Sold, make_order
from commerce_sandbox.server import Call, Fault

from ..account import BUYER, NOW
from ..account import channel as connect
from ..contract import Judged

PART = "/shipping_fulfillment"


@pytest.fixture
def channel(ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> EbayChannel:
    return connect(ebay, monkeypatch)


def test_the_carriers_of_the_site_are_listed(channel: EbayChannel) -> None:
    assert {"DHL", "Hermes", "Other"} <= set(channel.shipments.list_carriers())


def add_order(ebay: Judged, *quantities: int, number: int = 1, **more: Any) -> dict[str, Any]:
    """An order of as many lines; the answer is the stand-in's own."""
    sold = [Sold(f"SKU-{at}", f"Mug {at}", 990, quantity) for at, quantity in enumerate(quantities, 1)]
    order = make_order(number, NOW - timedelta(days=1), sold, BUYER, **more)
    ebay.add(order)
    return ebay.orders[order["orderId"]]


def parcel(order: dict[str, Any], number: int = 1, *lines: tuple[int, int], **more: Any) -> SentShipment:
    """A parcel of the order, of one unit of its first line unless (place, units) are given."""
    fields = {
        "shipped_at": NOW - timedelta(hours=2),
        "carrier": "DHL",
        "tracking_number": f"JJD 0099-{number}",
        "lines": tuple(
            ShippedLine(line_id=order["lineItems"][at]["lineItemId"], quantity=units)
            for at, units in lines or ((0, 1),)
        ),
        **more,
    }
    shipment = Shipment(order_id=order["orderId"], parcel=number, **fields)
    return SentShipment(key=f"{order['orderId']}/{number}", shipment=shipment, token="t")


def send(channel: EbayChannel, *shipments: SentShipment) -> list[Outcome]:
    outcomes = list(channel.shipments.send(shipments))
    assert [outcome.key for outcome in outcomes] == [sent.key for sent in shipments]
    return outcomes


def look(channel: EbayChannel, *shipments: SentShipment) -> list[tuple[str, str]]:
    return [(outcome.status, outcome.code) for outcome in channel.shipments.look(shipments)]


def is_create(call: Call) -> bool:
    return call.method == "POST" and call.path.endswith(PART)


def created(ebay: Judged) -> list[dict[str, Any]]:
    return [call.json() for call in ebay.calls if is_create(call)]


class TestSending:
    def test_a_parcel_is_a_fulfilment_whose_id_is_its_number(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 2, 1)
        (outcome,) = send(channel, parcel(order, 1, (0, 2), (1, 1)))
        assert (outcome.status, outcome.reference) == ("accepted", "JJD00991")
        assert created(ebay) == [
            {
                "lineItems": [
                    {"lineItemId": order["lineItems"][0]["lineItemId"], "quantity": 2},
                    {"lineItemId": order["lineItems"][1]["lineItemId"], "quantity": 1},
                ],
                "shippedDate": "2026-11-24T10:00:00.000Z",
                "shippingCarrierCode": "DHL",
                "trackingNumber": "JJD00991",
            }
        ]
        assert order["orderFulfillmentStatus"] == "FULFILLED"
        assert ebay.parcels.heard[order["orderId"]] == 1

    def test_an_order_in_parts_is_shipped_when_its_last_parcel_is(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 2)
        for number, shipped in ((1, 0), (2, 2)):
            assert send(channel, parcel(order, number))[0].status == "accepted"
            raw = channel.orders.fetch(order["orderId"])
            assert raw is not None
            assert channel.orders.translate(raw).lines[0].shipped == shipped
        assert order["orderFulfillmentStatus"] == "FULFILLED"

    def test_lines_named_by_the_trading_api_are_the_same(self, ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
        channel = connect(ebay, monkeypatch, orders_api="trading")
        order = add_order(ebay, 1)
        raw = channel.orders.fetch(order["orderId"])
        assert raw is not None
        line = channel.orders.translate(raw).lines[0]
        sent = parcel(order, lines=(ShippedLine(line_id=line.line_id, quantity=1),))
        assert send(channel, sent)[0].status == "accepted"
        assert look(channel, sent) == [("accepted", "")]
        raw = channel.orders.fetch(order["orderId"])
        assert raw is not None
        assert channel.orders.translate(raw).lines[0].shipped == 1

    def test_a_letter_without_a_number_is_marked_as_shipped(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 1)
        letter = parcel(order, tracking_number="")
        assert send(channel, letter)[0].reference == "999"
        assert created(ebay)[0].keys() == {"lineItems", "shippedDate"}
        assert look(channel, letter) == [("accepted", "")]

    @pytest.mark.parametrize(("carrier", "name", "code"), [
        ("", "Radkurier Köln", "Radkurier Köln"), ("", "", "Other"), ("Hermes", "x", "Hermes"),
    ])  # fmt: skip
    def test_a_number_is_never_told_without_a_carrier(
        self, ebay: Judged, channel: EbayChannel, carrier: str, name: str, code: str
    ) -> None:
        order = add_order(ebay, 1)
        assert send(channel, parcel(order, carrier=carrier, carrier_name=name))[0].status == "accepted"
        assert created(ebay)[0]["shippingCarrierCode"] == code

    @pytest.mark.parametrize(("more", "code"), [
        ({"tracking_number": " - "}, "bad_tracking"), ({"lines": ()}, "bad_quantity"),
    ])  # fmt: skip
    def test_what_ebay_cannot_take_is_not_sent(
        self, ebay: Judged, channel: EbayChannel, more: dict[str, Any], code: str
    ) -> None:
        assert send(channel, parcel(add_order(ebay, 1), **more))[0].code == code
        assert created(ebay) == []

    def test_a_line_named_twice_is_told_once(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 3)
        assert send(channel, parcel(order, 1, (0, 1), (0, 2)))[0].status == "accepted"
        assert [line["quantity"] for line in created(ebay)[0]["lineItems"]] == [3]

    def test_a_refused_parcel_keeps_no_other_waiting(self, ebay: Judged, channel: EbayChannel) -> None:
        first, second = add_order(ebay, 1, number=1), add_order(ebay, 1, number=2)
        strange = parcel(first, lines=(ShippedLine(line_id="77", quantity=1),))
        nowhere = msgspec.structs.replace(
            parcel(first), shipment=msgspec.structs.replace(parcel(first).shipment, order_id="../x?y=#")
        )
        outcomes = send(channel, strange, nowhere, parcel(second))
        assert [(outcome.status, outcome.code) for outcome in outcomes] == [
            ("refused", "no_such_line"), ("refused", "no_such_order"), ("accepted", ""),
        ]  # fmt: skip
        ebay.exchanges = [exchange for exchange in ebay.exchanges if "%2F" not in exchange[0].path]

    def test_a_refusal_is_ours_in_words_and_ebays_apart(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 1)
        early = parcel(order, shipped_at=NOW - timedelta(days=9))
        (outcome,) = send(channel, early)
        assert (outcome.status, outcome.code) == ("refused", "32500")
        assert "before the order" in outcome.message
        assert "Invalid shipped date" in outcome.words.reveal()

    def test_a_fast_clock_ships_nothing_in_the_future(self, ebay: Judged, channel: EbayChannel) -> None:
        assert send(channel, parcel(add_order(ebay, 1), shipped_at=NOW + timedelta(hours=1)))[0].status == "accepted"


class TestLostAnswers:
    @pytest.mark.parametrize(("after", "seen"), [(True, "accepted"), (False, "absent")])
    def test_a_lost_answer_is_in_doubt_and_a_look_ends_it(
        self, ebay: Judged, channel: EbayChannel, after: bool, seen: str
    ) -> None:
        order = add_order(ebay, 2)
        ebay.faults = [Fault(match=is_create, drop=True, after=after)]
        assert send(channel, parcel(order))[0].status == "unknown"
        assert len(created(ebay)) == 1, "never repeated by itself"
        assert look(channel, parcel(order)) == [(seen, "")]
        assert ebay.parcels.heard[order["orderId"]] == after

    def test_a_letter_in_doubt_is_for_a_person(self, ebay: Judged, channel: EbayChannel) -> None:
        """Of two parcels without a number nobody can tell one from the other."""
        order = add_order(ebay, 3)
        ebay.faults = [Fault(match=is_create, drop=True, after=True)]
        letter = parcel(order, tracking_number="")
        assert send(channel, letter)[0].status == "unknown"
        assert look(channel, letter) == [("unknown", "partly_shown")]

    def test_an_ebay_that_does_not_answer_stops_everything(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 3)
        ebay.faults = [Fault(match=is_create, status=500, times=99)]
        outcomes = channel.shipments.send([parcel(order, number) for number in (1, 2, 3)])
        assert next(outcomes).status == "unknown"
        with pytest.raises(TransientError):
            next(outcomes)
        assert len(created(ebay)) == 2

    @pytest.mark.parametrize(("after", "expected"), [(True, "accepted"), (False, "unknown")])
    def test_a_conflict_is_looked_at(self, ebay: Judged, channel: EbayChannel, after: bool, expected: str) -> None:
        order = add_order(ebay, 1)
        ebay.faults = [Fault(match=is_create, status=409, after=after)]
        assert send(channel, parcel(order))[0].status == expected

    def test_a_missing_scope_stops_everything(self, ebay: Judged, channel: EbayChannel) -> None:
        ebay.faults = [Fault(match=is_create, status=403)]
        with pytest.raises(CredentialError):
            send(channel, parcel(add_order(ebay, 1)))

    def test_scopes_that_parcels_need_are_named(self, ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
        few = ["https://api.ebay.com/oauth/api_scope"]
        shop = connect(ebay, monkeypatch, scopes=few, orders_api="trading", fulfilment={"enabled": True})
        assert "sell.fulfillment" in shop.account.lacks()[0]


class TestAlreadyShipped:
    def test_our_own_number_is_success(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 1)
        send(channel, parcel(order, 7, tracking_number="jjd00991"))
        assert send(channel, parcel(order))[0].status == "accepted"
        assert ebay.parcels.heard[order["orderId"]] == 1

    def test_another_number_is_none(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 1)
        send(channel, parcel(order, 7, tracking_number="ANOTHER"))
        (outcome,) = send(channel, parcel(order))
        assert (outcome.status, outcome.code) == ("refused", "shipped_otherwise")
        assert "ANOTHER" not in outcome.message

    def test_a_cancelled_order_waits_for_nothing(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 1, cancel="CANCELED")
        assert look(channel, parcel(order)) == [("refused", "order_cancelled")]

    def test_shipped_by_hand_without_a_parcel_is_for_a_person(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 1, shipped=True)
        assert look(channel, parcel(order)) == [("unknown", "no_parcel")]

    def test_an_answer_that_cannot_be_read_keeps_no_other_waiting(self, ebay: Judged, channel: EbayChannel) -> None:
        first, second = add_order(ebay, 1, number=1), add_order(ebay, 1, number=2)
        send(channel, parcel(second))
        ebay.faults = [Fault(match=PART, body=b'{"fulfillments": 7}')]
        assert look(channel, parcel(first), parcel(second)) == [("unknown", "bad_answer"), ("accepted", "")]


class TestCorrecting:
    def correct(self, channel: EbayChannel, sent: SentShipment) -> Outcome:
        (outcome,) = channel.shipments.correct([sent])
        return outcome

    def test_a_number_is_replaced_and_the_buyer_hears_of_one_parcel(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 2, 1)
        send(channel, parcel(order, 1, (0, 2), (1, 1)))
        right = parcel(order, 1, (0, 2), (1, 1), tracking_number="RIGHT-1", carrier="DPD")
        for _ in range(2):
            assert self.correct(channel, right).reference == "RIGHT1"
        (made,) = ebay.parcels.made[order["orderId"]]
        assert (made["shipmentTrackingNumber"], made["shippingCarrierCode"]) == ("RIGHT1", "DPD")
        assert look(channel, right) == [("accepted", "")]
        assert ebay.parcels.heard[order["orderId"]] == 1

    def test_the_number_of_another_parcel_is_never_replaced(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 2)
        send(channel, parcel(order, 1), parcel(order, 2))
        assert self.correct(channel, parcel(order, 1, tracking_number="RIGHT")).code == "several_parcels"
        assert ebay.called("/ws/api.dll") == []
        assert [made["fulfillmentId"] for made in ebay.parcels.made[order["orderId"]]] == ["JJD00991", "JJD00992"]

    @pytest.mark.parametrize(("more", "code"), [({}, "no_parcel"), ({"tracking_number": ""}, "no_tracking")])
    def test_what_cannot_be_corrected_says_why(
        self, ebay: Judged, channel: EbayChannel, more: dict[str, Any], code: str
    ) -> None:
        assert self.correct(channel, parcel(add_order(ebay, 1), **more)).code == code

    def test_a_refused_correction_is_for_a_person(self, ebay: Judged, channel: EbayChannel) -> None:
        order = add_order(ebay, 1)
        send(channel, parcel(order))
        order["lineItems"][0]["legacyItemId"] += "0"
        ebay.faults = [Fault(match="/ws/api.dll", body=REFUSED, headers={"Content-Type": "text/xml"})]
        outcome = self.correct(channel, parcel(order, tracking_number="RIGHT"))
        assert (outcome.status, outcome.code) == ("refused", "refused")
        assert "Zoe" not in outcome.message
        assert "Zoe" in outcome.words.reveal()
        ebay.exchanges.clear()


REFUSED = (
    b'<CompleteSaleResponse xmlns="urn:ebay:apis:eBLBaseComponents"><Ack>Failure</Ack><Errors><LongMessage>Zoe'
    b"</LongMessage><ErrorCode>21916964</ErrorCode><SeverityCode>Error</SeverityCode></Errors></CompleteSaleResponse>"
)


def test_a_number_keeps_letters_and_digits() -> None:
    assert clean(" jjd-00.99 ä１\u00a01") == "jjd00991"
    assert clean("—") == ""
