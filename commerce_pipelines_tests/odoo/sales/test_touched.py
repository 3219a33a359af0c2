"""What an order touches in Odoo: all that its kits are made of, and what Odoo's own orders hold."""

from __future__ import annotations

from commerce_pipelines.odoo.sales.touched import read_components, read_sold
from commerce_pipelines_tests.doubles.odoo import World, draft, line
from commerce_pipelines_tests.odoo.sales.test_changes import kit_of


def test_kits_within_kits_are_opened(world: World) -> None:
    screw, board, mug = (world.product() for _ in range(3))
    inner = kit_of(world, (screw, 2))
    outer = kit_of(world, (inner, 1), (board, 1))
    assert read_components(world.client, [outer[0], mug[0]]) == {outer[0]: {inner[0], screw[0], board[0]}}
    assert read_components(world.client, [mug[0]]) == {}
    assert read_components(world.client, []) == {}


def test_orders_that_odoo_has_hold_their_lines_and_what_is_delivered_for_them(world: World) -> None:
    screw, mug = world.product(), world.product()
    kit = kit_of(world, (screw, 2))
    sale = draft(line("1", kit, 1, 1000), line("2", mug, 1, 1000))
    assert world.load(sale)[0].action == "created"
    odoo_id = world.order(sale, "id")["id"]
    assert read_sold(world.client, [odoo_id]) == {odoo_id: {kit[0], screw[0], mug[0]}}
    assert read_sold(world.client, []) == {}
