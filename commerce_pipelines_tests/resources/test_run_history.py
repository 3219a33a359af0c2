"""Dagster on the project's own PostgreSQL: storage, a backfill as one run, tables instead of pickles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickData, TickStatus
from dagster._core.test_utils import instance_for_test
from dagster_postgres.event_log import PostgresEventLogStorage

from commerce_pipelines.assets.common import RANGE_END, RANGE_START, failures
from commerce_pipelines.core.errors import PermanentError, SettingsError, TransientError
from commerce_pipelines.resources import run_history
from commerce_pipelines.resources.run_history import RunHistory
from commerce_pipelines.resources.tables import TableIOManager
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines.warehouse.tables.frames import read_frame
from commerce_pipelines_tests.doubles.channel import some_settings
from commerce_pipelines_tests.doubles.doors import doors

PROJECT = Path(__file__).parents[2]
DAYS = dg.DailyPartitionsDefinition(start_date="2025-10-01", end_date="2025-11-15")
NOON = datetime(2025, 10, 20, 12, tzinfo=UTC)


@pytest.fixture
def instance(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance as dagster.yaml describes it, on this worker's database."""
    monkeypatch.setenv("COMMERCE_DATABASE_URL", database)
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    kept = {key: settings[key] for key in ("storage", "concurrency", "run_retries", "run_monitoring", "telemetry")}
    with instance_for_test(overrides=kept, temp_dir=str(tmp_path)) as instance:
        instance.wipe()
        assert instance.schedule_storage
        instance.schedule_storage.wipe()
        yield instance


@pytest.fixture
def tables(warehouse: Warehouse) -> TableIOManager:
    return TableIOManager(doors(some_settings(), warehouse))


def _make_buckets(day: date) -> pd.DataFrame:
    return pd.DataFrame([{"channel": "shop_de", "order_id": f"{day}", "day": day, "position": 1}])


def _make_lane(seen: list[list[date]]) -> list[dg.AssetsDefinition]:
    """Two assets on one table of ours: the second reads what the first stored."""
    policy = dg.BackfillPolicy.single_run()

    @dg.asset(key=["shop_de", "completeness"], partitions_def=DAYS, backfill_policy=policy)
    def stored(context) -> pd.DataFrame:
        window = context.partition_time_window
        days = pd.date_range(window.start.date(), window.end.date(), inclusive="left")
        fields = ("orders_in_channel", "sale_orders_in_odoo", "exceptions", "missing", "surplus", "channel_total")
        more = dict.fromkeys((*fields, "odoo_total", "collected"), 1)
        rows = [{"channel": "shop_de", "day": day.date(), "currency": "EUR", "proved_at": NOON, **more} for day in days]
        return pd.DataFrame(rows)

    @dg.asset(ins={"rows": dg.AssetIn(["shop_de", "completeness"])}, partitions_def=DAYS, backfill_policy=policy)
    def reader(rows: pd.DataFrame) -> dg.MaterializeResult:
        seen.append(sorted(rows["day"]))
        return dg.MaterializeResult()

    return [stored, reader]


def _run(instance: dg.DagsterInstance, tables: TableIOManager, start: str, end: str, seen: list) -> Any:
    defs = dg.Definitions(assets=_make_lane(seen), resources={"io_manager": tables}, executor=dg.in_process_executor)
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, tags={RANGE_START: start, RANGE_END: end})


def test_thirty_days_are_one_run_one_table_and_every_partition_green(
    instance: dg.DagsterInstance, tables: TableIOManager, warehouse: Warehouse
) -> None:
    seen: list[list[date]] = []
    assert _run(instance, tables, "2025-10-01", "2025-10-30", seen).success
    assert [len(days) for days in seen] == [30]
    assert len(instance.get_run_records()) == 1
    assert len(instance.get_materialized_partitions(dg.AssetKey("reader"))) == 30
    event = instance.get_latest_materialization_event(dg.AssetKey(["shop_de", "completeness"]))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["run/rows stored"].value == 30

    _run(instance, tables, "2025-10-10", "2025-10-10", seen)
    assert seen[-1] == [date(2025, 10, 10)]
    assert _run(instance, tables, "2025-10-05", "2025-10-20", seen).success
    with warehouse.transaction() as connection:
        assert len(read_frame(connection, "completeness")) == 30  # days run again are replaced, not added


def test_the_storage_is_postgresql_and_nothing_is_pickled(
    instance: dg.DagsterInstance, tables: TableIOManager, tmp_path: Path
) -> None:
    assert instance._ref is not None
    assert isinstance(instance._ref.storage, RunHistory)
    assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
    _run(instance, tables, "2025-10-01", "2025-10-02", [])
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in left if path.suffix in (".db", ".pickle", ".pkl") or path.parent.name == "storage"]
    assert not [path for path in left if path.read_bytes()[:2] in (b"\x80\x04", b"\x80\x05")]


def test_old_ticks_are_purged_once_in_a_while_and_not_after_each_tick(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_history, "_purged", {})

    def make_old_tick() -> None:
        data = TickData("origin", "sensor", InstigatorType.SENSOR, TickStatus.SKIPPED, 1e9, selector_id="selector")
        instance.create_tick(data)

    def purge(selector: str = "selector") -> int:
        """Ticks that are left of the first sensor."""
        instance.purge_ticks("origin", selector, before=1.1e9, tick_statuses=[TickStatus.SKIPPED])
        return len(instance.get_ticks("origin", "selector"))

    make_old_tick()
    assert purge("another") == 1
    assert purge() == 0
    make_old_tick()
    assert purge() == 1
    for key in run_history._purged:
        run_history._purged[key] -= run_history.PURGE_SECONDS
    assert purge() == 0


def test_two_runs_may_use_a_new_pool_at_once(instance: dg.DagsterInstance) -> None:
    """Each found no pool and makes it; the second finds the first one's."""
    for _ in range(2):
        assert instance.event_log_storage.initialize_concurrency_limit_to_default("odoo")
    assert [(pool.name, pool.limit) for pool in instance.event_log_storage.get_pool_limits()] == [("odoo", 1)]
    claim = instance.event_log_storage.claim_concurrency_slot("odoo", "run", "step")
    assert claim.is_claimed


def _ask_session(storage: Any) -> int:
    """The server's process that answers a statement of this storage."""
    with (storage.index_connection if hasattr(storage, "index_connection") else storage.connect)() as connection:
        return int(connection.execute(sqlalchemy.text("SELECT pg_backend_pid()")).scalar_one())


def test_all_storages_of_a_process_share_sessions_that_are_kept(instance: dg.DagsterInstance, database: str) -> None:
    another = RunHistory(database)
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage, another.run_storage)
    assert len({_ask_session(storage) for _ in range(2) for storage in storages}) == 1


def _count_catalogue_questions(instance: dg.DagsterInstance, work: Callable[[], object]) -> list[str]:
    """The statements over PostgreSQL's own catalogue that this work sends."""
    engine = instance.run_storage._engine  # type: ignore[attr-defined]
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "pg_catalog" in statement or "secondary_indexes" in statement:
            statements.append(statement)

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)
    return statements


def test_a_tick_asks_neither_for_tables_nor_for_sessions(
    instance: dg.DagsterInstance, database: str, warehouse: Warehouse
) -> None:
    """A sensor's tick opens an instance of its own; dagster-postgres asked for all tables nine times, each in a session
    of its own."""

    def tick() -> None:
        storage = RunHistory(database)
        storage.run_storage.register_instance(instance)
        storage.schedule_storage.get_instigator_state("origin", "selector")
        storage.run_storage.get_run_records(limit=1)
        storage.event_log_storage.has_table("asset_event_tags")  # type: ignore[attr-defined]

    tick()
    assert not _count_catalogue_questions(instance, tick)
    before = _ask_session(instance.run_storage)
    tick()
    assert _ask_session(instance.run_storage) == before


def test_what_the_schema_lacks_is_asked_for_again(instance: dg.DagsterInstance) -> None:
    """A migration of Dagster may add it while we run."""
    events: Any = instance.event_log_storage
    assert not events.has_table("added_later")
    with events.index_connection() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE added_later ()"))
    try:
        assert events.has_table("added_later")
        assert not _count_catalogue_questions(instance, lambda: events.has_table("added_later"))
    finally:
        with events.index_connection() as connection:
            connection.execute(sqlalchemy.text("DROP TABLE added_later"))


def test_an_empty_database_gets_the_tables(warehouse: Warehouse, database: str) -> None:
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone() or ("",)
    empty = f"{name}_empty"
    with closing(warehouse.connect()) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{empty}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{empty}"')
            try:
                storage = RunHistory(sqlalchemy.make_url(database).set(database=empty).render_as_string(False))
                assert storage.run_storage.get_runs_count() == 0
                assert storage.schedule_storage.has_instigators_table()  # type: ignore[attr-defined]
                storage.run_storage._engine.dispose()  # type: ignore[attr-defined]
            finally:
                cursor.execute(f'DROP DATABASE "{empty}" WITH (FORCE)')


def test_a_session_that_the_server_ended_is_replaced(instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
    before = _ask_session(instance.run_storage)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", (before,))
    assert _ask_session(instance.run_storage) != before


def test_a_forked_process_opens_its_own_session(instance: dg.DagsterInstance) -> None:
    before = _ask_session(instance.run_storage)
    ours, theirs = os.pipe()
    if not (child := os.fork()):
        with suppress(BaseException):
            os.write(theirs, str(_ask_session(instance.run_storage)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        assert int(answer.read()) != before
    assert _ask_session(instance.run_storage) == before


@pytest.mark.parametrize("wrong", ["text", b"bytes", {"a": 1}, 7])
def test_what_is_no_table_is_refused(instance: dg.DagsterInstance, tables: TableIOManager, wrong: object) -> None:
    @dg.asset(key=["shop_de", "completeness"], partitions_def=DAYS)
    def asset() -> object:
        return wrong

    result = dg.materialize(
        [asset], partition_key="2025-10-01", resources={"io_manager": tables}, instance=instance, raise_on_error=False
    )
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert f"shop_de/completeness must return a DataFrame, not {type(wrong).__name__}" in str(failure.step_failure_data)


@pytest.mark.parametrize(
    ("error", "retries"),
    [(TransientError("down"), 2), (PermanentError("no"), 0), (SettingsError("no"), 0), (ValueError("bug"), 2)],
)
def test_only_what_may_succeed_is_tried_again(error: Exception, retries: int) -> None:
    attempts = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
    def asset() -> None:
        with failures():
            attempts.append(1)
            raise error

    assert not dg.materialize([asset], raise_on_error=False).success
    assert len(attempts) == 1 + retries


def test_a_wait_that_the_other_side_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    @dg.asset
    def asset() -> None:
        with failures():
            raise TransientError("busy", wait=0.01)

    result = dg.materialize([asset], raise_on_error=False)
    assert [event.event_type_value for event in result.all_events].count("STEP_UP_FOR_RETRY") == 3


def test_the_files_at_the_root_are_the_packages_own() -> None:
    for name in ("dagster.yaml", "workspace.yaml"):
        assert (PROJECT / name).read_text() == (PROJECT / "commerce_pipelines" / "instance" / name).read_text()
