"""The door to PostgreSQL: migrations, transactions, what a failing server becomes."""

from __future__ import annotations

import base64
import sys
from types import ModuleType

import psycopg2
import pytest

from commerce_pipelines.core.errors import SettingsError, TransientError
from commerce_pipelines.warehouse.server.server import database_url
from commerce_pipelines.warehouse.tables.database import MIGRATIONS, Warehouse, head, master_key
from commerce_pipelines_tests.conftest import MASTER_KEY, fresh_database


def test_migrations_go_up_down_and_up_again(server_url: str) -> None:
    import sqlalchemy
    from alembic import command
    from alembic.config import Config

    with fresh_database(server_url, "test_migrations") as url:
        warehouse = Warehouse(url, MASTER_KEY)
        assert warehouse.version() is None
        warehouse.migrate()
        assert warehouse.version() == head()
        made = _list_tables(warehouse)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as begun:
            config.attributes["connection"] = begun
            command.downgrade(config, "base")
        assert _list_tables(warehouse) == ["alembic_version"]
        warehouse.migrate()
        assert _list_tables(warehouse) == made
        warehouse.migrate()  # no work to do
        with warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE commerce.alembic_version SET version_num = '9999'")
        with pytest.raises(SettingsError, match="schema version 9999"):
            warehouse.migrate()
        warehouse.close()


def test_a_failed_transaction_leaves_nothing_and_the_connection_serves_the_next(warehouse: Warehouse) -> None:
    with pytest.raises(psycopg2.errors.UndefinedTable), warehouse.transaction() as connection:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO commerce.buckets (key, tokens, at) VALUES ('k', 1, 1)")
            cursor.execute("SELECT FROM commerce.nowhere")
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce.buckets")
        assert cursor.fetchone() == (0,)


def test_a_server_that_goes_away_is_transient_and_the_next_call_works(warehouse: Warehouse) -> None:
    with pytest.raises(TransientError, match="PostgreSQL does not answer"), warehouse.transaction() as connection:
        _terminate(warehouse, connection.get_backend_pid())
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    with warehouse.transaction() as connection:
        idle = connection.get_backend_pid()
    _terminate(warehouse, idle)
    assert warehouse.version() == head()  # an idle connection that died is replaced unnoticed


def test_no_server_is_transient_and_a_wrong_database_is_a_setting(server_url: str) -> None:
    with pytest.raises(TransientError, match="does not answer"):
        Warehouse("postgresql+psycopg2://127.0.0.1:1/x", MASTER_KEY).migrate()
    with pytest.raises(SettingsError, match="COMMERCE_DATABASE_URL"):
        Warehouse(server_url.replace("/commerce?", "/nowhere?"), MASTER_KEY).migrate()


@pytest.mark.parametrize("rest", ["me:hunter2@127.0.0.1:1/x?foo=bar", "me:%zzhunter2@127.0.0.1:1/x"])
def test_a_url_that_libpq_does_not_take_is_a_setting_and_not_quoted(rest: str) -> None:
    with pytest.raises(SettingsError, match="COMMERCE_DATABASE_URL") as caught:
        Warehouse(f"postgresql+psycopg2://{rest}", MASTER_KEY).migrate()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_any_spelling_of_the_scheme_becomes_sqlalchemys(scheme: str) -> None:
    environ = {"COMMERCE_DATABASE_URL": f"{scheme}://me:secret@db:5432/shop?sslmode=verify-full"}
    assert database_url(environ) == "postgresql+psycopg2://me:secret@db:5432/shop?sslmode=verify-full"


@pytest.mark.parametrize("url", ["mysql://x/y", "db:5432", "postgresql:/x"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"postgresql://user:password@host:5432/database"):
        database_url({"COMMERCE_DATABASE_URL": url})


def test_the_master_key_is_checked_and_never_shown() -> None:
    text = base64.urlsafe_b64encode(MASTER_KEY).decode()
    assert master_key({"COMMERCE_MASTER_KEY": text}) == MASTER_KEY
    assert master_key({"COMMERCE_MASTER_KEY": text.rstrip("=")}) == MASTER_KEY
    zeros = base64.urlsafe_b64encode(bytes(32)).decode()
    for wrong in ("", "hunter2", text[4:], text + text, zeros):
        with pytest.raises(SettingsError, match="commerce-pipelines init") as caught:
            master_key({"COMMERCE_MASTER_KEY": wrong})
        assert "hunter2" not in str(caught.value)
    assert "secret" not in repr(Warehouse("postgresql://me:secret@db/shop", MASTER_KEY))


def _list_tables(warehouse: Warehouse) -> list[str]:
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'commerce' ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]


def _terminate(warehouse: Warehouse, pid: int) -> None:
    other = Warehouse(warehouse.url, MASTER_KEY)
    with other.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    other.close()


def test_a_lock_is_free_when_its_block_ends_even_if_the_server_hears_of_the_close_late(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, open_ones = warehouse.connect, []

    class Lingering:
        """A connection whose end the server has not noticed yet."""

        def __init__(self) -> None:
            self.connection = connect()
            open_ones.append(self.connection)

        def close(self) -> None:
            pass

        def __getattr__(self, name: str) -> object:
            return getattr(self.connection, name)

    monkeypatch.setattr(warehouse, "connect", Lingering)
    for _ in range(2):
        with warehouse.lock("once", wait=False) as held:
            assert held
            with warehouse.lock("once", wait=False) as second:
                assert not second
    for connection in open_ones:
        connection.close()


def test_the_master_key_may_come_from_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("my_kms")
    module.fetch = lambda environ: bytes(range(32)) if environ.get("MY_KMS") else b"short"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_kms", module)
    assert master_key({"COMMERCE_MASTER_KEY_FROM": "my_kms:fetch", "MY_KMS": "1"}) == bytes(range(32))
    with pytest.raises(SettingsError, match="32 bytes"):
        master_key({"COMMERCE_MASTER_KEY_FROM": "my_kms:fetch"})
    for wrong in ("my_kms", "my_kms:nothing", "no_such_module:fetch"):
        with pytest.raises(SettingsError, match="module:function"):
            master_key({"COMMERCE_MASTER_KEY_FROM": wrong})
