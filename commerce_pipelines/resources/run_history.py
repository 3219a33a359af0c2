"""Dagster's own storage in the project's PostgreSQL, found or started by itself.

What belongs here: the one class that dagster.yaml names. What does not: tables of ours (warehouse/).
"""

from __future__ import annotations

from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from ..warehouse.server import database_url


class RunHistory(DagsterPostgresStorage):
    """dagster-postgres at COMMERCE_DATABASE_URL, or in the embedded server that the pipelines use themselves.

    A class and not plain YAML, because `{env: …}` in dagster.yaml knows no default.
    """

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> RunHistory:
        return cls(postgres_url=database_url(), inst_data=inst_data)
