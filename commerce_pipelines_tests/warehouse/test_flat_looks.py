"""Orders that are there when the migration comes are marked by what the other tables say, and by what is written just
then."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from alembic import command

from commerce_pipelines.warehouse.server.server import libpq_url
from commerce_pipelines_tests.conftest import fresh_database
from commerce_pipelines_tests.doubles.migrating import migrate
from commerce_pipelines_tests.warehouse.test_old_orders import LINES, ORDERS, PUSHES, SALES, SHOP, TAKEN_OVER

BEFORE, AFTER = "0051", "0052"
MARKS = "SELECT order_id, in_odoo_since IS NOT NULL, is_taken_over FROM commerce.orders ORDER BY order_id"
BELIEFS = "SELECT * FROM commerce.inventory_beliefs"
LEFT = """SELECT relname FROM pg_class WHERE relnamespace = 'commerce'::regnamespace AND relname LIKE 'orders%'
UNION SELECT attname FROM pg_attribute WHERE attrelid = 'commerce.orders'::regclass AND NOT attisdropped
UNION SELECT proname FROM pg_proc WHERE pronamespace = 'commerce'::regnamespace
UNION SELECT pg_get_viewdef('commerce.inventory_beliefs'::regclass)"""


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url, "test_flat_looks") as url:
        migrate(url, command.upgrade, BEFORE)
        yield url


def test_orders_are_marked_by_what_is_there_and_by_what_is_written_meanwhile(url: str) -> None:
    with closing(psycopg2.connect(libpq_url(url))) as connection:
        add(connection, ORDERS, LINES, first=1, last=4)
        add(connection, SALES, first=1, last=1)
        add(connection, SALES, first=2, last=2, state="draft")
        add(connection, TAKEN_OVER, first=2, last=2)
        add(connection, PUSHES, first=1, last=3)
        before, beliefs = read(connection, LEFT), read(connection, BELIEFS)
        connection.commit()
        add(connection, SALES, TAKEN_OVER, commit=False, first=3, last=3)
        with ThreadPoolExecutor(1) as pool:
            migrated = pool.submit(migrate, url, command.upgrade, AFTER)
            while not migrated.done() and read(connection, "SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
                pass
            connection.commit()
            migrated.result()
        marked = [("1", True, False), ("2", False, True), ("3", True, True), ("4", False, False)]
        assert read(connection, MARKS) == marked
        assert read(connection, BELIEFS) == beliefs
        connection.commit()
        migrate(url, command.downgrade, BEFORE)
        assert (read(connection, LEFT), read(connection, BELIEFS)) == (before, beliefs)
        connection.commit()
        migrate(url, command.upgrade, AFTER)
        assert read(connection, MARKS) == marked


def add(connection: Any, *statements: str, commit: bool = True, **values: Any) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, {"shop": SHOP, "who": "channel", "state": "sale", **values})
    if commit:
        connection.commit()


def read(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return sorted(cursor.fetchall())
