"""Parcels by Amazon's feed over HTTP, those without tracking number and very many: one feed, followed until its report,
and never a second one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from lxml import etree

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.fulfilment import shipments as shipments_module
from commerce_pipelines.channels.amazon.fulfilment.fed import build_feed, number_message
from commerce_pipelines.channels.amazon.fulfilment.ways import MOST_FED, ONE_CALL_EACH, ONE_FEED, is_feed_quicker
from commerce_pipelines.channels.capabilities import Handover
from commerce_pipelines.core.errors import CredentialError, SettingsError
from commerce_pipelines.domain.fulfilment.rules import FulfilmentRules
from commerce_pipelines.domain.fulfilment.shipments import SentShipment
from commerce_pipelines.domain.outbox.effects import Outcome
from commerce_sandbox.server import Call, Fault

from ..contract import NOON, Clock, Recorded, connect, judged
from .parcels import ORDER, add_order, parcel

OTHER_ORDER = "302-0000002-0000002"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        add_order(stand_in, 2)
        add_order(stand_in, 1, order_id=OTHER_ORDER)
        yield stand_in


@pytest.fixture
def channel(amazon: Recorded, clock: Clock) -> AmazonChannel:
    return connect(amazon, clock, seller_id="A2DEMOSELLER01")


def letter(picking: int = 41, *lines: tuple[str, int], reference: str = "", **more: Any) -> SentShipment:
    """The first parcel of a delivery, without a number."""
    sent = parcel(1, *lines, tracking_number="", **more)
    return msgspec.structs.replace(sent, key=f"{picking}/1", reference=reference)


def send(channel: AmazonChannel, *shipments: SentShipment) -> dict[str, tuple[str, str]]:
    return _tell(channel.shipments.send(shipments))


def look(channel: AmazonChannel, *shipments: SentShipment) -> dict[str, tuple[str, str]]:
    return _tell(channel.shipments.look(shipments))


def _tell(outcomes: Iterator[Outcome]) -> dict[str, tuple[str, str]]:
    return {outcome.key: (outcome.status, outcome.reference or outcome.code) for outcome in outcomes}


def is_create(call: Call) -> bool:
    return call.path.endswith("/feeds") and call.method == "POST"


def is_list(call: Call) -> bool:
    return call.path.endswith("/feeds") and call.method == "GET"


def test_letters_go_by_one_feed_and_numbered_parcels_by_a_call(
    amazon: Recorded, channel: AmazonChannel, clock: Clock
) -> None:
    numbered = parcel(1, order_id=OTHER_ORDER)
    sent = send(channel, letter(), numbered, letter(42, ("item9", 1)))
    [feed_id] = amazon.feeds.feeds
    assert sent == {"41/1": ("pending", feed_id), "42/1": ("pending", feed_id), numbered.key: ("accepted", "1")}
    letters = (letter(reference=feed_id), letter(42, ("item9", 1), reference=feed_id))
    assert look(channel, *letters) == {"41/1": ("pending", feed_id), "42/1": ("pending", feed_id)}
    clock.passed += 60
    assert look(channel, *letters) == {"41/1": ("accepted", feed_id), "42/1": ("refused", "18028")}
    assert (amazon.fulfilling.told, amazon.shipments.heard[ORDER]) == ([ORDER], 1)
    raw = channel.orders.fetch(ORDER)
    assert raw is not None
    assert [line.shipped for line in channel.orders.translate(raw).lines] == [1]


@pytest.mark.parametrize(("fate", "status"), [("CANCELLED", "refused"), ("FATAL", "unknown")])
def test_a_feed_that_ends_otherwise(
    amazon: Recorded, channel: AmazonChannel, clock: Clock, fate: str, status: str
) -> None:
    amazon.feeds.fate = [fate]
    _, feed_id = send(channel, letter())["41/1"]
    clock.passed += 60
    assert look(channel, letter(reference=feed_id))["41/1"][0] == status


def test_a_lost_answer_is_followed_by_the_feed_that_it_would_have_named(
    amazon: Recorded, channel: AmazonChannel
) -> None:
    amazon.faults.append(Fault(match=is_create, after=True, drop=True))
    assert send(channel, letter()) == {"41/1": ("pending", next(iter(amazon.feeds.feeds)))}


def test_what_was_lost_is_sent_again_only_where_no_feed_may_have_told_it(
    amazon: Recorded, channel: AmazonChannel, clock: Clock
) -> None:
    amazon.faults.append(Fault(match=is_create, drop=True))
    assert send(channel, letter())["41/1"][0] == "unknown"
    assert look(channel, letter())["41/1"][0] == "absent"  # no feed at all
    amazon.faults.append(Fault(match=is_create, after=True, drop=True))
    amazon.faults.append(Fault(match=lambda call: is_list(call) and bool(amazon.feeds.feeds), status=503, times=9))
    assert send(channel, letter())["41/1"][0] == "unknown"
    amazon.faults.clear()
    assert look(channel, letter())["41/1"] == ("pending", "feed_at_work")
    clock.passed += 60
    look(channel, letter(reference=next(iter(amazon.feeds.feeds))))  # the stand-in works on it
    assert look(channel, letter())["41/1"] == ("pending", "feed_at_work")  # it may not be shown yet
    clock.passed += 3600
    assert look(channel, letter())["41/1"] == ("unknown", "partly_shown")  # one of two units: for a person
    assert amazon.shipments.heard[ORDER] == 1


def test_a_failure_before_there_is_a_feed_tells_nothing(amazon: Recorded, channel: AmazonChannel) -> None:
    amazon.forbidden.add("createFeedDocument")
    with pytest.raises(CredentialError):
        send(channel, letter())
    amazon.forbidden.clear()
    amazon.faults.append(Fault(match="/documents", status=503, times=9))
    assert send(channel, letter()) == {"41/1": ("unknown", "not_sent")}
    assert amazon.feeds.feeds == {}


def test_a_number_that_is_entered_later_is_a_call_and_none_is_taken_back(
    amazon: Recorded, channel: AmazonChannel
) -> None:
    [outcome] = channel.shipments.correct([letter()])
    assert (outcome.status, outcome.code) == ("refused", "no_tracking")
    assert amazon.feeds.feeds == {}


def test_a_message_says_what_is_in_the_parcel_and_is_numbered_by_its_key() -> None:
    sent = letter(41, ("item1", 2), carrier="", carrier_name="Bote")
    assert len({number_message(letter(picking)) for picking in (1, 10, 100)}) == 3
    root = etree.fromstring(build_feed([sent], "A2DEMOSELLER01", NOON))
    assert root.findtext("MessageType") == "OrderFulfillment"
    [message] = root.findall("Message")
    assert message.findtext("MessageID") == number_message(sent) == "410001"
    parcel_told = message.find("OrderFulfillment")
    assert parcel_told is not None
    assert [child.tag for child in parcel_told] == [
        "AmazonOrderID", "MerchantFulfillmentID", "FulfillmentDate", "FulfillmentData", "Item",
    ]  # fmt: skip
    assert (parcel_told.findtext("AmazonOrderID"), parcel_told.findtext("FulfillmentDate")) == (
        ORDER,
        "2026-11-20T10:00:00Z",
    )
    assert [child.tag for child in parcel_told.iterfind("FulfillmentData/*")] == ["CarrierName"]
    assert [child.text for child in parcel_told.iterfind("Item/*")] == ["item1", "2"]


def test_the_setting_needs_a_seller_and_the_role(amazon: Recorded, clock: Clock) -> None:
    on: dict[str, Any] = {"fulfilment": FulfilmentRules(enabled=True, missing_tracking="send")}
    with pytest.raises(SettingsError, match="seller_id is missing"):
        connect(amazon, clock, **on)
    amazon.forbidden.add("getFeeds")
    [lacks] = connect(amazon, clock, seller_id="A2DEMOSELLER01", **on).account.lacks()
    assert "may not send feeds" in lacks


def test_from_how_many_parcels_a_feed_is_quicker_than_the_calls() -> None:
    assert [count for count in (1, 25, 1_209, 1_210, 1_211, 5_000) if is_feed_quicker(count)] == [1_211, 5_000]


def test_how_many_leave_together_and_only_a_seller_who_is_named_sends_feeds(amazon: Recorded, clock: Clock) -> None:
    named, nameless = connect(amazon, clock, seller_id="A2DEMOSELLER01"), connect(amazon, clock)
    assert named.shipments.choose_handover(1_210) == Handover(25, ONE_CALL_EACH)
    assert named.shipments.choose_handover(1_211) == Handover(1_211, ONE_FEED)
    assert named.shipments.choose_handover(9_999) == Handover(MOST_FED, ONE_FEED)
    assert nameless.shipments.choose_handover(9_999) == Handover(25, ONE_CALL_EACH)


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parcels are very many."""
    monkeypatch.setattr(shipments_module, "is_feed_quicker", lambda parcels: parcels >= 2)


def numbered_parcel(picking: int, line: str, order_id: str = ORDER, reference: str = "") -> SentShipment:
    sent = parcel(picking - 40, (line, 1), order_id=order_id)
    return msgspec.structs.replace(sent, key=f"{picking}/{picking - 40}", reference=reference)


@pytest.mark.usefixtures("crowded")
def test_very_many_parcels_go_by_one_feed_and_a_refusal_is_believed_only_after_the_order(
    amazon: Recorded, channel: AmazonChannel, clock: Clock
) -> None:
    first, second, wrong = (
        numbered_parcel(41, "item1"), numbered_parcel(42, "item1"), numbered_parcel(43, "item9", OTHER_ORDER)
    )  # fmt: skip
    [outcome] = channel.shipments.send([second])  # it was told by a call before, whose answer was lost
    assert outcome.status == "accepted"
    outcomes = send(channel, first, second, wrong)
    [feed_id] = amazon.feeds.feeds
    assert outcomes == dict.fromkeys(("41/1", "42/2", "43/3"), ("pending", feed_id))
    clock.passed += 60
    followed = [msgspec.structs.replace(sent, reference=feed_id) for sent in (first, second, wrong)]
    seen = look(channel, *followed)
    assert (seen["41/1"], seen["42/2"][0], seen["43/3"]) == (
        ("accepted", feed_id),
        "accepted",
        ("refused", "no_such_line"),
    )
    assert amazon.shipments.heard[ORDER] == 2
    assert look(channel, first)["41/1"][0] == "accepted"  # by its tracking number


@pytest.mark.usefixtures("crowded")
def test_where_there_can_be_no_feed_very_many_go_by_calls(amazon: Recorded, channel: AmazonChannel) -> None:
    amazon.forbidden.add("createFeedDocument")
    parcels = (numbered_parcel(41, "item1"), numbered_parcel(42, "item1", OTHER_ORDER))
    assert [status for status, _ in send(channel, *parcels).values()] == ["accepted", "accepted"]
    assert (amazon.feeds.feeds, amazon.shipments.heard[ORDER]) == ({}, 1)


@pytest.mark.usefixtures("crowded")
def test_very_many_in_doubt_are_not_told_again_while_a_feed_may_be_at_work(
    amazon: Recorded, channel: AmazonChannel, clock: Clock
) -> None:
    amazon.faults.append(Fault(match=is_create, after=True, drop=True))
    amazon.faults.append(Fault(match=lambda call: is_list(call) and bool(amazon.feeds.feeds), status=503, times=9))
    parcels = (numbered_parcel(41, "item1"), numbered_parcel(42, "item1", OTHER_ORDER))
    assert {status for status, _ in send(channel, *parcels).values()} == {"unknown"}
    amazon.faults.clear()
    assert set(look(channel, *parcels).values()) == {("pending", "feed_at_work")}
    clock.passed += 60
    look(channel, numbered_parcel(41, "item1", reference=next(iter(amazon.feeds.feeds))))  # the stand-in works on it
    clock.passed += 3600
    assert {status for status, _ in look(channel, *parcels).values()} == {"accepted"}
    assert (amazon.shipments.heard[ORDER], amazon.shipments.heard[OTHER_ORDER]) == (1, 1)


def test_a_message_names_the_tracking_number() -> None:
    sent = numbered_parcel(41, "item1")
    root = etree.fromstring(build_feed([sent], "A2DEMOSELLER01", NOON))
    data = root.find("Message/OrderFulfillment/FulfillmentData")
    assert data is not None
    assert [(child.tag, child.text) for child in data] == [
        ("CarrierCode", "DHL"), ("ShipperTrackingNumber", sent.shipment.tracking_number),
    ]  # fmt: skip


def test_the_number_of_a_parcel_that_a_feed_told_is_corrected_by_the_number_that_amazon_gave_it(
    amazon: Recorded, channel: AmazonChannel, clock: Clock
) -> None:
    _, feed_id = send(channel, letter())["41/1"]
    clock.passed += 60
    look(channel, letter(reference=feed_id))
    numbered = msgspec.structs.replace(letter().shipment, parcel=7, tracking_number="JJD 1")
    sent = msgspec.structs.replace(letter(reference=feed_id), shipment=numbered)
    assert _tell(channel.shipments.correct([sent])) == {"41/1": ("accepted", "1")}
    [package] = amazon.orders[ORDER]["packages"]
    assert package["trackingNumber"] == "JJD 1"
    other = msgspec.structs.replace(numbered, lines=parcel(1, ("item1", 2)).shipment.lines)
    [outcome] = channel.shipments.correct([msgspec.structs.replace(sent, shipment=other)])
    assert (outcome.status, outcome.code) == ("refused", "unknown_package")


def test_a_numbered_parcel_that_a_feed_may_have_told_is_looked_for_in_that_feed(
    amazon: Recorded, channel: AmazonChannel, clock: Clock
) -> None:
    """Its order does not show it while the feed is at work: read alone, the order would have it told once more."""
    fed, called = numbered_parcel(41, "item1"), numbered_parcel(42, "item1", OTHER_ORDER)
    with pytest.MonkeyPatch.context() as crowded:
        crowded.setattr(shipments_module, "is_feed_quicker", lambda parcels: True)
        [(_, feed_id)] = send(channel, fed).values()
    followed = msgspec.structs.replace(fed, reference=feed_id)
    assert look(channel, followed, called) == {"41/1": ("pending", feed_id), "42/2": ("absent", "")}
    clock.passed += 60
    assert look(channel, followed)["41/1"] == ("accepted", feed_id)
