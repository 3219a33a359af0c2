"""What was on record of pushes before the outbox is on record in it: the same beliefs, the same holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from alembic import command

from commerce_pipelines.domain.outbox.effects import Kind, digest
from commerce_pipelines.warehouse.outbox import effects, holds
from commerce_pipelines.warehouse.server.server import libpq_url
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY, fresh_database
from commerce_pipelines_tests.doubles.migrating import migrate

BEFORE, OUTBOX = "0008", "0009"
PUSHES = """
INSERT INTO commerce.listings (channel, key, sku, location, title, quantity, fulfilled_by, active, reference, read_at)
SELECT 'shop', key, key, '', '', 1, 'merchant', true, '{}', '2026-11-01'
FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e', 'f']) key;
INSERT INTO commerce.published_inventory (channel, key, sequence, sku, location, before, quantity, free, token, status,
    code, message, run_id, taken_at, started_at, settled_at, unsure_at) VALUES
('shop', 'a', nextval('commerce.push_sequence'), 'a', '', NULL, 3, 9, 't1', 'accepted', '', '', 'r1',
    '2026-11-01 10:00', '2026-11-01 10:01', '2026-11-01 10:02', NULL),
('shop', 'a', nextval('commerce.push_sequence'), 'a', '', 3, 4, 9, 't2', 'sent', '', '', 'r2',
    '2026-11-01 11:00', '2026-11-01 11:01', NULL, NULL),
('shop', 'b', nextval('commerce.push_sequence'), 'b', '9', 1, 0, 0, 't3', 'failed', '503', 'away', 'r2',
    '2026-11-01 11:00', '2026-11-01 11:01', '2026-11-01 11:02', '2026-11-01 11:02'),
('shop', 'c', nextval('commerce.push_sequence'), 'c', '', 1, 5, 5, 't4', 'accepted', '', '', 'r2',
    '2026-11-01 11:00', '2026-11-01 11:01', '2026-11-01 11:03', '2026-11-01 11:02'),
('shop', 'd', nextval('commerce.push_sequence'), 'd', '', 1, 6, 6, 't5', 'pending', 'in_progress', '', 'r2',
    '2026-11-01 11:00', '2026-11-01 11:01', '2026-11-01 11:03', NULL),
('shop', 'e', nextval('commerce.push_sequence'), 'e', '', 1, 7, 7, 't6', 'refused', 'blocked', '', 'r2',
    '2026-11-01 11:00', '2026-11-01 11:01', '2026-11-01 11:03', NULL);
INSERT INTO commerce.inventory_stops (channel, stopped_at, run_id, reasons, read, plan, released_at, released_by,
    used_at) VALUES
('shop', '2026-11-01', 'r0', 'used', 5, '{"a": 1}', '2026-11-01', 'anna', '2026-11-01'),
('shop', now() - interval '2 hours', 'r3', 'agreed', 6, '{"a": 2, "b": 0}', now() - interval '1 hour', 'anna', NULL),
('shop', now(), 'r4', 'waits', 7, '{"c": 8}', NULL, NULL, NULL);
"""
VIEWS = (
    "SELECT channel, key, sequence, sku, location, before, quantity, free, token, status, code, message, run_id,"
    " taken_at, started_at, settled_at, unsure_at FROM commerce.published_inventory ORDER BY sequence",
    "SELECT * FROM commerce.inventory_beliefs ORDER BY key",
)


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url, "test_outbox_migration") as url:
        yield url


def test_old_pushes_and_stops_move_into_the_outbox_and_back(url: str) -> None:
    migrate(url, command.upgrade, BEFORE)
    with closing(psycopg2.connect(libpq_url(url))) as connection, connection, connection.cursor() as cursor:
        cursor.execute(PUSHES)
    before = _read(url)
    migrate(url, command.upgrade, OUTBOX)
    after = _read(url)
    assert after == before
    warehouse = Warehouse(url, MASTER_KEY)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT digest FROM commerce.effects WHERE body = '{\"quantity\": 5}'")
        assert cursor.fetchall() == [(digest({"quantity": 5}),)]
        agreed = holds.agreed(connection, "shop", Kind.QUANTITY)
        assert agreed is not None
        assert (agreed.bodies, agreed.figures) == ({"a": {"quantity": 2}, "b": {"quantity": 0}}, {"read": 6})
        waiting = holds.release(connection, "shop", Kind.QUANTITY, "anna")
        assert waiting is not None
        assert (waiting.reasons, waiting.figures) == ("waits", {"read": 7})
        assert {row.key: row.body["quantity"] for row in effects.sendable(connection, "shop", Kind.QUANTITY)} == {
            "a": 2, "b": 0, "c": 8,
        }  # fmt: skip
    warehouse.close()
    migrate(url, command.downgrade, BEFORE)
    assert _read(url) == before


def _read(url: str) -> list[list[tuple[Any, ...]]]:
    with closing(psycopg2.connect(libpq_url(url))) as connection, connection.cursor() as cursor:
        rows = []
        for view in VIEWS:
            cursor.execute(view)
            rows.append(cursor.fetchall())
        return rows
