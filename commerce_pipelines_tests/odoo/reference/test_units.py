"""What one unit sold is in Odoo: a piece of what Odoo counts in dozens, for orders and for stock alike."""

from __future__ import annotations

import msgspec
import pandas as pd

from commerce_pipelines.domain.inventory.availability import decide
from commerce_pipelines.domain.inventory.listings import InventoryRules
from commerce_pipelines.domain.orders.order import LineKind
from commerce_pipelines.domain.sales.rules import SaleRules
from commerce_pipelines.odoo.inventory.snapshot import read_stock
from commerce_pipelines.odoo.reference.products import find_products
from commerce_pipelines_tests.doubles.odoo import World, changed, draft, line, service

from ..inventory.test_free_quantity import bill
from ..inventory.test_snapshot import main_warehouse, unit


def eggs(world: World, dozens: float) -> tuple[int, str]:
    product = world.product(stock=None, uom_id=unit(world, "Dozens"))
    quant = {"product_id": product[0], "location_id": main_warehouse(world)["lot_stock_id"], "quantity": dozens}
    world.call("stock.quant", "create", vals_list=[quant])
    return product


def shown(world: World, sku: str, rules: SaleRules | None = None) -> int:
    offer = pd.DataFrame([{"key": "1", "sku": sku, "location": "", "fulfilled_by": "merchant"}])
    levels = read_stock(world.client).levels
    fed = {"": (main_warehouse(world)["code"],)}
    return int(decide(offer, levels, {}, InventoryRules(share=95), rules or SaleRules(), fed)["target"][0])


def test_dozens_are_offered_in_pieces(world: World) -> None:
    product = eggs(world, 2.5)
    assert shown(world, product[1]) == 28
    packs = msgspec.convert({"skus": {"EGG-12": {"product": product[1], "quantity": 12}}}, SaleRules)
    assert shown(world, "EGG-12", packs) == 2


def test_a_piece_ordered_is_a_piece_sold(world: World) -> None:
    product, mug = eggs(world, 2.5), world.product()
    [found] = find_products(world.client, [product[1]])[product[1]]
    [plain] = find_products(world.client, [mug[1]])[mug[1]]
    assert (found.unit_id, plain.unit_id) == (unit(world, "Units"), 0)
    piece = msgspec.structs.replace(line("1", product, 6, 300), unit_id=found.unit_id)
    order = draft(piece, line("2", mug, 1, 1000), service(LineKind.SHIPPING, 490))
    other = draft(line("1", mug, 1, 1000))
    assert [one.action for one in world.load(order, other)] == ["created", "created"]
    rows = world.call(
        "sale.order.line", "search_read", domain=[["order_id.client_order_ref", "=", order.number]], order="id",
        fields=["product_uom_id", "product_uom_qty", "price_total"], load=None,
    )  # fmt: skip
    assert [(row["product_uom_id"], row["product_uom_qty"], row["price_total"]) for row in rows] == [
        (found.unit_id, 6, 3.0), (found.unit_id, 1, 10.0), (found.unit_id, 1, 4.9)
    ]  # fmt: skip
    assert shown(world, product[1]) == 22, "24 of 30 pieces are left"
    assert {one.action for one in world.load(order, other)} == {"unchanged"}
    more = changed(order, msgspec.structs.replace(piece, quantity=12, amount=600), *order.lines[1:])
    assert [one.action for one in world.load(more)] == ["changed"]
    [row, *_] = world.lines(more)
    assert (row["product_uom_qty"], row["price_total"]) == (12, 6.0)


def test_kits_of_dozens_are_counted_by_pieces(world: World) -> None:
    product = eggs(world, 2.5)
    kit = bill(world, [(product[0], 4, unit(world, "Units"))])
    levels = read_stock(world.client).levels
    [row] = levels[levels["code"] == kit[1]].to_dict("records")
    assert msgspec.json.decode(row["components"], type=dict[int, int])[product[0]] in range(3_900_000, 4_100_000)
    assert row["free"] == 7


def test_what_is_weighed_is_sold_in_its_own_unit(world: World) -> None:
    product = world.product(stock=5, uom_id=unit(world, "g"))
    [found] = find_products(world.client, [product[1]])[product[1]]
    assert found.unit_id == 0
    assert shown(world, product[1]) == 4
