"""What an order touches in Odoo: all that its kits are made of, and what Odoo's own orders hold."""

from __future__ import annotations

from commerce_pipelines.odoo.sales.touched import read_components, read_sold
from commerce_pipelines_tests.doubles.odoo import World, draft, line


def make_kit(world: World, *parts: int) -> tuple[int, str]:
    product, code = world.product(stock=None)
    (row,) = world.call("product.product", "read", ids=[product], fields=["product_tmpl_id"], load=None)
    lines = [[0, 0, {"product_id": part, "product_qty": 2}] for part in parts]
    world.create("mrp.bom", product_tmpl_id=row["product_tmpl_id"], type="phantom", product_qty=1, bom_line_ids=lines)
    return product, code


def test_kits_within_kits_are_opened(world: World) -> None:
    screw, board, mug = (world.product()[0] for _ in range(3))
    inner, _ = make_kit(world, screw)
    outer, _ = make_kit(world, inner, board)
    assert read_components(world.client, [outer, mug]) == {outer: {inner, screw, board}}
    assert read_components(world.client, [mug]) == {}
    assert read_components(world.client, []) == {}


def test_orders_that_odoo_has_hold_their_lines_and_what_is_delivered_for_them(world: World) -> None:
    screw, mug = world.product()[0], world.product()
    kit = make_kit(world, screw)
    sale = draft(line("1", kit, 1, 1000), line("2", mug, 1, 1000))
    assert world.load(sale)[0].action == "created"
    (odoo_id,) = world.call("sale.order", "search", domain=[["client_order_ref", "=", sale.number]])
    assert read_sold(world.client, [odoo_id]) == {odoo_id: {kit[0], screw, mug[0]}}
    assert read_sold(world.client, []) == {}
