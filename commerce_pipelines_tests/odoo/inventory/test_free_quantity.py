"""Our snapshot of free stock held against Odoo's own `free_qty`: lots with dates, owners, packages, places, kits."""

from __future__ import annotations

import random
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from commerce_pipelines.odoo.inventory.stock import read_stock

from ...doubles.odoo import World, draft, line
from .test_stock import level, main_warehouse, other_warehouse, unit

DAY = "%Y-%m-%d %H:%M:%S"


def lot(world: World, product: int, removal: datetime | None) -> int:
    made = world.create("stock.lot", name=f"L-{secrets.token_hex(4)}", product_id=product)
    date = removal.strftime(DAY) if removal else False  # a new lot of a dated product is to be removed today
    world.call("stock.lot", "write", ids=[made], vals={"removal_date": date})
    return made


def has(world: World, model: str, field: str) -> bool:
    return bool(world.call(model, "fields_get", allfields=[field], attributes=["type"]))


def put(world: World, quants: list[dict[str, Any]]) -> None:
    """Quants as they are, without the move that a count would book."""
    for start in range(0, len(quants), 200):
        world.call("stock.quant", "create", vals_list=quants[start : start + 200])


def tracked(world: World) -> tuple[int, str]:
    dated = {"use_expiration_date": True} if has(world, "product.product", "use_expiration_date") else {}
    return world.product(stock=None, tracking="lot", **dated)


def test_expired_lots_are_not_offered_and_cannot_be_sold(world: World) -> None:
    home, product, now = main_warehouse(world), tracked(world), datetime.now(UTC)
    place = {"product_id": product[0], "location_id": home["lot_stock_id"]}
    old, new = lot(world, product[0], now - timedelta(days=3)), lot(world, product[0], now + timedelta(days=90))
    put(world, [{**place, "lot_id": old, "quantity": 10}, {**place, "lot_id": new, "quantity": 3}])
    assert level(world, product[1])[home["code"]]["free"] == 3.0
    world.load(draft(line("1", product, 5, 75_00)))
    after = level(world, product[1])[home["code"]]
    assert (after["free"], after["reserved"]) == (0.0, 3.0)


def test_a_lot_counts_until_the_day_before_its_removal(world: World) -> None:
    home, product = main_warehouse(world), tracked(world)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0)
    place = {"product_id": product[0], "location_id": home["lot_stock_id"]}
    days = [midnight, midnight + timedelta(hours=23, minutes=59), midnight + timedelta(days=1)]
    lots = [lot(world, product[0], day) for day in days]
    put(world, [{**place, "lot_id": lot, "quantity": 10**at} for at, lot in enumerate(lots)])
    assert level(world, product[1])[home["code"]]["free"] == free_in_odoo(world, [product[0]], home)[product[0]] == 100


def test_a_kit_of_expired_components_is_worth_nothing(world: World) -> None:
    home, part = main_warehouse(world), tracked(world)
    place = {"product_id": part[0], "location_id": home["lot_stock_id"]}
    put(world, [{**place, "lot_id": lot(world, part[0], datetime(2020, 1, 1, tzinfo=UTC)), "quantity": 10}])
    kit = bill(world, [(part[0], 2, 0)])
    assert sum(row["free"] for row in level(world, kit[1]).values()) == 0
    put(world, [{**place, "lot_id": lot(world, part[0], None), "quantity": 7}])
    assert level(world, kit[1])[home["code"]]["free"] == 3


def test_a_kit_of_nothing_stored_is_never_free(world: World) -> None:
    kit = bill(world, [(world.product(stock=None, is_storable=False)[0], 1, 0)], kit=world.product(stock=5))
    assert sum(row["free"] for row in level(world, kit[1]).values()) == 0


def test_an_archived_component_is_still_needed(world: World) -> None:
    kept, retired = world.product(stock=9), world.product(stock=None)
    kit = bill(world, [(kept[0], 1, 0), (retired[0], 1, 0)])
    world.call("product.product", "write", ids=[retired[0]], vals={"active": False})
    assert sum(row["free"] for row in level(world, kit[1]).values()) == 0


def bill(
    world: World, parts: list[tuple[int, float, int]], makes: float = 1, made_in: int = 0,
    kit: tuple[int, str] | None = None,
) -> tuple[int, str]:  # fmt: skip
    """A kit: (component, quantity, unit or 0 for the component's own)."""
    kit = kit or world.product(stock=None, is_storable=False)
    [row] = world.call("product.product", "read", ids=[kit[0]], fields=["product_tmpl_id"], load=None)
    lines = [
        [0, 0, {"product_id": part, "product_qty": quantity, **({"product_uom_id": uom} if uom else {})}]
        for part, quantity, uom in parts
    ]
    unit_of_bill = {"product_uom_id": made_in} if made_in else {}
    world.create("mrp.bom", product_tmpl_id=row["product_tmpl_id"], type="phantom", product_qty=makes,
                 bom_line_ids=lines, **unit_of_bill)  # fmt: skip
    return kit


def free_in_odoo(world: World, products: list[int], warehouse: dict[str, Any]) -> dict[int, float]:
    rows = world.call(
        "product.product", "read", ids=products, fields=["free_qty"], load=None,
        context={"warehouse_id": warehouse["id"]},
    )  # fmt: skip
    return {row["id"]: row["free_qty"] for row in rows}


def random_quants(world: World, luck: random.Random, products: list[int], homes: list[dict[str, Any]]) -> None:
    """A thousand: half of lots with any date, some of other owners, in packages, reserved, in several places."""
    places = []
    for home in homes:
        shelf = world.create("stock.location", name="Shelf", location_id=home["lot_stock_id"], usage="internal")
        places += [home["lot_stock_id"], shelf, world.create("stock.location", name="Bin", location_id=shelf)]
    owners = [world.create("res.partner", name=f"Owner {at}") for at in range(2)]
    packs = [world.create("stock.package", name=f"P-{secrets.token_hex(4)}") for _ in range(3)] \
        if has(world, "stock.quant", "package_id") else []  # fmt: skip
    now = datetime.now(UTC)
    dates = [now + timedelta(days=luck.randint(-30, 30), hours=luck.randint(-12, 12)) for _ in products]
    vals = [{"name": f"L-{secrets.token_hex(4)}", "product_id": product, "removal_date": date.strftime(DAY)}
            for product, date in zip(products[::2] * 2, dates, strict=True)]  # fmt: skip
    made = world.call("stock.lot", "create", vals_list=vals)
    world.call("stock.lot", "write", ids=made[:5], vals={"removal_date": False})
    lots = {product: made[at :: len(products) // 2] for at, product in enumerate(products[::2])}
    quants = []
    for _ in range(1000):
        product = luck.choice(products)
        quantity = luck.choice([luck.randint(-3, 60), round(luck.uniform(0, 40), 2), round(luck.uniform(0, 9), 4)])
        quant = {"product_id": product, "location_id": luck.choice(places), "quantity": quantity}
        quant["reserved_quantity"] = round(luck.uniform(0, max(quantity, 0)), 2) if luck.random() < 0.4 else 0
        if product in lots:
            quant["lot_id"] = luck.choice(lots[product])
        if luck.random() < 0.2:
            quant["owner_id"] = luck.choice(owners)
        if packs and luck.random() < 0.2:
            quant["package_id"] = luck.choice(packs)
        quants.append(quant)
    put(world, quants)


def random_kits(world: World, luck: random.Random, products: list[int]) -> list[int]:
    dozen = unit(world, "Dozens")
    kits: list[int] = []
    for at in range(12):
        parts = [
            (part, luck.choice([1, 2, 3, 0.5, 0.33, 0]), luck.choice([0, 0, 0, dozen]))
            for part in luck.sample([*products, *(kits if world.kind == "odoo" else ())], luck.randint(1, 3))
        ]
        makes = luck.choice([1, 1, 3, 2.5]) if world.kind == "odoo" else 1
        kits.append(bill(world, parts, makes, dozen if at == 11 and world.kind == "odoo" else 0)[0])
    return kits


def test_the_snapshot_is_what_odoo_itself_calls_free(world: World) -> None:
    luck = random.Random(19)  # noqa: S311 - the same quants each time
    homes = [main_warehouse(world), other_warehouse(world)]
    dated = {"use_expiration_date": True} if has(world, "product.product", "use_expiration_date") else {}
    vals = [{"name": f"F-{at}", "default_code": f"F-{secrets.token_hex(4)}", "type": "consu", "is_storable": True}
            | ({"tracking": "lot", **dated} if at % 2 == 0 else {}) for at in range(40)]  # fmt: skip
    products = list(world.call("product.product", "create", vals_list=vals))
    random_quants(world, luck, products, homes)
    products += random_kits(world, luck, products)
    levels = read_stock(world.client).levels
    for home in homes:
        mine = levels[levels["warehouse"] == home["code"]]
        ours = dict(zip(mine["product_id"], mine["free"], strict=True))
        odoos = free_in_odoo(world, products, home)
        different = {
            product: (ours.get(product, 0.0), free)
            for product, free in odoos.items()
            if abs(ours.get(product, 0.0) - max(free, 0.0)) > 1e-6
        }
        assert not different
