"""Which sensors and schedules somebody has switched off, read from Dagster's storage by SQL.

The sensor `outcomes` tells people of all others; who tells of itself, `dev` and `check`, does without Dagster, whose
import takes seconds.

What belongs here: reading the names. What does not: which of them matter (flows/alerts.py).
"""

from __future__ import annotations

import json
from typing import Any

from .run_life import open_storage


def list_switched_off(url: str) -> set[tuple[str, str]]:
    """(code location, name) of each. A database that Dagster never used has none. Raises what `open_storage` raises."""
    with open_storage(url) as cursor:
        cursor.execute("SELECT to_regclass('instigators') IS NOT NULL")
        if cursor.fetchone() == (False,):
            return set()
        cursor.execute("SELECT instigator_body FROM instigators WHERE status = 'STOPPED'")
        bodies = [json.loads(body) for (body,) in cursor.fetchall()]
    return {_read_origin(body.get("origin", {})) for body in bodies}


def _read_origin(origin: dict[str, Any]) -> tuple[str, str]:
    repository = origin.get("external_repository_origin", {})
    location = repository.get("repository_location_origin", {}).get("location_name", "")
    return str(location), str(origin.get("job_name", ""))
