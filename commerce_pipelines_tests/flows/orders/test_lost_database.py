"""A database that is lost with all that it knew: a backfill into a new one adopts what Odoo has, and makes nothing
twice. On the stand-in, and on a real Odoo by both transports."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.lane import Lane, later, line, numbered


def lose(warehouse: Warehouse) -> None:
    """Nothing is left of it; the software makes a new, empty one. The master key is kept apart, and stays."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA commerce CASCADE")
    warehouse.memory.clear()
    warehouse.migrate()


def count_contacts(lane: Lane, *order_ids: str) -> int:
    emails = [f"{order_id.lower()}@example.com" for order_id in order_ids]
    return int(lane.person.call("res.partner", "search_count", domain=[["email", "in", emails]]))


def test_a_backfill_adopts_what_odoo_has(connect: Any, warehouse: Warehouse, request: pytest.FixtureRequest) -> None:
    kept, shipped, edited, new = numbered(request, 4)
    before: Lane = connect()
    orders = {order_id: before.order(order_id) for order_id in (kept, shipped, edited)}
    before.put(*orders.values())
    assert before.run().actions == {"created": 3}
    [sale] = before.sales(shipped)
    assert before.person.call("stock.picking", "button_validate", sale["picking_ids"]) is True
    sales, contacts = before.sales(kept, shipped, edited), count_contacts(before, kept, shipped, edited)

    lose(warehouse)
    after: Lane = connect()
    news = later(orders[edited], lines=(line(3380, quantity=2),))
    after.put(orders[kept], orders[shipped], news, after.order(new))
    actions = after.run().actions
    assert (actions["created"], actions["changed"], sum(actions.values())) == (1, 1, 4)
    assert sorted(row["id"] for row in after.sales(kept, shipped, edited)) == sorted(row["id"] for row in sales)
    assert count_contacts(after, kept, shipped, edited) == contacts
    assert len(after.sales(new)) == 1
    assert after.ledger(shipped)["odoo_id"] == sale["id"]
    assert after.run().actions == {"unchanged": 4}
    assert after.prove().whole.complete
