"""What one unit sold is in Odoo: a piece of what Odoo counts in dozens, or the unit that settings name, for orders and
for stock alike."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

import msgspec
import pandas as pd
import pytest

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.inventory.availability import decide
from commerce_pipelines.domain.inventory.listings import InventoryRules
from commerce_pipelines.domain.orders.order import LineKind
from commerce_pipelines.domain.products import Product
from commerce_pipelines.domain.sales.mapping import choose, measured
from commerce_pipelines.domain.sales.rules import SaleRules
from commerce_pipelines.odoo.inventory.stock import read_stock
from commerce_pipelines.odoo.reference.products import find_products
from commerce_pipelines_tests.doubles.odoo import World, changed, draft, line, service

from ..inventory.test_free_quantity import bill
from ..inventory.test_stock import main_warehouse, unit


def eggs(world: World, dozens: float) -> tuple[int, str]:
    product = world.product(stock=None, uom_id=unit(world, "Dozens"))
    quant = {"product_id": product[0], "location_id": main_warehouse(world)["lot_stock_id"], "quantity": dozens}
    world.call("stock.quant", "create", vals_list=[quant])
    return product


def shown(world: World, sku: str, rules: SaleRules | None = None) -> int:
    [row] = decided(world, sku, rules or SaleRules())
    return int(row["target"])


def decided(world: World, sku: str, rules: SaleRules) -> list[dict[Any, Any]]:
    offer = pd.DataFrame([{"key": "1", "sku": sku, "location": "", "fulfilled_by": "merchant"}])
    stock = read_stock(world.client, measured=measured(rules))
    fed = {"": (main_warehouse(world)["code"],)}
    targets = decide(offer, stock.levels, {}, InventoryRules(share=Decimal(95)), rules, fed, stock.sizes)
    return targets.to_dict("records")


def test_dozens_are_offered_in_pieces(world: World) -> None:
    product = eggs(world, 2.5)
    assert shown(world, product[1]) == 28
    packs = msgspec.convert({"skus": {"EGG-12": {"product": product[1], "quantity": 12}}}, SaleRules)
    assert shown(world, "EGG-12", packs) == 2


def test_a_piece_ordered_is_a_piece_sold(world: World) -> None:
    product, mug = eggs(world, 2.5), world.product()
    [packed] = find_products(world.client, [product[1]])[product[1]]
    [plain] = find_products(world.client, [mug[1]])[mug[1]]
    assert (packed.unit_id, plain.unit_id) == (unit(world, "Units"), 0)
    piece = msgspec.structs.replace(line("1", product, 6, 300), unit_id=packed.unit_id)
    order = draft(piece, line("2", mug, 1, 1000), service(LineKind.SHIPPING, 490))
    other = draft(line("1", mug, 1, 1000))
    assert [outcome.action for outcome in world.load(order, other)] == ["created", "created"]
    rows = world.call(
        "sale.order.line", "search_read", domain=[["order_id.client_order_ref", "=", order.number]], order="id",
        fields=["product_uom_id", "product_uom_qty", "price_total"], load=None,
    )  # fmt: skip
    assert [(row["product_uom_id"], row["product_uom_qty"], row["price_total"]) for row in rows] == [
        (packed.unit_id, 6, 3.0), (packed.unit_id, 1, 10.0), (packed.unit_id, 1, 4.9)
    ]  # fmt: skip
    assert shown(world, product[1]) == 22, "24 of 30 pieces are left"
    assert {outcome.action for outcome in world.load(order, other)} == {"unchanged"}
    more = changed(order, msgspec.structs.replace(piece, quantity=12, amount=600), *order.lines[1:])
    assert [outcome.action for outcome in world.load(more)] == ["changed"]
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
    [packed] = find_products(world.client, [product[1]])[product[1]]
    assert packed.unit_id == 0
    assert shown(world, product[1]) == 4


def measure(world: World, sku: str, **pack: object) -> SaleRules:
    return msgspec.convert({"skus": {sku: pack}}, SaleRules)


def new_unit(world: World, relative_to: str, factor: float, **values: object) -> str:
    """The name of a unit that no other test has."""
    values = {"name": f"Unit {secrets.token_hex(4)}", **values}
    world.create("uom.uom", relative_factor=factor, relative_uom_id=unit(world, relative_to), **values)
    return str(values["name"])


def rope(world: World, metres: float) -> tuple[int, str]:
    product = world.product(stock=None, uom_id=unit(world, "m"))
    quant = {"product_id": product[0], "location_id": main_warehouse(world)["lot_stock_id"], "quantity": metres}
    world.call("stock.quant", "create", vals_list=[quant])
    return product


def sold_as(world: World, sku: str, rules: SaleRules) -> tuple[Product, int]:
    [code] = {pack.product for pack in rules.skus.values() if not isinstance(pack, str)}
    return choose(sku, rules, find_products(world.client, [code]))


def test_what_settings_sell_by_a_unit_is_booked_and_offered_in_it(world: World) -> None:
    """Five feet of what Odoo counts in metres; 95 % of 12.5 m are 7.79 of them."""
    product, foot = rope(world, 12.5), new_unit(world, "mm", 304.8)
    rules = measure(world, "ROPE-5FT", product=product[1], quantity=5, unit=foot)
    assert shown(world, "ROPE-5FT", rules) == 7
    sold, feet = sold_as(world, "ROPE-5FT", rules)
    assert (sold.product_id, feet) == (product[0], 5)
    row = msgspec.structs.replace(line("1", product, 2 * feet, 19_99), unit_id=sold.unit_id)
    order = draft(row, service(LineKind.SHIPPING, 490))
    assert [outcome.action for outcome in world.load(order)] == ["created"]
    [booked] = world.call(
        "sale.order.line", "search_read", load=None,
        fields=["product_uom_id", "product_uom_qty", "price_unit", "price_total"],
        domain=[["order_id.client_order_ref", "=", order.number], ["product_id", "=", product[0]]],
    )  # fmt: skip
    assert (booked["product_uom_id"], booked["product_uom_qty"], booked["price_total"]) == (sold.unit_id, 10, 19.99)
    assert booked["price_unit"] == pytest.approx(1.999)
    assert world.reserved(product[0]) == pytest.approx(3.05), "metres"
    assert shown(world, "ROPE-5FT", rules) == 5, "95 % of 9.45 m"
    assert {outcome.action for outcome in world.load(order)} == {"unchanged"}
    more = changed(order, msgspec.structs.replace(row, quantity=15, amount=29_99), *order.lines[1:])
    assert [outcome.action for outcome in world.load(more)] == ["changed"]
    assert world.reserved(product[0]) == pytest.approx(4.57)


def test_a_dozen_of_what_is_counted_in_pieces_and_of_what_is_counted_in_dozens(world: World) -> None:
    dozen, piece = new_unit(world, "Units", 12), world.product(stock=100)
    assert shown(world, "EGGS", measure(world, "EGGS", product=piece[1], unit=dozen)) == 7
    own = eggs(world, 2.5)
    rules = measure(world, own[1], unit="Units")
    assert shown(world, own[1], rules) == 28, "an alias without product is about the SKU's own"
    assert shown(world, "EGGS", measure(world, "EGGS", product=own[1], unit=dozen)) == 2
    six = measure(world, "EGGS", product=own[1], quantity=2, unit="Pack of 6")
    assert shown(world, "EGGS", six) == 2
    sold, packs = sold_as(world, "EGGS", six)
    assert (sold.unit_id, packs) == (unit(world, "Pack of 6"), 2)


def test_a_kit_is_sold_by_the_dozen(world: World) -> None:
    dozen, part = new_unit(world, "Units", 12), world.product(stock=100)
    kit = bill(world, [(part[0], 2, unit(world, "Units"))])
    rules = measure(world, "KITS", product=kit[1], unit=dozen)
    assert shown(world, "KITS", rules) == 3, "95 % of 50 kits"
    sold, dozens = sold_as(world, "KITS", rules)
    order = draft(msgspec.structs.replace(line("1", kit, dozens, 120_00), unit_id=sold.unit_id))
    assert [outcome.action for outcome in world.load(order)] == ["created"]
    assert world.reserved(part[0]) == 24
    assert shown(world, "KITS", rules) == 3, "95 % of 38 kits"


@pytest.mark.parametrize("case", ["other kind", "no such", "archived", "twice", "too small"])
def test_a_unit_that_odoo_cannot_count_the_product_in_says_which_there_are(world: World, case: str) -> None:
    product, quantity = rope(world, 12.5), 1
    if case == "archived":
        name, says = new_unit(world, "mm", 7, active=False), "is archived in Odoo"
    elif case == "twice":
        name = new_unit(world, "mm", 7)
        new_unit(world, "mm", 8, name=name)
        says = "2 units of measure"
    else:
        name, says = {
            "other kind": ("kg", "Odoo has no unit of measure kg"),
            "no such": ("Faden", "Odoo has no unit of measure Faden"),
            "too small": ("mm", "1 mm of"),
        }[case]
    rules = measure(world, "ROPE", product=product[1], quantity=quantity, unit=name)
    with pytest.raises(RecordError) as error:
        sold_as(world, "ROPE", rules)
    assert (error.value.code, error.value.subject) == ("unknown_unit", product[1])
    assert says in error.value.message
    assert " m" in error.value.fix.partition("Odoo has:")[2]
    [row] = decided(world, "ROPE", rules)
    assert (pd.isna(row["target"]), row["reason"]) == (True, "unknown_unit")
    if case == "too small":
        assert shown(world, "ROPE", measure(world, "ROPE", product=product[1], quantity=10, unit="mm")) == 1187
