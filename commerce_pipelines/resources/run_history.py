"""Dagster's own storage in the project's PostgreSQL, which is found or started.

What belongs here: the class that dagster.yaml names. What does not: our own tables (warehouse/).
"""

from __future__ import annotations

from typing import Any

from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.event_log import PostgresEventLogStorage
from sqlalchemy.exc import InternalError

from ..warehouse.server.server import database_url
from .dagster_internals import ConcurrencyLimitsTable, ConfigurableClassData

IN_PUBLIC = "options=-csearch_path%3Dpublic"


class _Events(PostgresEventLogStorage):
    """dagster-postgres, except that two runs may use a new pool at the same moment without an error."""

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
        super().__init__(url, inst_data=inst_data)
        self._event_log_storage = _Events(url)

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> RunHistory:
        return cls(postgres_url=database_url(), inst_data=inst_data)
