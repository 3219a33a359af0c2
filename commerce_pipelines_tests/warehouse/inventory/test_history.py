"""One article's listings are found by an index among those of all channels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from commerce_pipelines.warehouse.inventory.history import list_linked, list_of_products
from commerce_pipelines.warehouse.tables.database import Warehouse

TARGETS = 20_000
MAKE = """
INSERT INTO commerce.inventory_targets (channel, key, sku, location, product_id, code, units, reason, changed_at)
SELECT 'shop_' || n %% 4, 'key ' || n, 'sku ' || n, '', n / 4, 'code ' || n / 4, 1, '', now()
FROM generate_series(1, %s) n
"""


class Noting:
    """A connection that only notes what it is asked."""

    asked: tuple[str, Any]

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        yield self

    def execute(self, sql: str, values: Any) -> None:
        self.asked = (sql, values)

    def __iter__(self) -> Iterator[Any]:
        return iter(())


@pytest.mark.parametrize("called", ["sku 5", "key 5", "code 1", "products"])
def test_an_articles_listings_are_found_without_reading_all(warehouse: Warehouse, called: str) -> None:
    noting: Any = Noting()
    list_of_products(noting, [1, 2]) if called == "products" else list_linked(noting, "shop_1", called)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(MAKE, (TARGETS,))
        cursor.execute("ANALYZE commerce.inventory_targets")
        sql, values = noting.asked
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values)
        [[plan]] = cursor.fetchone()  # type: ignore[misc]
    assert plan["Plan"]["Actual Rows"] >= 4
    assert [node for node in walk(plan["Plan"]) if node.get("Relation Name") and read_rows(node) > 50] == []


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from walk(part)


def read_rows(node: dict[str, Any]) -> float:
    """Rows that a node looked at, those that it left out as well."""
    return float(node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * float(node["Actual Loops"])
