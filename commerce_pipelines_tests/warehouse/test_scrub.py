"""Destroyed keys leave the table's file too, or the caller hears that they did not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from commerce_pipelines.warehouse.privacy.subjects import scrub
from commerce_pipelines.warehouse.tables.database import Warehouse

SUBJECT = b"subject"


@pytest.fixture
def onlooker(warehouse: Warehouse) -> Iterator[Connection]:
    """A session that looks at the database as it was before a key was destroyed, without locking the table of keys."""
    with closing(warehouse.connect()) as connection:
        with warehouse.transaction() as own, own.cursor() as cursor:
            cursor.execute(
                "INSERT INTO commerce.subject_keys (subject_id, wrapped_key) VALUES (%s, %s)", (SUBJECT, b"key")
            )
        connection.rollback()
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM commerce.words")
        with warehouse.transaction() as own, own.cursor() as cursor:
            cursor.execute("UPDATE commerce.subject_keys SET wrapped_key = NULL, destroyed_at = now()")
        yield connection


def test_a_key_that_is_kept_for_another_session_is_told(warehouse: Warehouse, onlooker: Connection) -> None:
    assert not scrub(warehouse, tries=1)
    onlooker.rollback()
    with closing(warehouse.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('wal_recycle') = 'off'")
        assert scrub(warehouse, tries=1) is cursor.fetchone()[0]  # type: ignore[index]


def test_it_waits_for_a_session_that_ends(warehouse: Warehouse, onlooker: Connection) -> None:
    with onlooker.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = '300ms'")  # the server ends the session itself
        cursor.execute("SELECT current_setting('wal_recycle') = 'off'")
        [renewable] = cursor.fetchone() or (False,)
    assert scrub(warehouse) is renewable
