"""A run that the sensor requested for one new order: it writes that order's rows, and no other row again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.assets.common import LANDED_TAG
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders import stage as stage_module
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.assets.test_orders_lane import SHOP, Lanes, lanes, metadata_of  # noqa: F401 - a fixture

KEYS = {"orders": "order_id", "order_lines": "order_id || ' ' || line_id", "sale_orders": "order_id",
        "completeness": "day || currency"}  # fmt: skip
NUMBER = "987654321"


def read_versions(warehouse: Warehouse) -> dict[tuple[str, str], tuple[str, str]]:
    """Where each row of the lane's tables is, and which transaction wrote it, by table and key."""
    versions: dict[tuple[str, str], tuple[str, str]] = {}
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table, key in KEYS.items():
            cursor.execute(f"SELECT {key}, ctid::text, xmin::text FROM commerce.{table}")
            versions |= {(table, record): (place, writer) for record, place, writer in cursor}
    return versions


def add_order(lanes: Lanes) -> None:  # noqa: F811
    shop = lanes.world.channels[SHOP]
    model = next(
        row for row in shop.orders.rows.values()
        if row["displayFinancialStatus"] == "PAID" and not row["refunds"] and not row["edited"]
    )  # fmt: skip
    shop.add({**model, "id": f"gid://shopify/Order/{NUMBER}", "name": "#NEW"})
    pull(lanes.connections, SHOP, lanes.days[0], lanes.days[1] + timedelta(days=1))


def test_one_new_order_and_no_other_row_again(
    lanes: Lanes, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    assert lanes.run(SHOP).success
    assert lanes.run(SHOP, **{LANDED_TAG: "true"}).success  # from now on what was created is unchanged
    before = read_versions(warehouse)
    add_order(lanes)
    read, read_order = list[str](), stage_module.read_order

    def note(source: Any, raw: bytes, order_id: str) -> Any:
        read.append(order_id)
        return read_order(source, raw, order_id)

    with monkeypatch.context() as patch:
        patch.setattr(stage_module, "read_order", note)
        result = lanes.run(SHOP, **{LANDED_TAG: "true"})
    assert result.success
    after = read_versions(warehouse)
    new = after.keys() - before.keys()
    assert {("orders", NUMBER), ("sale_orders", NUMBER)} <= new
    assert all(record.startswith(NUMBER) for _, record in new)
    assert [table for (table, key), version in before.items() if after[table, key] != version] == ["completeness"]
    mine = {table: metadata_of(result, table) for table in ("orders", "order_lines")}
    assert len(read) == 1 + mine["orders"]["in exceptions"] < mine["orders"]["orders"]  # refused answers are read again
    assert NUMBER in read

    by_hand = lanes.run(SHOP)
    for table, figures in mine.items():
        assert {**metadata_of(by_hand, table), "seconds": 0} == {**figures, "seconds": 0}
    last = read_versions(warehouse)
    rest = [key for key, version in last.items() if after[key] != version and key[0] != "completeness"]  # asked afresh
    assert rest == [("sale_orders", NUMBER)]  # created before, and unchanged from now on
