"""Deliveries in Odoo, told to a channel: on the stand-in, and on a real Odoo by both transports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.domain.orders.order import FulfilledBy, Order, OrderStatus
from commerce_pipelines.domain.outbox.effects import Kind
from commerce_pipelines.flows.fulfilment.confirm import Confirmed, Stopped, answer, confirm, release
from commerce_pipelines.flows.fulfilment.inputs import read_shipments
from commerce_pipelines.flows.identity import agree
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.fulfilment import shipments
from commerce_pipelines_tests.doubles.lane import PAPER, Lane, later, line, numbered
from commerce_pipelines_tests.doubles.outbox import later as much_later
from commerce_pipelines_tests.doubles.shipments import FULFILMENT, desk_of, validate

DHL = "00340434161094042557"


@pytest.fixture
def lane(connect: Any) -> Lane:
    return connect(FULFILMENT)


def sold(lane: Lane, order_id: str, *quantities: int, **more: Any) -> Order:
    """A loaded order of so many mugs and papers."""
    skus = ("MUG-STN-350-BL", PAPER)
    lines = [line(1000 * count, skus[at], count, str(at + 1)) for at, count in enumerate(quantities)]
    order = lane.order(order_id, *lines, **more)
    lane.put(order)
    lane.run()
    agree(lane.connections, lane.name)  # the server knows orders of earlier tests, whose database is another one
    return order


def tell(lane: Lane, *, whole: bool = False, **options: Any) -> Confirmed:
    read_shipments(lane.connections, whole=whole)
    return confirm(lane.connections, lane.name, **options)


def waits(lane: Lane, order_id: str) -> list[str]:
    with lane.connections.warehouse.transaction() as connection:
        rows = exceptions.open_exceptions(connection, lane.name, "fulfilment", record_ids=[order_id])
    return [row.code for row in rows]


def is_due(lane: Lane) -> bool:
    with lane.connections.warehouse.transaction() as connection:
        return shipments.has_due(connection, lane.name)


def test_g91_a_delivery_is_told_once_with_its_tracking_number(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 2)
    desk = desk_of(lane)
    assert tell(lane).parcels == 0
    validate(lane, order_id, carrier_tracking_ref=DHL)
    done = tell(lane)
    assert (done.parcels, done.settled, dict(done.outcomes)) == (1, 1, {"accepted": 1})
    (shipment,) = [parcel for parcel in desk.told if parcel.order_id == order_id]
    assert (shipment.tracking_number, shipment.carrier, shipment.carrier_name) == (DHL, "", "Spedition")
    assert shipment.shipped_at <= datetime.now(UTC)
    for whole in (False, True):
        assert tell(lane, whole=whole).parcels == 0
    assert len(desk.told) == 1
    assert not is_due(lane)


def test_a_lost_answer_is_looked_for_and_not_told_again(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 1)
    desk = desk_of(lane)
    validate(lane, order_id, carrier_tracking_ref=DHL)
    desk.lose = 1
    assert dict(tell(lane).outcomes) == {"unknown": 1}
    assert is_due(lane)
    much_later(lane.connections.warehouse)
    assert dict(tell(lane).outcomes) == {"accepted": 1}
    assert len(desk.told) == 1
    assert not is_due(lane)


def test_what_nobody_can_tell_waits_for_a_person(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 1)
    desk = desk_of(lane)
    picking = validate(lane, order_id, carrier_tracking_ref=DHL)
    desk.lose, desk.tells = 1, False
    tell(lane)
    much_later(lane.connections.warehouse)
    tell(lane)
    assert waits(lane, order_id) == ["confirmation_in_doubt"]
    with pytest.raises(PermanentError, match=f"in doubt are {picking}/1"):
        answer(lane.connections, lane.name, "9/9", happened=True)
    answer(lane.connections, lane.name, f"{picking}/1", happened=True)
    tell(lane)
    assert (waits(lane, order_id), len(desk.told), is_due(lane)) == ([], 1, False)


def test_a_backorder_is_a_second_parcel(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 3, 1)
    desk = desk_of(lane)
    validate(lane, order_id, 2, carrier_tracking_ref="A1")
    tell(lane)
    validate(lane, order_id, carrier_tracking_ref="B2; C3")
    tell(lane)
    tell(lane, whole=True)
    assert desk.parcels(order_id) == [(1, "A1", {"1": 2}), (2, "B2", {"1": 1, "2": 1})]
    assert desk.told[-1].more_numbers == ("C3",)


def test_without_a_tracking_number_it_waits_and_goes_on_by_itself(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 1)
    desk = desk_of(lane)
    picking = validate(lane, order_id)
    assert dict(tell(lane).waiting) == {"no_tracking": 1}
    assert (waits(lane, order_id), desk.told) == (["no_tracking"], [])
    lane.person.call("stock.picking", "write", ids=[picking], vals={"carrier_tracking_ref": DHL})
    tell(lane)
    assert (waits(lane, order_id), desk.parcels(order_id)) == ([], [(1, DHL, {"1": 1})])


def test_a_corrected_number_reaches_the_channel_once(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 1)
    desk = desk_of(lane)
    picking = validate(lane, order_id, carrier_tracking_ref="WRONG1")
    tell(lane)

    def type_number(number: str) -> Confirmed:
        lane.person.call("stock.picking", "write", ids=[picking], vals={"carrier_tracking_ref": number})
        return tell(lane, whole=True)

    assert type_number("RIGHT2").corrections == 1
    tell(lane, whole=True)
    assert [(shipment.tracking_number, shipment.parcel, reference) for shipment, reference in desk.corrected] == [
        ("RIGHT2", 1, "ref-1")
    ]
    assert len(desk.told) == 1
    desk.refuse = 1
    type_number("THIRD3")
    assert waits(lane, order_id) == ["refused_by_channel"]
    assert tell(lane).corrections == 0, "what is refused is not sent again just so"
    type_number("RIGHT2")
    assert waits(lane, order_id) == []
    assert len(desk.corrected) == 1


def test_a_refused_parcel_waits_until_it_is_another_one(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 1)
    desk = desk_of(lane)
    picking = validate(lane, order_id, carrier_tracking_ref="BAD")
    desk.refuse = 1
    assert dict(tell(lane).outcomes) == {"refused": 1}
    assert waits(lane, order_id) == ["refused_by_channel"]
    assert dict(tell(lane).outcomes) == {}
    lane.person.call("stock.picking", "write", ids=[picking], vals={"carrier_tracking_ref": "GOOD"})
    tell(lane)
    assert (waits(lane, order_id), desk.parcels(order_id)) == ([], [(1, "GOOD", {"1": 1})])


def test_what_the_channel_holds_back_is_told_when_the_hold_is_gone(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    order = sold(lane, order_id, 1)
    desk = desk_of(lane)
    validate(lane, order_id, carrier_tracking_ref=DHL)
    desk.refuse, desk.code = 99, "on_hold"
    assert dict(tell(lane).waiting) == {"held_by_channel": 1}
    assert dict(tell(lane).outcomes) == {}, "nothing has changed, and it was just asked"
    assert desk.asked == 1
    much_later(lane.connections.warehouse, timedelta(minutes=11))
    assert dict(tell(lane).outcomes) == {"refused": 1}
    much_later(lane.connections.warehouse, timedelta(minutes=11))
    assert dict(tell(lane).outcomes) == {}, "each time it waits longer"
    much_later(lane.connections.warehouse, timedelta(minutes=11))
    desk.refuse = 0
    assert dict(tell(lane).outcomes) == {"accepted": 1}
    assert (waits(lane, order_id), desk.parcels(order_id), is_due(lane)) == ([], [(1, DHL, {"1": 1})], False)
    much_later(lane.connections.warehouse, timedelta(hours=9))
    lane.put(later(order))
    lane.run()
    tell(lane, whole=True)
    assert desk.asked == 3


def test_a_released_hold_is_seen_in_the_order_and_a_lost_answer_is_not_told_twice(
    lane: Lane, request: pytest.FixtureRequest
) -> None:
    (order_id,) = numbered(request)
    order = sold(lane, order_id, 1)
    desk = desk_of(lane)
    validate(lane, order_id, carrier_tracking_ref=DHL)
    desk.refuse, desk.code = 1, "scheduled"
    tell(lane)
    lane.put(later(order, updated_at=datetime.now(UTC) + timedelta(minutes=1)))
    lane.run()
    desk.lose = 1
    assert dict(tell(lane).outcomes) == {"unknown": 1}
    much_later(lane.connections.warehouse, timedelta(hours=2))
    assert dict(tell(lane).outcomes) == {"accepted": 1}
    assert len(desk.told) == 1


def test_two_deliveries_under_one_number_are_told_as_one_parcel(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 3)
    desk = desk_of(lane)
    validate(lane, order_id, 2, carrier_tracking_ref=DHL)
    validate(lane, order_id, carrier_tracking_ref=DHL)
    assert dict(tell(lane).outcomes) == {"accepted": 1}
    tell(lane, whole=True)
    assert (desk.parcels(order_id), is_due(lane)) == ([(1, DHL, {"1": 3})], False)


def test_g94_what_the_channel_ships_itself_is_never_confirmed(connect: Any, request: pytest.FixtureRequest) -> None:
    fields = {"domain": [], "fields": ["name"], "load": None, "limit": 1}
    (warehouse,) = connect().person.call("stock.warehouse", "search_read", **fields)
    lane = connect(FULFILMENT + f"channel_warehouse: '{warehouse['name']}', channel_departure_country: DE, ")
    (order_id,) = numbered(request)
    sold(lane, order_id, 1, fulfilled_by=FulfilledBy.CHANNEL)
    desk = desk_of(lane)
    validate(lane, order_id, carrier_tracking_ref=DHL)
    done = tell(lane, whole=True)
    assert (done.parcels, done.settled, desk.told) == (0, done.orders, [])
    assert done.orders == 1


def test_a_cancelled_order_is_not_confirmed_and_units_shown_as_shipped_are_not_told(
    lane: Lane, request: pytest.FixtureRequest
) -> None:
    cancelled, shown = numbered(request, 2)
    orders = [sold(lane, order_id, 2) for order_id in (cancelled, shown)]
    desk = desk_of(lane)
    for order_id in (cancelled, shown):
        validate(lane, order_id, carrier_tracking_ref=DHL)
    lines = tuple(msgspec.structs.replace(line, shipped=1) for line in orders[1].lines)
    lane.put(later(orders[0], status=OrderStatus.CANCELLED), later(orders[1], lines=lines))
    lane.run()
    tell(lane)
    assert desk.parcels(cancelled) == []
    assert desk.parcels(shown) == [(1, DHL, {"1": 1})]
    assert not is_due(lane)


def test_many_parcels_at_once_wait_for_consent(connect: Any, request: pytest.FixtureRequest) -> None:
    lane = connect(FULFILMENT.replace("enabled: true", "enabled: true, hold_above: 1"))
    ids = numbered(request, 2)
    for order_id in ids:
        sold(lane, order_id, 1)
    desk = desk_of(lane)
    for order_id in ids:
        validate(lane, order_id, carrier_tracking_ref=DHL)
    with pytest.raises(Stopped, match="2 parcels would be confirmed, more than 1"):
        tell(lane)
    assert desk.told == []
    assert "2 parcels" in release(lane.connections, lane.name, "anna")
    assert dict(tell(lane).outcomes) == {"accepted": 2}
    assert not is_due(lane)
    with pytest.raises(PermanentError, match="nothing to release"):
        release(lane.connections, lane.name, "anna")


def test_a_dry_run_tells_nothing(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 1)
    desk = desk_of(lane)
    validate(lane, order_id, carrier_tracking_ref=DHL)
    done = tell(lane, dry_run=True)
    assert (done.dry, done.parcels, desk.told) == (True, 1, [])
    assert done.rows[0][0] == order_id
    assert tell(lane).parcels == 1


def test_words_and_bodies_hold_no_personal_data(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 1)
    desk_of(lane)
    validate(lane, order_id, carrier_tracking_ref=DHL)
    tell(lane)
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT body::text || basis::text FROM commerce.effects WHERE kind = %s", (Kind.SHIPMENT,))
        texts = [text for (text,) in cursor]
        cursor.execute("SELECT body::text FROM commerce.shipments")
        texts += [text for (text,) in cursor]
    assert len(texts) == 2
    assert not any(word in text for text in texts for word in ("Ada", "Weg 1", "example.com"))


def test_a_late_delivery_is_overdue(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    sold(lane, order_id, 1)
    desk_of(lane)
    validate(lane, order_id)
    tell(lane)

    def overdue(hours: float) -> list[str]:
        with lane.connections.warehouse.transaction() as connection:
            rows = shipments.overdue(connection, lane.name, datetime.now(UTC) + timedelta(hours=hours))
        return [row for row, _ in rows]

    assert (overdue(1), overdue(-1)) == ([order_id], [])
