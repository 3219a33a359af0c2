"""What was landed and waited before there were topics belongs to orders, opens as before, and notes stay notes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from zoneinfo import ZoneInfo

import psycopg2
import pytest
import zstandard
from alembic import command

from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines.warehouse.landing import master_keys
from commerce_pipelines.warehouse.landing.landing import Landing
from commerce_pipelines.warehouse.landing.vault import Vault
from commerce_pipelines.warehouse.server.server import libpq_url
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY, fresh_database
from commerce_pipelines_tests.doubles.migrating import migrate

RAW = b'{"id": "1"}'
DIGEST = hashlib.sha256(RAW).digest()
SNAPSHOT = """
INSERT INTO commerce.order_snapshots (channel, order_id, digest, day, placed_at, source_updated_at, first_seen, how,
    subject_id, payload)
VALUES ('shop', '1', %s, '2026-11-20', '2026-11-20', '2026-11-20', '2026-11-20', 'poll', %s, %s)
"""
EXCEPTIONS = """
INSERT INTO commerce.exceptions (channel, order_id, stage, code, message, fix, subject, day, run_id, first_seen,
    last_seen)
SELECT 'shop', '1', stage, code, 'says', 'do', '', '2026-11-20', '', now(), now() FROM (VALUES
    ('load', 'unknown_sku'), ('flag:oversold', 'oversold'), ('flag:refund_due', 'refund_due')) AS v (stage, code)
"""


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url, "test_topics_migration") as url:
        yield url


def test_orders_of_before_open_and_wait_as_they_did(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master_keys, "read_row", lambda connection: None)  # these schemas know no other master key
    migrate(url, command.upgrade, "0004")
    warehouse = Warehouse(url, MASTER_KEY)
    vault = Vault(warehouse)
    subject = vault.subject_id("order:1")
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        key = vault.keys_for(connection, {subject}, create=True)[subject]
        assert key is not None
        sealed = vault.seal(key, zstandard.ZstdCompressor().compress(RAW), b"\0".join((b"shop", b"1", DIGEST)))
        cursor.execute(SNAPSHOT, (DIGEST, subject, sealed))
        cursor.execute(EXCEPTIONS)
    migrate(url, command.upgrade, "0005")
    snapshots = Landing(warehouse, vault, "shop", "orders", ZoneInfo("Europe/Berlin")).newest_of(["1"])
    assert snapshots["1"].raw == RAW
    with warehouse.transaction() as connection:
        waiting = quarantine.open_exceptions(connection, "shop", "orders")
    assert [(record.stage, record.code, record.blocking) for record in waiting] == [
        ("load", "unknown_sku", True),
        ("load", "oversold", False),
        ("load", "refund_due", False),
    ]
    warehouse.close()
    migrate(url, command.downgrade, "0004")
    with closing(psycopg2.connect(libpq_url(url))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT stage FROM commerce.exceptions WHERE order_id = '1' ORDER BY stage")
        assert cursor.fetchall() == [("flag:oversold",), ("flag:refund_due",), ("load",)]
        cursor.execute("SELECT payload FROM commerce.order_snapshots WHERE order_id = '1'")
        assert [bytes(payload) for (payload,) in cursor] == [sealed]
