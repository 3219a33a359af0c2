"""Business cases through one lane: several doors, outages, backfills, odd edits; and the dry run foretells each."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from commerce_pipelines.channels.capabilities import Page
from commerce_pipelines.domain.orders.order import (
    Address,
    Buyer,
    FulfilledBy,
    LineKind,
    Order,
    OrderStatus,
    business_day,
)
from commerce_pipelines.flows.intake.pull import Landed, land, pull
from commerce_pipelines.flows.orders.plan import figures, plan
from commerce_pipelines_tests.doubles.lane import (
    MUG,
    NAME,
    PAPER,
    RUN,
    ZONE,
    Lane,
    Server,
    later,
    line,
    numbered,
    waiting,
)
from commerce_pipelines_tests.doubles.lane import writes as written


def ship(lane: Lane, order_id: str) -> None:
    """Its goods leave: Odoo's delivery is done."""
    [sale] = lane.sales(order_id)
    assert lane.person.call("stock.picking", "button_validate", sale["picking_ids"]) is True


def planned(lane: Lane) -> dict[str, int]:
    return dict(figures(plan(lane.connections, NAME, lane.day, lane.day + timedelta(days=1))))


def test_g28_one_order_through_three_doors(connect: Any, request: pytest.FixtureRequest) -> None:
    """Five times by webhook, by a poll, by a backfill, while two runs load what there is: one order."""
    (order_id,) = numbered(request)
    lanes = [connect(), connect()]
    order = lanes[0].order(order_id)
    for lane in lanes:
        lane.put(order)
        assert lane.connections.odoo  # each its own connection
    start, now = lanes[0].day, datetime.now(UTC)

    def knock(door: int) -> None:
        lane = lanes[door % 2]
        how = ("webhook", "poll", "pull")[door % 3]
        page = Page(records=(msgspec.json.encode(order),), resume=None, watermark=now)
        land(lane.connections, NAME, page, how, now, Landed())  # type: ignore[arg-type]

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(knock, door) for door in range(7)]:
            done.result()
        runs = [pool.submit(lane.run) for lane in lanes]
        pull(lanes[0].connections, NAME, start, start + timedelta(days=1))
        actions = [run.result().actions for run in runs]
    assert all(sum(counts.values()) == 1 and "refused" not in counts for counts in actions), actions
    [sale] = lanes[0].sales(order_id)
    assert (sale["state"], len(sale["picking_ids"])) == ("sale", 1)
    person = [["email_normalized", "=", order.buyer.email], ["parent_id", "=", False]]
    assert lanes[0].person.call("res.partner", "search_count", domain=person) == 1
    assert lanes[1].run().actions == {"unchanged": 1}


def test_g42_three_days_without_a_run(lane: Lane, request: pytest.FixtureRequest) -> None:
    ids = numbered(request, 137)
    for number, order_id in enumerate(ids):
        placed = lane.noon - timedelta(hours=72) * number / len(ids)
        lane.put(lane.order(order_id, placed_at=placed, updated_at=placed))
    days = (lane.day - business_day(lane.noon - timedelta(hours=72), ZONE)).days
    before = lane.prove(days).whole
    assert (before.complete, len(before.missing), before.difference) == (False, 137, {"EUR": 137 * 1690})
    assert lane.run(before=days).actions == {"created": 137}
    after = lane.prove(days).whole
    assert (after.complete, after.orders_in_channel, after.sale_orders_in_odoo) == (True, 137, 137)


def test_g109_a_backfill_of_thirty_days_twice_beside_a_poll(
    connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:
    ids = numbered(request, 40)
    lanes = [connect(), connect()]
    for number, order_id in enumerate(ids):
        placed = lanes[0].noon - timedelta(hours=18) * number
        for lane in lanes:
            lane.put(lane.order(order_id, placed_at=placed, updated_at=placed))
    with ThreadPoolExecutor(2) as pool:  # the whole range, and the newest day, at once
        runs = [pool.submit(lanes[0].run, before=29), pool.submit(lanes[1].run)]
        assert all("refused" not in run.result().actions for run in runs)
    assert len(lanes[0].sales(*ids)) == 40
    since = len(odoo.calls or ())
    assert lanes[1].run(before=29).actions == {"unchanged": 40}
    assert written(odoo, since) == []
    assert lanes[0].prove(29).whole.sale_orders_in_odoo == 40


def test_g48_two_products_with_one_code_wait_and_blanks_do_not(lane: Lane, request: pytest.FixtureRequest) -> None:
    a, b, c = numbered(request, 3)
    twin = f"TWIN-{a}"
    values = {"name": "Twin", "default_code": twin, "type": "consu"}
    lane.person.call("product.product", "create", vals_list=[values, values])
    lane.put(lane.order(a, line(sku=twin)), lane.order(b, line(sku=f" {MUG}\t")), lane.order(c, line(sku=MUG.lower())))
    assert lane.run().actions == {"created": 1, "refused": 2}
    assert [waiting(lane, order_id)[0].code for order_id in (a, c)] == ["ambiguous_sku", "unknown_sku"]


def test_g83_what_the_channels_warehouse_ships_for_a_shop_is_one_sale(
    connect: Any, request: pytest.FixtureRequest
) -> None:
    ours, theirs = numbered(request, 2)
    code = f"F{secrets.token_hex(2).upper()}"
    lane = connect(f"routes: [{{warehouse: {code}, services: [MCF]}}], channel_warehouse: {code}, ")
    [warehouse] = lane.person.call("stock.warehouse", "create", vals_list=[{"name": code, "code": code}])
    [house] = lane.person.call("stock.warehouse", "read", ids=[warehouse], fields=["lot_stock_id"], load=None)
    products = lane.person.call("product.product", "search", domain=[["default_code", "=", MUG]])
    quant = {"product_id": products[0], "location_id": house["lot_stock_id"], "inventory_quantity_auto_apply": 5}
    lane.person.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[quant])
    lane.put(
        lane.order(ours, service="MCF"),
        lane.order(theirs, fulfilled_by=FulfilledBy.CHANNEL, is_other_channel=True),
    )
    assert lane.run().actions == {"created": 1, "not_a_sale": 1}
    [sale] = lane.sales(ours, theirs)
    assert sale["warehouse_id"] == warehouse
    assert lane.prove().whole.orders_in_channel == 1
    ship(lane, ours)
    assert lane.run().actions == {"unchanged": 1, "not_a_sale": 1}
    fields = {"fields": ["quantity"], "load": None}
    left = lane.person.call("stock.move", "search_read", domain=[["location_id", "=", house["lot_stock_id"]]],
                            **fields)  # fmt: skip
    assert [move["quantity"] for move in left] == [1]  # from the marketplace's warehouse, and once


def test_an_edit_of_the_address_alone_changes_it_and_no_money(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    order = lane.order(order_id)
    lane.put(order)
    lane.run()
    [before] = lane.sales(order_id)
    moved = Address(name="Ada Byron", street="Gasse 2", city="Ulm", postcode="89073", country="DE")
    lane.put(later(order, shipping=moved))
    assert planned(lane) == {"changed": 1}
    assert lane.run().actions == {"changed": 1}
    [after] = lane.sales(order_id)
    assert (after["id"], after["amount_total"], after["order_line"]) == (before["id"], 16.9, before["order_line"])
    assert lane.run().actions == {"unchanged": 1}


def test_units_taken_back_down_to_none(lane: Lane, request: pytest.FixtureRequest) -> None:
    """A partial cancellation, another one that leaves nothing, and a line that comes again."""
    (order_id,) = numbered(request)
    order = lane.order(order_id, line(3380, quantity=2), line(549, PAPER, line_id="2"))
    lane.put(order)
    lane.run()
    for lines in ((line(3380, quantity=2),), (), (line(1690),)):
        order = later(order, lines=lines)
        lane.put(order)
        assert planned(lane) == {"changed": 1}
        assert lane.run().actions == {"changed": 1}
        assert lane.ledger(order_id)["amount_total"] == order.total
        [sale] = lane.sales(order_id)
        assert sale["state"] == "sale"
    assert lane.prove().whole.complete


def test_an_order_without_any_line_is_an_order(lane: Lane, request: pytest.FixtureRequest) -> None:
    free, empty = numbered(request, 2)
    lane.put(lane.order(free, line(), line(-1690, "", line_id="d", kind=LineKind.DISCOUNT, of="1")))
    lane.put(later(lane.order(empty), lines=()))
    assert lane.run().actions == {"created": 2}
    assert [sale["state"] for sale in lane.sales(free, empty)] == ["sale", "sale"]
    proof = lane.prove().whole
    assert (proof.complete, proof.orders_in_channel, proof.odoo_total) == (True, 2, {"EUR": 0})


def test_news_that_contradict_themselves_wait(lane: Lane, request: pytest.FixtureRequest) -> None:
    a, b, c = numbered(request, 3)
    lane.put(
        lane.order(a, line(), line()), lane.order(b, total=1),
        lane.order(c, buyer=Buyer(), shipping=Address()),
    )  # fmt: skip
    assert lane.run().actions == {"refused": 1}  # the other two are not even staged
    assert [waiting(lane, order_id)[0].code for order_id in (a, b, c)] == [
        "duplicate_line",
        "unbalanced",
        "no_destination",
    ]


def test_a_cancellation_after_shipping_is_foretold_as_a_note(lane: Lane, request: pytest.FixtureRequest) -> None:
    """G59, G62: the dry run knows what has left."""
    a, b, c = numbered(request, 3)
    orders = [lane.order(order_id) for order_id in (a, b, c)]
    lane.put(*orders)
    lane.run()
    ship(lane, a)
    ship(lane, b)
    lane.put(
        later(orders[0], status=OrderStatus.CANCELLED), later(orders[1], lines=(line(3380, quantity=2),)),
        later(orders[2], status=OrderStatus.CANCELLED),
    )  # fmt: skip
    assert planned(lane) == {"flagged": 2, "cancelled": 1}
    assert lane.run().actions == {"flagged": 2, "cancelled": 1}
    assert {record.code for order_id in (a, b) for record in waiting(lane, order_id)} == {
        "cancelled_after_shipping", "edited_after_shipping",
    }  # fmt: skip
    assert planned(lane) == lane.run().actions


CHANGES = ("nothing", "more", "less", "another", "cancelled", "waiting", "unknown", "moved", "shipped", "by hand")
count = iter(range(10**6))


def apply(lane: Lane, order: Order, change: str) -> Order:
    """One thing that happens to an order, in the channel or in Odoo."""
    if change in ("shipped", "by hand"):
        open_ = [sale for sale in lane.sales(order.order_id) if sale["state"] == "sale"]
        done = [pick for sale in open_ for pick in sale["picking_ids"] if is_open(lane, pick)]
        if change == "shipped" and done:
            lane.person.call("stock.picking", "button_validate", done)
        elif change == "by hand" and open_:
            lane.person.call("sale.order.line", "write", open_[0]["order_line"], vals={"price_unit": 1.0})
        return order
    news: dict[str, Any] = {
        "more": {"lines": (line(3380, quantity=2),), "status": OrderStatus.PAID},
        "less": {"lines": ()},
        "another": {"lines": (line(549, PAPER),), "status": OrderStatus.PAID},
        "cancelled": {"status": OrderStatus.CANCELLED},
        "waiting": {"status": OrderStatus.WAITING},
        "unknown": {"lines": (line(sku="X-404"),)},
        "moved": {"shipping": Address(name="Eve", street="Weg 9", city="Ulm", postcode="89073", country="DE")},
    }
    return later(order, **news[change]) if change in news else order


def is_open(lane: Lane, picking: int) -> bool:
    [row] = lane.person.call("stock.picking", "read", [picking], fields=["state"])
    return row["state"] not in ("done", "cancel")


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(CHANGES), min_size=4, max_size=4), min_size=2, max_size=3))
@example([["shipped", "less", "by hand", "shipped"], ["cancelled", "more", "cancelled", "less"], ["more"] * 4])
def test_the_dry_run_is_what_the_run_does(lane: Lane, story: list[list[str]]) -> None:
    """G111, whatever happens to four orders at once."""
    ids = [f"story-{RUN}-{next(count)}" for _ in range(4)]
    lane.channel.known.clear()
    orders = [lane.order(order_id) for order_id in ids]
    for changes in [["nothing"] * 4, *story]:
        orders = [apply(lane, order, change) for order, change in zip(orders, changes, strict=True)]
        lane.put(*orders)
        foretold = {
            outcome.order_id: outcome.action for outcome in plan(lane.connections, NAME, lane.day, tomorrow(lane))
        }
        lane.run()
        assert {order_id: lane.ledger(order_id)["action"] for order_id in ids} == foretold


def tomorrow(lane: Lane) -> date:
    return lane.day + timedelta(days=1)
