"""A PostgreSQL for the benchmarks: an embedded one in a temporary folder, gone at the end.

BENCH_DATABASE_URL names another server on this machine to use instead, by a user who may create databases.

What belongs here: where the benchmarks' databases live. What does not: what is measured in them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from commerce_pipelines.warehouse.server.server import ROLE, database_url, libpq_url, stop_database
from commerce_pipelines.warehouse.tables.database import Warehouse

MASTER_KEY = bytes(range(32))
MASTER_KEY_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"  # the same, as COMMERCE_MASTER_KEY has it


class Server:
    """A server that gives one database after the other, always under the same name."""

    def __init__(self, url: str) -> None:
        self._url, self._name = url, f"commerce_bench_{os.getpid()}"

    def fresh(self) -> str:
        """The URL of an empty database with our schema. The database that was given before is dropped."""
        self._run(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)", f"CREATE DATABASE {self._name}")
        url = urlunsplit(urlsplit(self._url)._replace(path=f"/{self._name}"))
        warehouse = Warehouse(url, MASTER_KEY)
        warehouse.migrate()
        warehouse.close()
        return url

    def drop(self) -> None:
        self._run(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")

    def _run(self, *statements: str) -> None:
        with closing(psycopg2.connect(libpq_url(self._url))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)


@contextmanager
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as folder:
        url = os.environ.get("BENCH_DATABASE_URL", "")
        url = url or database_url({}, Path(folder)).replace(f"://{ROLE}@", "://postgres@")  # who may create databases
        database = Server(url)
        try:
            yield database
        finally:
            database.drop()
            stop_database(Path(folder))


def copy_rows(warehouse: Warehouse, copies: Mapping[str, Mapping[str, str]], count: int) -> None:
    """Add so many copies of one row to each of these tables. copies: by table, what a column of copy `n` holds instead
    of the value of its row `t`, as SQL."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table, changed in copies.items():
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'commerce'"
                " AND table_name = %s ORDER BY ordinal_position",
                (table,),
            )
            columns = [name for (name,) in cursor.fetchall()]
            values = ", ".join(changed.get(name, f't."{name}"') for name in columns)
            names = ", ".join(f'"{name}"' for name in columns)
            cursor.execute(
                f"INSERT INTO commerce.{table} ({names}) SELECT {values} FROM (SELECT * FROM commerce.{table} LIMIT 1)"
                " AS t, generate_series(1, %s) AS n",
                (count,),
            )
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table in copies:
            cursor.execute(f"ANALYZE commerce.{table}")
