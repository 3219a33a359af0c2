"""What Odoo had in the marketplace's warehouse at an instant, and what moved since: on the stand-in and on Odoo 19."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.inbound.reconciliation import Group, Moved, Stocked
from commerce_pipelines.domain.sales.mapping import Goods
from commerce_pipelines.odoo.inbound.contents import read_contents
from commerce_pipelines.odoo.inbound.stock_as_of import Away, find_away, read_movements, read_stock_as_of

from ...doubles.odoo import World
from ..inventory.test_free_quantity import bill
from ..inventory.test_stock import main_warehouse, other_warehouse

BERLIN = ZoneInfo("Europe/Berlin")


def place_of(world: World, usage: str) -> int:
    rows = world.call("stock.location", "search", domain=[["usage", "=", usage]], limit=1)
    return int(rows[0])


def move(world: World, product: int, units: float, source: int, target: int, done: bool = True) -> int:
    """A transfer of one product; its move's id."""
    [kind] = world.call("stock.picking.type", "search", domain=[["code", "=", "internal"]], limit=1)
    picking = world.create("stock.picking", picking_type_id=kind, location_id=source, location_dest_id=target)
    made = world.create(
        "stock.move", picking_id=picking, product_id=product, product_uom_qty=units, location_id=source,
        location_dest_id=target,
    )  # fmt: skip
    world.call("stock.picking", "action_confirm", ids=[picking])
    if done:
        world.call("stock.move", "write", ids=[made], vals={"quantity": units, "picked": True})
        world.call("stock.picking", "button_validate", ids=[picking], context={"skip_backorder": True})
    return made


def date_back(world: World, moved: int, at: datetime) -> None:
    world.call("stock.move", "write", ids=[moved], vals={"date": at.strftime("%Y-%m-%d %H:%M:%S")})


def read(world: World, away: Away, products: list[int], at: datetime) -> dict[int, float]:
    stocked = read_stock_as_of(world.client, away, products, at)
    return {product: stocked[product].units for product in products}


@pytest.fixture
def away(world: World) -> Away:
    other_warehouse(world)
    return find_away(world.client, "FBA")


def test_a_warehouse_that_is_not_there(world: World) -> None:
    with pytest.raises(RecordError) as refused:
        find_away(world.client, "NOWHERE")
    assert refused.value.reason.code == "unknown_warehouse"


def test_what_was_there_at_an_instant_is_what_is_there_less_what_came_since(world: World, away: Away) -> None:
    far, customer = other_warehouse(world)["lot_stock_id"], place_of(world, "customer")
    (product, code), before = world.product(stock=40), datetime.now(UTC) - timedelta(hours=1)
    home = main_warehouse(world)["lot_stock_id"]
    date_back(world, move(world, product, 10, home, far), before - timedelta(hours=1))
    move(world, product, 3, far, customer)
    time.sleep(1.1)  # Odoo counts in seconds
    after = datetime.now(UTC)
    assert read(world, away, [product], before) == {product: 10}
    assert read(world, away, [product], after) == {product: 7}
    assert read(world, away, [product], before - timedelta(hours=2)) == {product: 0}
    assert read_stock_as_of(world.client, away, [], after)[product] == Stocked(code=code, units=7)


def test_movements_are_told_by_the_place_at_their_other_side(world: World, away: Away) -> None:
    far = other_warehouse(world)["lot_stock_id"]
    home, customer, loss = (
        main_warehouse(world)["lot_stock_id"], place_of(world, "customer"), place_of(world, "inventory"),
    )  # fmt: skip
    product, _ = world.product(stock=40)
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    begun = at - timedelta(days=2)
    done = [(10, home, far), (3, far, customer), (1, customer, far), (2, far, loss), (1, far, home)]
    for units, source, target in done:
        date_back(world, move(world, product, units, source, target), at - timedelta(minutes=5))
    date_back(world, move(world, product, 7, home, far), begun - timedelta(minutes=5))  # before all of it
    move(world, product, 1, far, customer)  # after the instant
    move(world, product, 2, far, customer, done=False)
    move(world, product, 4, home, far, done=False)
    moved = read_movements(world.client, away, {product: Stocked(code="X", units=12)}, begun, at, BERLIN)
    day = (at - timedelta(minutes=5)).astimezone(BERLIN).date()
    expected = [
        (Group.RECEIPTS, 10.0), (Group.SHIPMENTS, -3.0), (Group.RETURNS, 1.0), (Group.ADJUSTMENTS, -2.0),
        (Group.REMOVALS, -1.0),
    ]  # fmt: skip
    assert sorted(moved.done, key=str) == sorted((Moved(product, day, *part) for part in expected), key=str)
    figures: Any = {"to_leave": 2.0, "to_come": 4.0, "left_since": 1.0}
    assert moved.stocked == {product: Stocked(code="X", units=12, **figures)}


def test_goods_in_a_location_of_the_warehouse_that_is_no_stock_are_there(world: World, away: Away) -> None:
    broken = world.create("stock.location", name="Unfulfillable", location_id=away.view, usage="internal")
    home, (product, _) = main_warehouse(world)["lot_stock_id"], world.product(stock=9)
    move(world, product, 4, home, broken)
    here = find_away(world.client, "FBA")
    time.sleep(1.1)
    assert read(world, here, [product], datetime.now(UTC)) == {product: 4}


def test_what_a_sku_is(world: World) -> None:
    (product, code), (part, part_code) = world.product(), world.product()
    kit = bill(world, [(part, 2, 0)])
    retired = world.product(active=False, stock=None)
    contents = read_contents(
        world.client,
        {
            "ONE": Goods(code), "SIX": Goods(part_code, 6), "KIT": Goods(kit[1], 2), "OLD": Goods(retired[1]),
            "GONE": Goods("NO-SUCH-CODE-AT-ALL"), "": Goods(""),
        },
        fold_case=False,
    )  # fmt: skip
    units = {sku: [(content.product, content.units) for content in of] for sku, of in contents.of.items()}
    assert units == {"ONE": [(product, 1)], "SIX": [(part, 6)], "KIT": [(part, 4)], "OLD": [(retired[0], 1)]}
    assert {sku: reason.code for sku, reason in contents.refused.items()} == {"GONE": "unknown_sku", "": "no_sku"}
