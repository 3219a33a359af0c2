"""Which lane a run works in, told by its tags or by what it materialises."""

from __future__ import annotations

import pytest

from commerce_pipelines.core.lanes import CHANNEL_TAG, FLOW_TAG, LANE_TAG, run_tags, tags_of, works_for


@pytest.mark.parametrize(
    ("assets", "channel", "flow", "lane"),
    [
        (["shop/raw_orders", "shop/sale_orders"], "shop", "orders", "shop/orders"),
        (["shop/sale_orders", "shop/exceptions"], "shop", "orders", "shop/orders"),
        (["shop/exceptions"], "shop", "exceptions", "shop/exceptions"),
        (["odoo/stock_levels", "shop/published_inventory"], "shop", "inventory", "shop/inventory"),
        (["odoo/stock_levels"], "odoo", "inventory", "odoo/inventory"),
        (["a/orders", "b/listings"], "a, b", "inventory, orders", "a/orders, b/inventory"),
        (["shop/parcels"], "shop", "parcels", "shop/parcels"),
        ([], "every", "every", "every"),
        (None, "every", "every", "every"),
    ],
)
def test_assets_tell_the_lane(assets: list[str] | None, channel: str, flow: str, lane: str) -> None:
    paths = None if assets is None else [key.split("/") for key in assets]
    assert tags_of(paths) == {CHANNEL_TAG: channel, FLOW_TAG: flow, LANE_TAG: lane}


def test_a_backfill_of_orders_has_a_lane_of_its_own_and_one_of_stock_has_not() -> None:
    assert tags_of([["a", "raw_orders"], ["a", "orders"]], old_days=True) == run_tags("a", "orders", "a/backfill")
    assert tags_of([["a", "listings"]], old_days=True) == run_tags("a", "inventory")


def test_a_run_works_for_the_lanes_that_it_names_and_else_for_those_of_its_assets() -> None:
    both = [("a", "orders"), ("b", "listings")]
    assert works_for({}, both, "a/orders")
    assert works_for({}, both, "b/inventory")
    assert not works_for({}, both, "a/inventory")
    assert works_for({}, None, "a/orders")  # it may be about anything
    assert not works_for(run_tags("a", "orders", "a/backfill"), both, "a/orders")
