"""The history of an article among other companies' listings, and of one with many sales."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from click.testing import CliRunner

from commerce_pipelines.cli import article_page, webserver
from commerce_pipelines.cli.main import main
from commerce_pipelines.flows.inventory.history import look_back
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse.tables.database import Warehouse

from ...doubles.inventory import NAME, sold
from .test_history import DAY, boxes, world  # noqa: F401 - fixtures


def test_what_sells_another_companys_stock_is_no_part_of_the_story(
    boxes: Connections,  # noqa: F811
    warehouse: Warehouse,
) -> None:
    """There the box is another one, and listings of the same article take from another shelf."""
    copy = "SELECT (jsonb_populate_record(t, %s)).* FROM commerce.{0} t"
    other = msgspec.json.encode({"company": 9, "components": '{"1":5000000}'}).decode()
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table in ("stock_level_history", "inventory_target_history", "stock_readings", "stock_levels"):
            cursor.execute(f"UPDATE commerce.{table} SET company = 7")
        for table in ("stock_level_history", "stock_levels"):
            cursor.execute(f"INSERT INTO commerce.{table} {copy.format(table)}", (other,))
        for table in ("inventory_target_history", "inventory_targets"):
            second = msgspec.json.encode({"company": 9, "channel": "a_shop"}).decode()
            cursor.execute(f"INSERT INTO commerce.{table} {copy.format(table)}", (second,))
    now = datetime.now(UTC) + timedelta(seconds=1)
    sold(warehouse, "boxes", "BOX", 2, placed_at=now)
    sold(warehouse, "theirs", "A", 3, placed_at=now, channel="a_shop")
    sold(warehouse, "their boxes", "BOX", 3, placed_at=now, channel="a_shop")
    for sku, units, left in (("A", 4, 6), ("BOX", 2, 3)):
        story = look_back(boxes, NAME, sku, now + timedelta(seconds=2), DAY)
        assert [(order.order_id, order.units) for order in story.sold] == [("boxes", units)]
        assert [(shown.listing.channel, shown.left) for shown in story.shown] == [(NAME, left)]


def test_an_article_with_many_sales_shows_the_last_of_them_and_how_many_there_are(
    world: Connections,  # noqa: F811
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    for number in range(5):
        sold(warehouse, f"order {number}", "A", 1, placed_at=now - timedelta(minutes=4 - number / 2))
    monkeypatch.setattr(article_page, "MOST_EVENTS", 3)
    monkeypatch.setattr(webserver, "_open_connections", lambda: world)
    monkeypatch.setattr("commerce_pipelines.cli.inventory._open_connections", lambda channel: world)
    page = webserver.show_article(NAME, "A", {})
    shown = CliRunner().invoke(main, ["inventory", "history", NAME, "A"], env={"COLUMNS": "200"}).output
    for text in (page, shown):
        assert "The last 3 of 6; ask for an earlier minute" in text
        assert [number for number in range(5) if f"order {number}" in text] == [2, 3, 4]
