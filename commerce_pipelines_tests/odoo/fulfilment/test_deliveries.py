"""What is read of deliveries, on the stand-in and on a real Odoo: backorders, packages, kits, returns, exchanges."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

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


def test_of_pick_pack_and_ship_only_what_has_left_counts_and_once(world: World) -> None:
    if world.kind == "stand-in":
        pytest.skip("the stand-in delivers in one step")
    name = f"Steps {secrets.token_hex(3)}"
    warehouse = world.create(
        "stock.warehouse", name=name, code=secrets.token_hex(2).upper(), delivery_steps="pick_pack_ship"
    )
    fields = ["lot_stock_id", "pick_type_id", "pack_type_id", "out_type_id"]
    [row] = world.call("stock.warehouse", "read", ids=[warehouse], fields=fields, load=None)
    product = world.product(None)
    world.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[
        {"product_id": product[0], "location_id": row["lot_stock_id"], "inventory_quantity_auto_apply": 5}
    ])  # fmt: skip
    order = draft(line("1", product, 3, 3000), warehouse=name)
    world.load(order)
    for units, left in ((2, []), (1, [2])):  # two are picked, packed and shipped, and then the third one
        for step in ("pick_type_id", "pack_type_id"):
            do_step(world, order, row[step], units)
            assert [delivery.pieces[0].quantity for row in read(world, order) for delivery in row.deliveries] == left
        do_step(world, order, row["out_type_id"], units, carrier_tracking_ref=f"X{units}")
    (delivered,) = read(world, order)
    assert [(delivery.pieces[0].quantity, delivery.numbers) for delivery in delivered.deliveries] == [
        (2, ("X2",)), (1, ("X1",)),
    ]  # fmt: skip
    assert [(row.ordered, row.delivered, row.missing) for row in delivered.lines] == [(3, 3, 0)]


def do_step(world: World, order: SaleDraft, kind: int, units: float, **vals: Any) -> None:
    """A person validates so many units of the order's open transfer of a kind."""
    sale = world.order(order)["id"]
    domain = [["sale_id", "=", sale], ["state", "=", "assigned"], ["picking_type_id", "=", kind]]
    [picking] = world.call("stock.picking", "search", domain=domain)
    moves = world.call("stock.move", "search", domain=[["picking_id", "=", picking]])
    world.call("stock.move", "write", ids=moves, vals={"quantity": units, "picked": True})
    context = {"skip_sms": True, "skip_backorder": True}
    assert world.call("stock.picking", "button_validate", ids=[picking], context=context) is True
    if vals:
        world.call("stock.picking", "write", ids=[picking], vals=vals)


def test_a_dropshipment_counts_and_its_way_back_does_not(world: World) -> None:
    if world.kind != "stand-in":
        pytest.skip("a real Odoo dropships by purchases: flows/fulfilment/test_dropship.py")
    order = sold(world, 2)
    [move] = world.moves(order)
    kind = world.create("stock.picking.type", name="Dropship", code="dropship", sequence_code="DS")
    world.call("stock.picking", "write", ids=[move["picking_id"]], vals={"picking_type_id": kind})
    picking = ship(world, order)
    (delivered,) = read(world, order)
    assert [(delivery.picking, delivery.pieces[0].quantity) for delivery in delivered.deliveries] == [(picking, 2)]
    ends = ["location_id", "location_dest_id"]
    [row] = world.call("stock.move", "read", ids=[move["id"]], fields=ends, load=None)
    turned = {"location_id": row["location_dest_id"], "location_dest_id": row["location_id"]}
    world.call("stock.move", "write", ids=[move["id"]], vals=turned)
    assert read(world, order) == []


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
