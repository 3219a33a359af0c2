"""Dagster's own storage in the project's PostgreSQL, which is found or started.

What belongs here: the class that dagster.yaml names. What does not: our own tables (warehouse/).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError, InternalError, OperationalError

from ..warehouse.server.server import database_url, is_ended
from .dagster_internals import ConcurrencyLimitsTable, ConfigurableClassData
from .kept_events import EventsInBatches
from .lasting_schema import lasting

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

IN_PUBLIC = "options=-csearch_path%3Dpublic"
PURGE_SECONDS = 600.0  # between two times that the old ticks of one sensor or schedule are deleted
KEPT_CONNECTIONS = 6  # idle ones that a process keeps; more are opened while more are needed at once
# One table of each storage: Dagster makes all tables of a storage together.
_TABLES = ("runs", "instance_info", "event_logs", "instigators")


class _Runs(PostgresRunStorage):
    """dagster-postgres, except that the server is not asked again for a table or column that it has."""

    has_built_index = lasting(PostgresRunStorage.has_built_index)
    has_run_stats_index_cols = lasting(PostgresRunStorage.has_run_stats_index_cols)
    has_bulk_actions_selector_cols = lasting(PostgresRunStorage.has_bulk_actions_selector_cols)
    has_backfill_id_column = lasting(PostgresRunStorage.has_backfill_id_column)
    has_bulk_action_job_name_column = lasting(PostgresRunStorage.has_bulk_action_job_name_column)
    has_backfill_tags_table = lasting(PostgresRunStorage.has_backfill_tags_table)


class _Schedules(PostgresScheduleStorage):
    """The same for sensors, schedules and their ticks."""

    has_built_index = lasting(PostgresScheduleStorage.has_built_index)
    has_secondary_index_table = lasting(PostgresScheduleStorage.has_secondary_index_table)
    has_instigators_table = lasting(PostgresScheduleStorage.has_instigators_table)
    _has_instigators_table = lasting(PostgresScheduleStorage._has_instigators_table)
    _has_asset_daemon_asset_evaluations_table = lasting(
        PostgresScheduleStorage._has_asset_daemon_asset_evaluations_table
    )

    def purge_ticks(
        self, origin_id: str, selector_id: str, before: float, tick_statuses: Sequence[Any] | None = None
    ) -> None:
        """Once in a while; Dagster's daemon asks for it twice after each tick, though the ticks to go are days old."""
        key = (self.postgres_url, origin_id, selector_id, *sorted(status.value for status in tick_statuses or ()))
        now = time.monotonic()
        if now - _purged.get(key, -PURGE_SECONDS) >= PURGE_SECONDS:
            _purged[key] = now
            super().purge_ticks(origin_id, selector_id, before, tick_statuses)


class _Events(EventsInBatches):
    """The same for events; and two runs may use a new pool at the same moment without an error."""

    has_table = lasting(EventsInBatches.has_table)
    has_secondary_index = lasting(EventsInBatches.has_secondary_index)
    _has_asset_key_col_on_connection = lasting(EventsInBatches._has_asset_key_col_on_connection)

    @property
    @lasting
    def has_default_pool_limit_col(self) -> bool:
        return super().has_default_pool_limit_col

    def initialize_concurrency_limit_to_default(self, concurrency_key: str) -> bool:
        """Creates the pool if it is missing. Dagster's own method fails if another run creates the pool at the same
        time, because it goes on in a transaction that PostgreSQL has already aborted."""
        try:
            return super().initialize_concurrency_limit_to_default(concurrency_key)
        except InternalError:
            limit = self._instance.global_op_concurrency_default_limit or 0
            pools = ConcurrencyLimitsTable.c
            with self.index_transaction() as connection:
                mine = (pools.concurrency_key == concurrency_key) & pools.using_default_limit
                connection.execute(ConcurrencyLimitsTable.update().values(limit=limit).where(mine))
                self._allocate_concurrency_slots(connection, concurrency_key, limit)
            return True


class _Engines:
    """One pool of connections for each database, shared by all instances of Dagster in this process.

    dagster-postgres opens a session for each statement, which costs the server 6 ms: with three channels that was a
    third of all CPU time of the machine. Its reason, that a process with many instances would keep many connections,
    does not hold for a pool that they share.
    """

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}
        self._guard = threading.Lock()
        os.register_at_fork(after_in_child=self._forget)

    def get(self, url: str) -> Engine:
        with self._guard:
            if url not in self._engines:
                self._engines[url] = _make_engine(url)
            return self._engines[url]

    def close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()

    def _forget(self) -> None:
        """A forked child must not use its parent's sockets, nor close them."""
        self._guard = threading.Lock()
        for engine in self._engines.values():
            engine.dispose(close=False)


def _make_engine(url: str) -> Engine:
    engine = create_engine(
        url, isolation_level="AUTOCOMMIT", pool_size=KEPT_CONNECTIONS, max_overflow=-1, pool_use_lifo=True
    )
    event.listen(engine, "checkout", _refuse_ended)
    return engine


def _refuse_ended(connection: Connection, _record: object, _proxy: object) -> None:
    """SQLAlchemy takes another connection where the server has ended an idle one, as after its restart."""
    if is_ended(connection):
        raise DisconnectionError


_engines = _Engines()
_complete: set[str] = set()  # databases that have all tables, as this process has seen
_purged: dict[tuple[str, ...], float] = {}  # when ticks were purged last, by the database and whose they are


def close_connections() -> None:
    """Close the sessions of this process; what it knows of the databases stays."""
    _engines.close()


def _has_tables(engine: Engine) -> bool:
    """Whether the tables of all three storages are there. An instance of Dagster is opened for each tick of a sensor:
    asked by dagster-postgres, that costs three sessions and three lists of all tables."""
    marks = " AND ".join(f"to_regclass('public.{table}') IS NOT NULL" for table in _TABLES)
    try:
        with engine.connect() as connection:
            return bool(connection.execute(text(f"SELECT {marks}")).scalar_one())
    except OperationalError:
        return False  # the storage itself asks again, with its own patience


def _choose_separator(url: str) -> str:
    return "&" if "?" in url else "?"


class RunHistory(DagsterPostgresStorage):
    """dagster-postgres at COMMERCE_DATABASE_URL, or in the embedded server of the pipelines.

    A class instead of plain YAML, because `{env: …}` in dagster.yaml has no default.
    """

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Dagster names no schema, so a role called `commerce` would make PostgreSQL search our schema first.
        url = (
            postgres_url
            if "options=" in postgres_url
            else f"{postgres_url}{_choose_separator(postgres_url)}{IN_PUBLIC}"
        )
        engine = _engines.get(url)
        creates = url not in _complete and not _has_tables(engine)
        if not creates:
            _complete.add(url)
        # Not by the class's own constructor, which would make three storages more, only to be replaced.
        self.postgres_url, self.should_autocreate_tables, self._inst_data = url, creates, inst_data
        self._run_storage = _Runs(url, creates)
        self._event_log_storage = _Events(url, creates)
        self._schedule_storage = _Schedules(url, creates)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine
        super(DagsterPostgresStorage, self).__init__()

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> RunHistory:
        return cls(postgres_url=database_url(), inst_data=inst_data)
