"""An embedded PostgreSQL of the benchmarks' own, in a temporary folder, gone at the end.

What belongs here: where the benchmarks' databases live. What does not: what is measured in them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from commerce_pipelines.warehouse.database import Warehouse
from commerce_pipelines.warehouse.server import database_url, libpq_url, stop_database

MASTER_KEY = bytes(range(32))
MASTER_KEY_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"  # the same, as COMMERCE_MASTER_KEY has it


class Server:
    def __init__(self, url: str) -> None:
        self.url = url

    def fresh(self, name: str = "bench") -> str:
        """URL of a new database with our schema; one of that name from before is dropped."""
        import psycopg2

        with closing(psycopg2.connect(libpq_url(self.url))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                cursor.execute(f"CREATE DATABASE {name}")
        url = urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        warehouse = Warehouse(url, MASTER_KEY)
        warehouse.migrate()
        warehouse.close()
        return url


@contextmanager
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as folder:
        try:
            yield Server(database_url({}, Path(folder)))
        finally:
            stop_database(Path(folder))
