"""Moving a test's database to one of its migrations. What rows must be then is the test's own."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy
from alembic.config import Config

from commerce_pipelines.warehouse.tables.database import MIGRATIONS


def migrate(url: str, step: Callable[[Config, str], None], revision: str) -> None:
    """step: `alembic.command.upgrade` or `downgrade`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).begin() as connection:
        config.attributes["connection"] = connection
        step(config, revision)
