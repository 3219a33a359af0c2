"""What a person sees of shipments: the proof by day, and the story of one order's parcels."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.domain.orders.order import FulfilledBy
from commerce_pipelines.flows.fulfilment.confirm import confirm
from commerce_pipelines.flows.fulfilment.inputs import read_shipments
from commerce_pipelines.flows.fulfilment.prove import Deliveries, Proof, Worth, prove
from commerce_pipelines.flows.identity import agree
from commerce_pipelines.flows.lineage import trace
from commerce_pipelines_tests.doubles.lane import Lane, line, numbered
from commerce_pipelines_tests.doubles.outbox import later as much_later
from commerce_pipelines_tests.doubles.shipments import FULFILMENT, desk_of, validate

DHL = "00340434161094042557"


@pytest.fixture
def lane(connect: Any) -> Lane:
    return connect(FULFILMENT)


def sell(lane: Lane, order_id: str, quantity: int = 1, **more: Any) -> None:
    lane.put(lane.order(order_id, line(1690 * quantity, quantity=quantity), **more))
    lane.run()
    agree(lane.connections, lane.name)


def tell(lane: Lane) -> None:
    read_shipments(lane.connections)
    confirm(lane.connections, lane.name)


def proof_of(lane: Lane) -> Proof:
    return prove(lane.connections, lane.name, lane.day - timedelta(days=3), lane.day + timedelta(days=3))


def test_a_delivery_counts_until_the_channel_knows_it(lane: Lane, request: pytest.FixtureRequest) -> None:
    tracked, numberless, refused = numbered(request, 3)
    desk = desk_of(lane)
    for order_id in (tracked, numberless, refused):
        sell(lane, order_id)
    validate(lane, tracked, carrier_tracking_ref=DHL)
    read_shipments(lane.connections)
    assert proof_of(lane).whole == Deliveries(delivered=1, under_way=1)
    tell(lane)
    assert proof_of(lane).whole == Deliveries(delivered=1, confirmed=1)
    validate(lane, numberless)
    tell(lane)
    assert proof_of(lane).whole == Deliveries(delivered=2, confirmed=1, waiting=1)
    validate(lane, refused, carrier_tracking_ref=DHL + "9")
    desk.lose = 1
    tell(lane)
    proof = proof_of(lane)
    assert (proof.whole.delivered, proof.whole.confirmed, proof.whole.under_way) == (3, 1, 1)
    assert [figures.delivered for figures in proof.days.values()] == [3]
    worth = Worth(deliveries=3, confirmed=1, worth=3 * 1690, confirmed_worth=1690)
    assert proof.worth == {(day, "EUR"): worth for day in proof.days}
    assert proof.whole.complete


def test_a_delivery_that_nobody_told_in_time_is_missing(connect: Any, request: pytest.FixtureRequest) -> None:
    lane = connect(FULFILMENT.replace("enabled: true", "enabled: true, deadline_hours: 1"))
    (order_id,) = numbered(request)
    desk_of(lane)
    sell(lane, order_id)
    picking = validate(lane, order_id, carrier_tracking_ref=DHL)
    done = lane.person.call("stock.picking", "read", ids=[picking], fields=["date_done"], load=None)
    long_ago = lane.connections.instruments.now() - timedelta(hours=2)
    lane.person.call("stock.picking", "write", ids=[picking], vals={"date_done": f"{long_ago:%Y-%m-%d %H:%M:%S}"})
    assert done
    read_shipments(lane.connections, whole=True)
    proof = proof_of(lane)
    assert (proof.whole.missing, proof.whole.complete) == ((order_id,), False)
    tell(lane)
    assert proof_of(lane).whole == Deliveries(delivered=1, confirmed=1)


def test_what_the_channel_ships_itself_does_not_count(connect: Any, request: pytest.FixtureRequest) -> None:
    fields = {"domain": [], "fields": ["name"], "load": None, "limit": 1}
    (warehouse,) = connect().person.call("stock.warehouse", "search_read", **fields)
    lane = connect(FULFILMENT + f"channel_warehouse: '{warehouse['name']}', channel_departure_country: DE, ")
    (order_id,) = numbered(request)
    desk_of(lane)
    sell(lane, order_id, fulfilled_by=FulfilledBy.CHANNEL)
    validate(lane, order_id, carrier_tracking_ref=DHL)
    tell(lane)
    assert proof_of(lane) == Proof(whole=Deliveries(), days={})


def test_the_story_of_an_order_has_its_parcels_and_every_attempt(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    desk = desk_of(lane)
    sell(lane, order_id, 3)
    first = validate(lane, order_id, 2, carrier_tracking_ref="A1")
    desk.lose = 1
    tell(lane)
    much_later(lane.connections.warehouse)
    second = validate(lane, order_id, carrier_tracking_ref="B2")
    tell(lane)
    lane.person.call("stock.picking", "write", ids=[second], vals={"carrier_tracking_ref": "C3"})
    read_shipments(lane.connections, whole=True)
    confirm(lane.connections, lane.name)
    shown = [text for event in trace(lane.connections, lane.name, order_id) for text in event.details.values()]
    assert not [text for text in shown if re.search(r"\b(?:A1|B2|C3)\b", text)]  # a person's, until asked for
    assert "Spedition (1, shown with --personal)" in shown
    events = trace(lane.connections, lane.name, order_id, personal=True)
    story = {event.what: event.details for event in events}
    assert story[f"parcel {first}/1: to be confirmed"]["status"] == "accepted"
    assert story[f"parcel {first}/1: to be confirmed"]["units"] == "2 of line 1"
    assert story[f"parcel {first}/1: confirmation, attempt 1"]["outcome"] in ("unknown", "accepted")
    assert story[f"parcel {second}/2: to be confirmed"]["carrier and number"] == "Spedition B2"
    assert story[f"parcel {second}/2: tracking number to be corrected"]["carrier and number"] == "Spedition C3"
    assert story[f"parcel {second}/2: correction, attempt 1"]["outcome"] == "accepted"
    done = [event.what for event in events if event.what.endswith("done in Odoo")]
    assert len(done) == 2
    assert {story[what]["goods"] for what in done} == {"2 of line 1", "1 of line 1"}
    assert "C3" in {story[what]["tracking numbers"] for what in done}


def test_the_story_tells_why_a_shipment_waits(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    desk_of(lane)
    sell(lane, order_id)
    validate(lane, order_id)
    tell(lane)
    story = {event.what: event.details for event in trace(lane.connections, lane.name, order_id)}
    assert story["shipment: waits in exceptions"]["reason"] == "no_tracking"
