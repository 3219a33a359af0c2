"""What is read of deliveries, on the stand-in and on a real Odoo: backorders, packages, kits, returns, exchanges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from commerce_pipelines.domain.fulfilment.deliveries import DeliveredOrder, parcels_of
from commerce_pipelines.domain.orders.order import Address, LineKind
from commerce_pipelines.domain.sales.draft import SaleDraft, line_xid
from commerce_pipelines.odoo.fulfilment.deliveries import read_changes, read_orders
from commerce_pipelines_tests.doubles.odoo import CHANNEL, World, draft, line, service


def sold(world: World, *quantities: int, phone: str = "+49 30 123456") -> SaleDraft:
    """A confirmed order of so many units of one product each, whose buyer has a telephone."""
    lines = [line(str(number), world.product(), quantity, 1000) for number, quantity in enumerate(quantities, 1)]
    place = Address(name="Anna", street="Weg 1", city="Köln", postcode="50667", country="DE", phone=phone)
    order = draft(*lines, service(LineKind.SHIPPING, 490), shipping=place)
    world.load(order)
    return order


def read(world: World, *drafts: SaleDraft) -> list[DeliveredOrder]:
    return list(read_orders(world.client, [world.order(order)["id"] for order in drafts]).values())


def ship(world: World, order: SaleDraft, units: dict[int, float] | None = None, **vals: Any) -> int:
    """Validate the order's open delivery, or so many units of its moves by place; the picking."""
    moves = [move for move in world.moves(order) if move["state"] not in ("done", "cancel")]
    picking = moves[0]["picking_id"]
    for place, quantity in (units or {}).items():
        world.call("stock.move", "write", ids=[moves[place]["id"]], vals={"quantity": quantity, "picked": True})
    context = {"skip_sms": True, "skip_backorder": True}
    assert world.call("stock.picking", "button_validate", ids=[picking], context=context) is True
    if vals:
        world.call("stock.picking", "write", ids=[picking], vals=vals)
    return int(picking)


def test_nothing_is_read_before_it_has_left(world: World) -> None:
    assert read(world, sold(world, 2)) == []


def test_a_delivery_and_its_backorder(world: World) -> None:
    order = sold(world, 3, 1)
    first = ship(world, order, {0: 2}, carrier_tracking_ref="X1; Y2")
    (half,) = read(world, order)
    of_first, of_second = (line_xid(CHANNEL, order.order_id, number) for number in ("1", "2"))
    (delivery,) = half.deliveries
    assert (delivery.picking, delivery.numbers, delivery.method) == (first, ("X1", "Y2"), "")
    assert [(piece.line, piece.quantity, piece.own) for piece in delivery.pieces] == [(of_first, Decimal(2), True)]
    assert timedelta() <= datetime.now(UTC) - delivery.shipped_at < timedelta(minutes=5)
    lines = {row.line: (row.ordered, row.delivered, row.missing) for row in half.lines}
    assert lines[of_first] == (3, 2, 1)
    assert lines[of_second] == (1, 0, 1)
    second = ship(world, order)
    (whole,) = read(world, order)
    assert [delivery.picking for delivery in whole.deliveries] == [first, second]
    lines = {row.line: (row.ordered, row.delivered, row.missing) for row in whole.lines}
    assert (lines[of_first], lines[of_second]) == ((3, 3, 0), (1, 1, 0))


def test_changes_are_found_by_when_they_were_written(world: World) -> None:
    order = sold(world, 1)
    picking = ship(world, order)
    (change,) = [
        row for row in read_changes(world.client, datetime.now(UTC) - timedelta(minutes=5)) if row.picking == picking
    ]
    assert change.sale == world.order(order)["id"]
    assert picking not in [row.picking for row in read_changes(world.client, datetime.now(UTC) + timedelta(minutes=5))]


def test_the_delivery_method_and_where_it_is_tracked(world: World) -> None:
    product, _ = world.product(None, type="service", is_storable=False)
    url = "https://track.example/?id=<shipmenttrackingnumber>"
    carrier = world.create("delivery.carrier", name="DHL Paket", product_id=product, tracking_url=url)
    order = sold(world, 1)
    ship(world, order, carrier_id=carrier, carrier_tracking_ref="X1")
    ((delivery,),) = (delivered.deliveries for delivered in read(world, order))
    assert (delivery.method, delivery.numbers, delivery.url) == ("DHL Paket", ("X1",), "https://track.example/?id=X1")


def test_what_lies_in_which_package(world: World) -> None:
    order = sold(world, 2, 1)
    moves = world.moves(order)
    picking = moves[0]["picking_id"]
    [package] = world.call("stock.picking", "action_put_in_pack", ids=[picking], package_name=f"P-{order.order_id}")
    ship(world, order, carrier_tracking_ref="X1")
    ((delivery,),) = (delivered.deliveries for delivered in read(world, order))
    assert package
    assert {piece.package for piece in delivery.pieces} == {f"P-{order.order_id}"}
    (parcel,) = parcels_of(delivery)
    assert (parcel.package, parcel.number) == (f"P-{order.order_id}", "X1")


def test_a_kit_is_counted_by_whole_kits(world: World) -> None:
    kit, part, other = world.product(None), world.product(), world.product()
    template = world.call("product.product", "read", ids=[kit[0]], fields=["product_tmpl_id"], load=None)
    needs = ((part[0], 2), (other[0], 1))
    world.create(
        "mrp.bom", product_tmpl_id=template[0]["product_tmpl_id"], type="phantom", product_qty=1,
        bom_line_ids=[[0, 0, {"product_id": product, "product_qty": need}] for product, need in needs],
    )  # fmt: skip
    order = draft(line("1", kit, 3, 3000))
    world.load(order)
    quantity = {part[0]: 3.0, other[0]: 1.0}
    moves = world.moves(order)
    ship(world, order, {place: quantity[move["product_id"]] for place, move in enumerate(moves)})
    (delivered,) = read(world, order)
    assert [(row.ordered, row.delivered) for row in delivered.lines] == [(3, 1)]
    assert not any(piece.own for piece in delivered.deliveries[0].pieces)
    assert {piece.product: piece.quantity for piece in delivered.deliveries[0].pieces} == quantity
    ship(world, order)
    (delivered,) = read(world, order)
    assert [row.delivered for row in delivered.lines] == [3]


def test_calls_do_not_grow_with_deliveries(world: World) -> None:
    drafts = [sold(world, 1, 1) for _ in range(3)]
    for order in drafts:
        ship(world, order)
    counts = []
    for some in (drafts[:1], drafts):
        sales = [world.order(order)["id"] for order in some]
        before = len(world.transport.calls)
        assert len(read_orders(world.client, sales)) == len(some)
        counts.append(len(world.transport.calls) - before)
    assert counts[0] == counts[1] <= 7
