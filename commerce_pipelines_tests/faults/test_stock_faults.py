"""Figures of stock that cannot be, codes that are none: what is published is never above what is free."""

from __future__ import annotations

import math

from commerce_pipelines.flows.inventory.inputs import read_listings, recent_stock, take_stock
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.inventory import NAME, Odoo, Shop, connections, publish, refresh_targets, sold

# on hand, reserved, what buyers see before; and what they may see at most afterwards
FIGURES: dict[str, tuple[float, float, int, int]] = {
    "fine": (10, 3, 0, 7),
    "nothing": (0, 0, 5, 0),
    "below zero": (-4, 0, 5, 0),
    "more reserved than there is": (3, 8, 5, 0),
    "reserved below zero": (3, -8, 0, 11),
    "a fraction": (6.9999999, 0.5, 0, 6),
    "a float's whole number": (0.1 + 0.2 + 0.7, 0, 5, 1),
    "not a number": (math.nan, 0, 5, 5),
    "reserved not a number": (7, math.nan, 5, 5),
    "infinite": (math.inf, 0, 5, 5),
    "infinitely reserved": (5, math.inf, 5, 5),
    "beyond all measure": (1e300, 0, 5, 5),
    "' OR 1=1 --": (4, 1, 0, 3),
    "%": (6, 1, 0, 5),
    "\u202emoji \U0001f4a5 " + "x" * 300: (2, 0, 0, 2),
}


def test_impossible_figures_are_never_published(warehouse: Warehouse) -> None:
    odoo = Odoo({(code, "WH"): [on_hand, reserved] for code, (on_hand, reserved, _, _) in FIGURES.items()})
    shop = Shop({code: before for code, (_, _, before, _) in FIGURES.items()})
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    for _ in range(2):
        take_stock(world)
        refresh_targets(world, NAME)
        publish(world, NAME, recent_stock(world), run_id="r")
        assert {code: most for code, (*_, most) in FIGURES.items()} == shop.shown
    assert all(isinstance(push.quantity, int) and push.quantity >= 0 for push in shop.pushed)
    assert len({push.token for push in shop.pushed}) == len(shop.pushed)


def test_a_sale_between_the_reading_and_the_publishing_is_taken_off(warehouse: Warehouse) -> None:
    odoo, shop = Odoo({("A", "WH"): [5, 0], ("B", "WH"): [9, 0]}), Shop({"A": 0, "B": 0})
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    take_stock(world)
    sold(warehouse, "1", "A", 4)
    refresh_targets(world, NAME)
    publish(world, NAME, recent_stock(world), run_id="r")
    assert shop.shown == {"A": 1, "B": 9}
