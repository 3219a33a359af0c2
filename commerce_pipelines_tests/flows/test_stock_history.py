"""Stock as of a minute on an Odoo, the stand-in's or a real one: read, shown, sold; an oversell by a kit's order."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commerce_pipelines.domain.orders.order import business_day
from commerce_pipelines.flows.explain import explain
from commerce_pipelines.flows.identity import agree
from commerce_pipelines.flows.inventory.history import explain_oversold, look_back
from commerce_pipelines.flows.inventory.inputs import recent_stock, take_stock
from commerce_pipelines_tests.doubles.inventory import Shop, publish, refresh_targets
from commerce_pipelines_tests.doubles.lane import NAME, ZONE, Lane, line, numbered

DAY = timedelta(days=1)
LOOSE = "breaker: {zeroed_percent: 100, changed_percent: 100}"


@pytest.fixture
def stocked(connect: Any) -> tuple[Lane, str, str]:
    """A lane whose channel shows five of an article, and two of a kit of two of it; and their codes."""
    lane: Lane = connect(more=f"inventory: {{enabled: true, share: 100, locations: {{'': [WH]}}, {LOOSE}}}, ")
    code, kit = (f"{name}-{secrets.token_hex(4)}" for name in ("PART", "KIT"))
    create = lane.person.call
    (part,) = create("product.product", "create", vals_list=[
        {"name": code, "default_code": code, "type": "consu", "is_storable": True}])  # fmt: skip
    (whole,) = create("product.product", "create", vals_list=[{"name": kit, "default_code": kit, "type": "consu"}])
    (row,) = create("product.product", "read", ids=[whole], fields=["product_tmpl_id"], load=None)
    create("mrp.bom", "create", vals_list=[{
        "product_tmpl_id": row["product_tmpl_id"], "type": "phantom", "product_qty": 1,
        "bom_line_ids": [[0, 0, {"product_id": part, "product_qty": 2}]],
    }])  # fmt: skip
    (place,) = create("stock.warehouse", "search_read", domain=[["code", "=", "WH"]], fields=["lot_stock_id"],
                      load=None)  # fmt: skip
    create("stock.quant", "create", context={"inventory_mode": True}, vals_list=[
        {"product_id": part, "location_id": place["lot_stock_id"], "inventory_quantity_auto_apply": 5}])  # fmt: skip
    shop = Shop({code: 0, kit: 0})
    lane.channel.listings = lane.channel.quantities = shop
    agree(lane.connections, NAME)  # a real server holds orders of earlier tests
    take_stock(lane.connections, NAME)
    refresh_targets(lane.connections, NAME)
    publish(lane.connections, NAME, recent_stock(lane.connections, NAME), run_id="r")
    assert shop.shown == {code: 5, kit: 2}
    return lane, code, kit


def test_a_kits_order_that_left_too_few_parts_is_told_with_the_stock_of_that_minute(
    stocked: tuple[Lane, str, str], request: pytest.FixtureRequest
) -> None:
    lane, code, kit = stocked
    boxes, single = numbered(request, 2)
    now = datetime.now(UTC)
    lane.day = business_day(now, ZONE)
    lane.put(lane.order(boxes, line(sku=kit, quantity=2), placed_at=now, updated_at=now))
    lane.run()
    lane.put(lane.order(single, line(sku=code, quantity=3), placed_at=now + timedelta(milliseconds=1), updated_at=now))
    lane.run()
    at = datetime.now(UTC) + timedelta(seconds=1)
    story = look_back(lane.connections, NAME, code, at, DAY)
    [shown] = story.shown
    assert (shown.pushed and shown.pushed.free, shown.wish and shown.wish.target, shown.left) == (5, 5, -2)
    assert [(row.on_hand, row.free) for row in story.levels_then] == [(5, 5)]
    [sentence] = explain_oversold(story)
    assert f"Order {single} of {NAME} sold what was not there: it showed 5" in sentence
    assert f"4 by {NAME} {boxes} in the kit {kit}" in sentence
    take_stock(lane.connections, NAME)
    later = look_back(lane.connections, NAME, code, datetime.now(UTC), DAY)
    assert [(row.on_hand, row.free) for row in later.levels_then] == [(5, 0)]
    assert [row.free for row in look_back(lane.connections, NAME, code, now, DAY).levels_then] == [5]
    page = explain(lane.connections, NAME, single, as_of=at)
    assert any("oversold" in event.details.values() for event in page.events)
