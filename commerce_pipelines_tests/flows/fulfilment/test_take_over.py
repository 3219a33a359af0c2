"""What a channel ships itself, delivered in Odoo: on the stand-in, and on a real Odoo by both transports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.domain.fulfilment.shipment_plan import OrderedGoods, OrderedLine
from commerce_pipelines.domain.fulfilment.take_over import SoldLine, StockMove, plan_take_over
from commerce_pipelines.domain.orders.order import FulfilledBy, Order, Shipped
from commerce_pipelines.flows.fulfilment.confirm import confirm
from commerce_pipelines.flows.fulfilment.inputs import read_shipments
from commerce_pipelines.flows.fulfilment.take_over import Taken, find_ship_time, has_news, may_go_on, take_over
from commerce_pipelines.flows.identity import agree
from commerce_pipelines.odoo.fulfilment import taking_over as module
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines_tests.doubles.lane import PAPER, Lane, later, line, numbered
from commerce_pipelines_tests.doubles.shipments import FULFILMENT, desk_of, validate

TAKE_OVER = FULFILMENT.replace("enabled: true", "enabled: true, take_over: true")
AN_HOUR = timedelta(hours=1)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process dies."""


@pytest.fixture
def lane(connect: Any) -> Lane:
    fields = {"domain": [], "fields": ["name"], "load": None, "limit": 1}
    (warehouse,) = connect().person.call("stock.warehouse", "search_read", **fields)
    lane = connect(TAKE_OVER + f"channel_warehouse: '{warehouse['name']}', channel_departure_country: DE, ")
    desk_of(lane)
    return lane


def sell(lane: Lane, order_id: str, *quantities: int, shipped: tuple[int, ...] = ()) -> Order:
    """A loaded order that the channel fulfils, of which it has shipped so many units."""
    skus = ("MUG-STN-350-BL", PAPER)
    lines = tuple(line(1000 * count, skus[at], count, str(at + 1)) for at, count in enumerate(quantities))
    order = lane.order(order_id, *lines, fulfilled_by=FulfilledBy.CHANNEL)
    lane.put(order)
    lane.run()
    agree(lane.connections, lane.name)
    return ship(lane, order, *shipped) if shipped else order


def ship(lane: Lane, order: Order, *units: int) -> Order:
    """The channel's next answer, an hour later: so many units of each line are shipped."""
    lines = tuple(msgspec.structs.replace(row, shipped=units[at]) for at, row in enumerate(order.lines))
    whole = all(row.shipped == row.quantity for row in lines)
    state = Shipped.YES if whole else Shipped.PARTLY
    shipped = later(order, lines=lines, shipped=state, updated_at=order.updated_at + AN_HOUR)
    lane.put(shipped)
    lane.run()
    return shipped


def deliveries(lane: Lane, order_id: str) -> list[tuple[str, float]]:
    """(state, units) of the order's transfers to the customer, the oldest first."""
    (sale,) = lane.sales(order_id)
    moves = lane.person.call(
        "stock.move", "search_read", fields=["picking_id", "state", "quantity", "product_uom_qty"], load=None,
        domain=[["sale_line_id.order_id", "=", sale["id"]], ["state", "!=", "cancel"]], order="picking_id, id",
    )  # fmt: skip
    by_picking: dict[int, tuple[str, float]] = {}
    for move in moves:
        units = move["quantity"] if move["state"] == "done" else move["product_uom_qty"]
        state = "done" if move["state"] == "done" else "open"
        by_picking[move["picking_id"]] = (state, by_picking.get(move["picking_id"], ("", 0.0))[1] + units)
    return list(by_picking.values())


def date_done(lane: Lane, order_id: str) -> list[str]:
    (sale,) = lane.sales(order_id)
    rows = lane.person.call(
        "stock.picking", "search_read", domain=[["sale_id", "=", sale["id"]], ["state", "=", "done"]],
        fields=["date_done"], load=None,
    )  # fmt: skip
    return [row["date_done"] for row in rows]


def waits(lane: Lane, order_id: str) -> list[str]:
    with lane.connections.warehouse.transaction() as connection:
        rows = exceptions.open_exceptions(connection, lane.name, "fulfilment", record_ids=[order_id])
    return [row.code for row in rows]


def test_a_shipped_order_is_delivered_once_on_the_day_that_the_channel_says(
    lane: Lane, request: pytest.FixtureRequest
) -> None:
    (order_id,) = numbered(request)
    order = sell(lane, order_id, 2, 1)
    assert take_over(lane.connections, lane.name) == Taken()
    shipped = ship(lane, order, 2, 1)
    assert has_news(lane.connections, lane.name)
    taken = take_over(lane.connections, lane.name)
    assert (taken.orders, taken.deliveries) == (1, 1)
    assert deliveries(lane, order_id) == [("done", 3.0)]
    assert date_done(lane, order_id) == [f"{shipped.updated_at:%Y-%m-%d %H:%M:%S}"]
    assert take_over(lane.connections, lane.name) == Taken()
    assert not has_news(lane.connections, lane.name)
    read_shipments(lane.connections, whole=True)
    assert confirm(lane.connections, lane.name).parcels == 0


def test_a_part_leaves_a_backorder_and_the_rest_follows(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    order = sell(lane, order_id, 3, 1, shipped=(2, 0))
    assert take_over(lane.connections, lane.name).deliveries == 1
    assert sorted(deliveries(lane, order_id)) == [("done", 2.0), ("open", 2.0)]
    ship(lane, msgspec.structs.replace(order, updated_at=order.updated_at + AN_HOUR), 3, 1)
    assert take_over(lane.connections, lane.name).deliveries == 1
    assert deliveries(lane, order_id) == [("done", 2.0), ("done", 2.0)]


def test_what_a_person_has_delivered_is_not_delivered_again(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    order = sell(lane, order_id, 3)
    validate(lane, order_id, 1)
    ship(lane, order, 2)
    take_over(lane.connections, lane.name)
    assert sorted(deliveries(lane, order_id)) == [("done", 1.0), ("done", 1.0), ("open", 1.0)]


@pytest.mark.parametrize("point", ["before_take_over", "taken_over"])
def test_a_crash_between_two_steps_delivers_nothing_twice(
    lane: Lane, request: pytest.FixtureRequest, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = numbered(request)
    order_id += point[:2]
    sell(lane, order_id, 2, shipped=(2,))

    def kill(name: str) -> None:
        if name == point:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, "failpoint", kill)
        with pytest.raises(Killed):
            take_over(lane.connections, lane.name)
    take_over(lane.connections, lane.name)
    assert deliveries(lane, order_id) == [("done", 2.0)]
    assert not may_go_on(lane.connections, lane.name)


def test_a_serial_number_that_nobody_says_waits_and_a_person_solves_it(
    lane: Lane, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = numbered(request)
    sell(lane, order_id, 1, shipped=(1,))
    read = module._Batch._read_moves

    def read_tracked(self: Any, *arguments: Any) -> Any:
        for sale_line, move in read(self, *arguments):
            yield sale_line, msgspec.structs.replace(move, is_tracked=True)

    with monkeypatch.context() as patch:
        patch.setattr(module._Batch, "_read_moves", read_tracked)
        assert dict(take_over(lane.connections, lane.name).waiting) == {"not_taken_over": 1}
        assert (waits(lane, order_id), deliveries(lane, order_id)) == (["not_taken_over"], [("open", 1.0)])
        assert not has_news(lane.connections, lane.name)
        assert may_go_on(lane.connections, lane.name)
        validate(lane, order_id)
        take_over(lane.connections, lane.name)
    assert (waits(lane, order_id), may_go_on(lane.connections, lane.name)) == ([], False)


def test_it_is_off_until_somebody_says_otherwise(connect: Any, request: pytest.FixtureRequest) -> None:
    fields = {"domain": [], "fields": ["name"], "load": None, "limit": 1}
    (warehouse,) = connect().person.call("stock.warehouse", "search_read", **fields)
    lane = connect(FULFILMENT + f"channel_warehouse: '{warehouse['name']}', channel_departure_country: DE, ")
    (order_id,) = numbered(request)
    sell(lane, order_id, 1, shipped=(1,))
    assert take_over(lane.connections, lane.name) == Taken()
    assert deliveries(lane, order_id) == [("open", 1.0)]


def plan(shown: int, *moves: StockMove, quantity: int = 3, pack: int = 1) -> dict[int, Decimal] | Reason:
    ordered = OrderedLine(line_id="1", line="L", quantity=quantity, shown=shown, pack=pack)
    goods = OrderedGoods(order_id="A", placed_at=NEW_YEAR, answered_at=NEW_YEAR, lines=(ordered,))
    return plan_take_over(goods, [SoldLine(line="L", name="Mug", ordered=Decimal(quantity * pack))], moves)


def move(move_id: int, units: int, **more: Any) -> StockMove:
    return StockMove(move_id=move_id, picking_id=move_id, line="L", product_id=more.pop("product", 7),
                     units=Decimal(units), **more)  # fmt: skip


def test_units_are_counted_once_by_component_and_never_above_what_was_ordered() -> None:
    assert plan(2, move(1, 3)) == {1: 2}
    assert plan(9, move(1, 3)) == {1: 3}
    assert plan(3, move(1, 2, is_done=True), move(2, 1)) == {2: 1}
    assert plan(2, move(1, 2, is_done=True), move(2, 1)) == {}
    assert plan(1, move(1, 12), quantity=2, pack=6) == {1: 6}
    kit = (move(1, 6, part=1, product=1), move(2, 3, part=2, product=2))
    assert plan(1, *kit) == {1: 2, 2: 1}
    assert plan(3, move(1, 1, is_done=True)) == {}, "the rest was cancelled in Odoo"
    assert plan(3, move(1, 1, is_done=True), move(2, 1), move(3, 1)) == {2: 1, 3: 1}


def test_what_odoo_cannot_do_says_why() -> None:
    for reason in (plan(1, move(1, 3, is_tracked=True)), plan(1, move(1, 3, is_last=False))):
        assert isinstance(reason, Reason)
        assert reason.code == "not_taken_over"
    assert plan(0, move(1, 3, is_tracked=True)) == {}


def test_the_ship_time_is_the_last_change_but_never_after_the_promised_delivery(lane: Lane) -> None:
    order, now = lane.order("A"), lane.noon + 40 * AN_HOUR
    changed = msgspec.structs.replace(order, updated_at=lane.noon + 30 * AN_HOUR)
    assert find_ship_time(changed, now) == changed.updated_at
    promised = msgspec.structs.replace(changed, delivered_by=lane.noon + 20 * AN_HOUR)
    assert find_ship_time(promised, now) == promised.delivered_by
    assert find_ship_time(msgspec.structs.replace(promised, delivered_by=lane.noon - AN_HOUR), now) == order.placed_at
    assert find_ship_time(changed, lane.noon + AN_HOUR) == lane.noon + AN_HOUR  # their clock is fast
