"""Fixtures that every room shares: a real PostgreSQL, one database per worker, emptied before each test.

COMMERCE_TEST_DATABASE_URL names a server to use; otherwise one is embedded in a temporary folder, shared by all
workers and stopped at the end of the session.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import event
from sqlalchemy.pool import Pool

from commerce_pipelines.warehouse.server.server import database_url, libpq_url, stop_database
from commerce_pipelines.warehouse.tables.database import Warehouse

# A busy machine is no fault: hypothesis judges no example by its time.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

MASTER_KEY = bytes(range(32))
# Tests that take longest, of whole services and of all lanes: last, a worker would be alone with one of them.
FIRST = {
    "test_deployed", "test_deployed_groups", "test_deployed_workers", "test_workers", "test_run_life",
    "test_run_launcher", "test_every_lane_leaks_nothing", "test_model", "test_others_words", "test_drift",
    "test_killed",
}  # fmt: skip
SERVER, ROOT = "COMMERCE_TEST_DATABASE_URL", "COMMERCE_TEST_ROOT"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # As of a shell's job in the background: the tests' processes would inherit that, and end late.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ[ROOT] = tempfile.mkdtemp(prefix="commerce-tests-")
        # Nothing a developer has set for real use may be reached from here.
        url = os.environ.pop("COMMERCE_DATABASE_URL", "")
        os.environ.setdefault(SERVER, url)
        for name in ("COMMERCE_MASTER_KEY", "COMMERCE_CONFIG", "DAGSTER_HOME", "LC_ALL", "COLUMNS"):
            os.environ.pop(name, None)
        os.environ["TZ"] = "UTC"
        time.tzset()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and (root := os.environ.pop(ROOT, None)):
        stop_database(Path(root))
        shutil.rmtree(root, ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After the plugin that shuffles them."""
    items.sort(key=lambda item: item.path.stem not in FIRST)


def pytest_collection_finish() -> None:
    """The modules and thousands of tests that stay to the end are looked through for garbage no more, and processes
    that tests fork do not copy them."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Why tests were skipped, and how many for each reason."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])
    )
    if reasons:
        terminalreporter.section("skipped")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:5} {reason}")


@pytest.fixture(scope="session")
def server_url() -> str:
    """URL of the server, by a role that may create databases; its own database is not touched."""
    server = os.environ.get(SERVER, "")
    url = database_url({"COMMERCE_DATABASE_URL": server} if server else {}, Path(os.environ[ROOT]))
    if server:
        return url
    url = url.replace("//commerce_pipelines@", "//postgres@")
    _run(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")  # nobody needs it after a loss of power
    return url


@event.listens_for(Pool, "connect")
def write_without_waiting(connection: Any, _: object) -> None:
    """Dagster's own storage of a test in SQLite: each of its many commits would wait for the disk."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session")
def database(server_url: str) -> Iterator[str]:
    """URL of this worker's own database, the schema at its newest version."""
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with fresh_database(server_url, name) as url:
        warehouse = Warehouse(url, MASTER_KEY)
        warehouse.migrate()
        warehouse.close()
        yield url


class Sweeper:
    """Empties the worker's database by one session: a new one would read about all tables anew, for each test."""

    def __init__(self, url: str) -> None:
        self._url = libpq_url(url)
        self._connection: Any = None

    def sweep(self) -> None:
        try:
            self._clear()
        except (psycopg2.OperationalError, psycopg2.InterfaceError):  # a test has ended all sessions
            self.close()
            self._clear()

    def _clear(self) -> None:
        if self._connection is None:
            self._connection = psycopg2.connect(self._url)
        with self._connection as connection, connection.cursor() as cursor:
            for table in ("public.instigators", "public.jobs", "public.runs"):
                cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
                if cursor.fetchone() == (True,):
                    cursor.execute(f"DELETE FROM {table}")
            cursor.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'commerce'::regnamespace AND relkind = 'r'"
                " AND relname NOT IN ('alembic_version', 'audit')"  # nobody empties the audit
                " ORDER BY relname = 'zstd_dictionaries'"  # referenced by the landing
            )
            # In one message: a message for each table takes twice as long.
            cursor.execute("; ".join(f"DELETE FROM commerce.{table}" for (table,) in cursor.fetchall()))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@pytest.fixture(scope="session")
def sweeper(database: str) -> Iterator[Sweeper]:
    sweeper = Sweeper(database)
    yield sweeper
    sweeper.close()


@pytest.fixture
def warehouse(database: str, sweeper: Sweeper) -> Iterator[Warehouse]:
    """An empty warehouse, and nothing of what an earlier test's Dagster kept beside it: the product reads that too."""
    sweeper.sweep()
    warehouse = Warehouse(database, MASTER_KEY)
    yield warehouse
    warehouse.close()


class fresh_database:
    """A new database on a server, dropped at the end whoever is still connected."""

    def __init__(self, server: str, name: str) -> None:
        self.server, self.name = server, name

    def __enter__(self) -> str:
        _run(self.server, f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)", f"CREATE DATABASE {self.name}")
        return urlunsplit(urlsplit(self.server)._replace(path=f"/{self.name}"))

    def __exit__(self, *_: object) -> None:
        _run(self.server, f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


def _run(server: str, *statements: str) -> None:
    with closing(psycopg2.connect(libpq_url(server))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
