"""One row for each run that published stock, with which the next run compares its own read.

What belongs here: writing and reading these rows. What does not: what was sent (outbox/).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from ...domain.inventory.push_plan import Figures

RUNS_KEPT_FOR = timedelta(days=90)  # how long the rows of past runs are kept


def record_run(
    connection: Connection, channel: str, run_id: str, taken_at: datetime, figures: Figures, outcomes: Mapping[str, int]
) -> None:
    """One row for a run that the breaker let pass."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.inventory_runs (channel, at, run_id, taken_at, listings, changed, zeroed, read,"
            " outcomes) VALUES (%s, clock_timestamp(), %s, %s, %s, %s, %s, %s, %s)",
            (channel, run_id, taken_at, figures.listings, figures.changed, figures.zeroed, figures.read,
             json.dumps(dict(outcomes), sort_keys=True)),
        )  # fmt: skip
        cursor.execute(
            "DELETE FROM commerce.inventory_runs WHERE channel = %s AND at < clock_timestamp() - %s",
            (channel, RUNS_KEPT_FOR),
        )


def last_read(connection: Connection, channel: str) -> int:
    """How many products had stock in the read that was published last; 0 before the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT read FROM commerce.inventory_runs WHERE channel = %s ORDER BY at DESC LIMIT 1", (channel,)
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0
