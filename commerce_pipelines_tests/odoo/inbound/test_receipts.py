"""Transfers from the road, received in steps: on the stand-in and on Odoo 19."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from commerce_pipelines.odoo.inbound.receipts import Transfer, read_transfers, receive
from commerce_pipelines.odoo.inbound.stock_as_of import Away, find_away, read_stock_as_of

from ...doubles.odoo import World
from ..inventory.test_stock import main_warehouse, other_warehouse

SOON = timedelta(seconds=2)


def road_of(world: World) -> int:
    """A transit location, as Odoo has one for each pair of companies, or a person makes one."""
    name = "Road to FBA"
    rows = world.call("stock.location", "search", domain=[["name", "=", name], ["usage", "=", "transit"]], limit=1)
    return int(rows[0]) if rows else world.create("stock.location", name=name, usage="transit")


def transfer(world: World, products: dict[int, float], source: int, target: int, origin: str = "") -> int:
    """A confirmed transfer; its record id."""
    [kind] = world.call("stock.picking.type", "search", domain=[["code", "=", "internal"]], limit=1)
    picking = world.create(
        "stock.picking", picking_type_id=kind, location_id=source, location_dest_id=target, origin=origin
    )
    for product, units in products.items():
        world.create("stock.move", picking_id=picking, product_id=product, product_uom_qty=units,
                     location_id=source, location_dest_id=target)  # fmt: skip
    world.call("stock.picking", "action_confirm", ids=[picking])
    return picking


def number() -> str:
    return f"FBA15{secrets.token_hex(3).upper()}"


class Road:
    """Goods that left the own warehouse, and the transfer that waits for them."""

    def __init__(self, world: World, away: Away) -> None:
        self.world, self.away, self.number = world, away, number()
        self.far, self.road = other_warehouse(world)["lot_stock_id"], road_of(world)

    def send(self, products: dict[int, float]) -> int:
        home = main_warehouse(self.world)["lot_stock_id"]
        out = transfer(self.world, products, home, self.road)
        for move in self.world.call("stock.move", "search", domain=[["picking_id", "=", out]]):
            self.world.call("stock.move", "write", ids=[move], vals={"picked": True})
        assert self.world.call("stock.picking", "button_validate", ids=[out]) is True
        picking = transfer(self.world, products, self.road, self.far, f"Shipment {self.number}")
        self.world.call("stock.picking", "action_assign", ids=[picking])
        return picking

    def read(self) -> list[Transfer]:
        transfers = read_transfers(self.world.client, self.away, datetime.now(UTC) - timedelta(days=1))
        return [row for row in transfers if row.shipment_id == self.number]

    def receive(self, units: dict[int, float]) -> None:
        """Receive units, by product."""
        moves = [move for row in self.read() for move in row.moves if not move.is_done]
        picked = {move.move_id: units[move.product] for move in moves if move.product in units}
        assert receive(self.world.client, picked, {move.move_id: move.picking_id for move in moves}) == {}

    def figures(self, product: int) -> tuple[float, float, float]:
        """(received, on the road, in the warehouse)."""
        moves = [move for row in self.read() for move in row.moves if move.product == product]
        stocked = read_stock_as_of(self.world.client, self.away, [product], datetime.now(UTC) + SOON)
        return (
            sum(move.units for move in moves if move.is_done), sum(move.there for move in moves),
            stocked[product].units,
        )  # fmt: skip


@pytest.fixture
def road(world: World) -> Road:
    other_warehouse(world)
    return Road(world, find_away(world.client, "FBA"))


def test_what_arrives_is_received_and_the_rest_stays_on_the_road(world: World, road: Road) -> None:
    (kettle, _), (mug, _) = world.product(stock=50), world.product(stock=50)
    road.send({kettle: 10, mug: 4})
    [there] = road.read()
    assert {(move.product, move.there, move.is_done) for move in there.moves} == {(kettle, 10, False), (mug, 4, False)}
    assert road.figures(kettle) == (0, 10, 0)
    road.receive({kettle: 6})
    assert road.figures(kettle) == (6, 4, 6)
    assert road.figures(mug) == (0, 4, 0)
    road.receive({kettle: 2, mug: 4})
    assert road.figures(kettle) == (8, 2, 8)
    assert road.figures(mug) == (4, 0, 4)
    road.receive({kettle: 2})
    assert road.figures(kettle) == (10, 0, 10)
    assert {row.state for row in road.read()} == {"done"}


def test_what_a_person_ticked_and_has_not_arrived_is_not_received(world: World, road: Road) -> None:
    (kettle, _), (mug, _) = world.product(stock=50), world.product(stock=50)
    picking = road.send({kettle: 10, mug: 4})
    moves = world.call("stock.move", "search", domain=[["picking_id", "=", picking]])
    world.call("stock.move", "write", ids=moves, vals={"picked": True})
    road.receive({kettle: 10})
    assert road.figures(kettle) == (10, 0, 10)
    assert road.figures(mug) == (0, 4, 0)


def test_goods_that_have_not_left_are_not_on_the_road(world: World, road: Road) -> None:
    kettle, _ = world.product(stock=50)
    transfer(world, {kettle: 10}, road.road, road.far, road.number)
    assert road.figures(kettle) == (0, 0, 0)


def test_earlier_transfers_of_a_shipment_count_however_old_they_are(world: World, road: Road) -> None:
    kettle, _ = world.product(stock=50)
    road.send({kettle: 10})
    road.receive({kettle: 6})
    [old] = [move.move_id for row in road.read() for move in row.moves if move.is_done]
    world.call("stock.move", "write", ids=[old], vals={"date": "2026-01-01 12:00:00"})
    assert road.figures(kettle)[:2] == (6, 4)


def test_a_transfer_within_the_warehouse_is_none(world: World, road: Road) -> None:
    kettle, _ = world.product(stock=50)
    home = main_warehouse(world)["lot_stock_id"]
    transfer(world, {kettle: 1}, home, road.far, road.number)
    assert road.read() == []


@pytest.mark.odoo
def test_what_odoo_s_own_resupply_makes_is_such_a_pair(world: World, road: Road) -> None:
    """*Resupply From* on the warehouse, and a person who replenishes the product there. Only a real Odoo does it."""
    if world.kind == "stand-in":
        pytest.skip("the stand-in has no routes")
    home = world.call("stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], load=None, limit=1,
                      order="id")[0]  # fmt: skip
    [away] = world.call("stock.warehouse", "search", domain=[["code", "=", road.away.code]])
    world.call("stock.warehouse", "write", ids=[away], vals={"resupply_wh_ids": [[4, home["id"]]]})
    [route] = world.call("stock.route", "search", domain=[["supplied_wh_id", "=", away]], limit=1)
    kettle, _ = world.product(stock=50, route_ids=[[4, route]])
    [row] = world.call("product.product", "read", ids=[kettle], fields=["product_tmpl_id", "uom_id"], load=None)
    wizard = world.create(
        "product.replenish", product_id=kettle, product_tmpl_id=row["product_tmpl_id"], product_uom_id=row["uom_id"],
        quantity=10, warehouse_id=away, route_id=route,
    )  # fmt: skip
    world.call("product.replenish", "launch_replenishment", ids=[wizard])
    moves = world.call("stock.move", "search_read", domain=[["product_id", "=", kettle], ["picking_id", "!=", False]],
                       fields=["picking_id", "location_dest_id"], load=None)  # fmt: skip
    last = next(move["picking_id"] for move in moves if move["location_dest_id"] in road.away.places)
    [first] = {move["picking_id"] for move in moves} - {last}
    world.call("stock.picking", "write", ids=[last], vals={"origin": f"Shipment {road.number}"})
    assert road.figures(kettle) == (0, 0, 0)  # nothing has left
    own = world.call("stock.move", "search", domain=[["picking_id", "=", first]])
    world.call("stock.picking", "action_assign", ids=[first])
    world.call("stock.move", "write", ids=own, vals={"quantity": 10, "picked": True})
    world.call("stock.picking", "button_validate", ids=[first], context={"skip_backorder": True, "skip_sms": True})
    assert road.figures(kettle) == (0, 10, 0)
    road.receive({kettle: 8})
    assert road.figures(kettle) == (8, 2, 8)
