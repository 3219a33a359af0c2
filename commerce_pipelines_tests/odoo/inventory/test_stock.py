"""One snapshot of stock, on the stand-in and on a real Odoo 19: what counts as free, kits, units, places, changes."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pandas as pd
import pytest

from commerce_pipelines.core.errors import ProtocolError
from commerce_pipelines.domain.inventory.availability import decide
from commerce_pipelines.domain.inventory.listings import InventoryRules
from commerce_pipelines.domain.sales.rules import SaleRules
from commerce_pipelines.odoo.inventory.stock import Catalogue, read_stock
from commerce_pipelines.odoo.rpc.search_read import columns
from commerce_pipelines.odoo.sales.sale_orders import cancel_sales

from ...doubles.odoo import CHANNEL, World, draft, line


def level(world: World, code: str, **options: Any) -> dict[str, dict[str, Any]]:
    """A product's rows of a new snapshot, by warehouse."""
    levels = read_stock(world.client, **options).levels
    rows: list[Any] = levels[levels["code"] == code].to_dict("records")
    return {row["warehouse"]: row for row in rows}


def main_warehouse(world: World) -> dict[str, Any]:
    fields = ["code", "name", "lot_stock_id"]
    return dict(
        world.call("stock.warehouse", "search_read", domain=[], fields=fields, load=None, order="id", limit=1)[0]
    )


def other_warehouse(world: World) -> dict[str, Any]:
    fields, code = ["code", "name", "lot_stock_id"], "FBA"
    for _ in range(2):
        rows = world.call("stock.warehouse", "search_read", domain=[["code", "=", code]], fields=fields, load=None)
        if rows:
            return dict(rows[0])
        world.create("stock.warehouse", name="FBA", code=code)
    raise AssertionError


def test_free_is_on_hand_less_what_is_promised(world: World) -> None:
    """G75."""
    home = main_warehouse(world)["code"]
    product = world.product(stock=50)
    world.load(draft(line("1", product, 12, 12_00)))
    assert level(world, product[1])[home] == {
        "product_id": product[0], "code": product[1], "kind": "stored", "warehouse": home, "on_hand": 50.0,
        "reserved": 12.0, "demand": 0.0, "incoming": 0.0, "free": 38.0, "negative": False, "components": None,
        "category": "",
    }  # fmt: skip


def test_g58_a_cancelled_order_gives_its_units_back_to_the_listings(world: World) -> None:
    home = main_warehouse(world)["code"]
    product = world.product(stock=50)
    order = draft(line("1", product, 12, 12_00))
    world.load(order)
    shown = []
    for _ in range(2):
        levels = read_stock(world.client).levels
        offer = pd.DataFrame([{"key": "1", "sku": product[1], "location": "", "fulfilled_by": "merchant"}])
        shown += list(decide(offer, levels, {}, InventoryRules(), SaleRules(), {"": (home,)})["target"])
        list(cancel_sales(world.client, CHANNEL, [order.order_id]))
    assert shown == [36, 47]


def test_units_sold_beyond_the_stock_eat_what_comes_in(world: World) -> None:
    home = main_warehouse(world)["code"]
    product = world.product(stock=3)
    world.load(draft(line("1", product, 5, 5_00)))
    short = level(world, product[1])[home]
    assert (short["reserved"], short["demand"], short["free"], short["negative"]) == (3.0, 2.0, 0.0, True)
    world.set_stock(product[0], 10)
    assert level(world, product[1])[home]["free"] == 5.0  # whether Odoo has reserved the rest by now or not


def test_a_product_that_lies_nowhere_is_read_all_the_same(world: World) -> None:
    product = world.product(stock=None)
    assert level(world, product[1])[""]["free"] == 0.0


def test_places_below_a_warehouses_stock_count_and_its_other_places_do_not(world: World) -> None:
    home, product = main_warehouse(world), world.product(stock=4)
    shelf = world.create("stock.location", name="Shelf", location_id=home["lot_stock_id"], usage="internal")
    lot = world.call("stock.location", "read", ids=[home["lot_stock_id"]], fields=["location_id"], load=None)[0]
    scrap = world.create("stock.location", name="Scrap", location_id=home["lot_stock_id"], usage="inventory")
    dock = world.create("stock.location", name="Dock", location_id=lot["location_id"], usage="internal")
    for place, units in ((shelf, 5.25), (scrap, 30), (dock, 70)):
        values = {"product_id": product[0], "location_id": place, "inventory_quantity_auto_apply": units}
        world.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[values])
    assert {place: row["free"] for place, row in level(world, product[1]).items()} == {home["code"]: 9.25}


def test_each_warehouse_has_a_row_of_its_own(world: World) -> None:
    """G81."""
    home, other, product = main_warehouse(world), other_warehouse(world), world.product(stock=40)
    values = {"product_id": product[0], "location_id": other["lot_stock_id"], "inventory_quantity_auto_apply": 200}
    world.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[values])
    assert {place: row["free"] for place, row in level(world, product[1]).items()} == {
        home["code"]: 40.0,
        other["code"]: 200.0,
    }


def unit(world: World, name: str) -> int:
    """Odoo archives the units that a new database does not use."""
    archived_too = {"active_test": False}
    return int(world.call("uom.uom", "search", context=archived_too, domain=[["name", "=", name]])[0])


def test_a_kit_is_counted_by_its_components_in_their_units(world: World) -> None:
    """G77."""
    a, b, kit = world.product(stock=100), world.product(stock=3), world.product(stock=None, is_storable=False)
    template = world.call("product.product", "read", ids=[kit[0]], fields=["product_tmpl_id"], load=None)[0]
    try:
        dozens = unit(world, "Dozens") if world.kind == "odoo" else 0
    except IndexError:
        dozens = 0
    a_line = {"product_id": a[0], "product_qty": 2} | ({"product_uom_id": dozens} if dozens else {})
    world.create(
        "mrp.bom", product_tmpl_id=template["product_tmpl_id"], type="phantom", product_qty=1,
        bom_line_ids=[[0, 0, a_line], [0, 0, {"product_id": b[0], "product_qty": 1}]],
    )  # fmt: skip
    (row,) = level(world, kit[1]).values()
    assert row["kind"] == "kit"
    content = msgspec.json.decode(row["components"], type=dict[int, int])
    assert content == {a[0]: 24_000_000 if dozens else 2_000_000, b[0]: 1_000_000}
    assert row["free"] == 3.0
    world.set_stock(a[0], 49 if dozens else 5)
    (row,) = level(world, kit[1]).values()
    assert row["free"] == 2.0


def test_only_changed_references_are_read_again(world: World) -> None:
    product, gone = world.product(stock=1), world.product(stock=1)
    first = read_stock(world.client)
    catalogue = Catalogue(first.codes, datetime.now(UTC))
    world.transport.calls.clear()
    quiet = Catalogue(first.codes, datetime.now(UTC) + timedelta(minutes=11))  # as if all was written long before
    assert read_stock(world.client, quiet).codes == read_stock(world.client, catalogue).codes == first.codes
    asked = [call for call in world.transport.calls if call == ("product.product", "formatted_read_group")]
    assert len(asked) == 1 + 2, "one question where nothing changed"
    assert world.transport.writes() == []
    renamed = f"T-{secrets.token_hex(4)}".upper()
    world.call("product.product", "write", ids=[product[0]], vals={"default_code": renamed})
    world.call("product.product", "write", ids=[gone[0]], vals={"active": False})
    third = read_stock(world.client, catalogue)
    assert third.codes[product[0]] == renamed
    assert gone[0] not in third.codes


def test_categories_are_read_where_settings_name_some(world: World) -> None:
    category = world.create("product.category", name=f"Tea {secrets.token_hex(4)}")
    product = world.product(stock=1, categ_id=category)
    (row,) = level(world, product[1], categories=True).values()
    assert row["category"].startswith("Tea ")


@pytest.mark.parametrize(
    "answer", [[], {"a": 1}, [{"id:array_agg": [1]}], [{"id:array_agg": [1], "name:array_agg": []}]]
)
def test_an_answer_that_is_no_columns_is_an_error(answer: Any) -> None:
    client = SimpleNamespace(call=lambda *_, **__: answer)
    with pytest.raises(ProtocolError, match="no columns"):
        columns(client, "res.partner", [], ("id", "name"))


def test_the_number_of_calls_does_not_grow_with_the_stock(world: World) -> None:
    read_stock(world.client)
    catalogue = Catalogue(read_stock(world.client).codes, datetime.now(UTC))
    world.transport.calls.clear()
    read_stock(world.client, catalogue)
    assert world.transport.calls.count(("stock.quant", "formatted_read_group")) == 1
    assert len(world.transport.calls) <= 13
