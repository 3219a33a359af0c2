"""Events of a run that nobody waits for, written together with the next one that somebody does.

Dagster writes some thirty events for a run of two steps, each with a statement and a notification of its own: a tenth
of what a run costs. In a run's own process most of them are written with the next that changes what people or the
daemon see: a step's beginning, an asset, a check, a log line, the end. A process that is killed in between loses only
events about how its last step went on; what the step did is on record elsewhere.

What belongs here: which events may be kept back, and writing them. What does not: who asks for it (run_process.py).
"""

from __future__ import annotations

import threading
from typing import Any

import dagster as dg
from dagster_postgres.event_log import PostgresEventLogStorage

from .dagster_internals import SqlEventLogStorageTable

_Type = dg.DagsterEventType
KEPT = frozenset(
    {
        _Type.ENGINE_EVENT, _Type.RESOURCE_INIT_STARTED, _Type.RESOURCE_INIT_SUCCESS, _Type.LOGS_CAPTURED,
        _Type.STEP_INPUT, _Type.LOADED_INPUT, _Type.STEP_OUTPUT, _Type.HANDLED_OUTPUT, _Type.STEP_SUCCESS,
    }
)  # fmt: skip


class EventsInBatches(PostgresEventLogStorage):
    """dagster-postgres, except that some events wait once `keep_back` was called. In order, as they came."""

    def __init__(self, *values: Any, **names: Any) -> None:
        super().__init__(*values, **names)
        self._keeps = False
        self._kept: list[dict[str, Any]] = []
        self._guard = threading.RLock()

    def keep_back(self) -> None:
        """From now on. For a process that calls `write_kept` before it waits and before it ends."""
        self._keeps = True

    def store_event(self, event: dg.EventLogEntry) -> None:
        kind = event.dagster_event_type
        if not self._keeps or (kind not in KEPT and kind is not _Type.STEP_START):
            self.write_kept()
            return super().store_event(event)
        with self._guard:
            self._kept.append(self._event_to_row(event))
        if kind is _Type.STEP_START:
            self.write_kept()
        return None

    def write_kept(self) -> None:
        """Write the events that wait, by one statement. They stay where the database fails."""
        with self._guard:
            if self._kept:
                with self._connect() as connection:
                    connection.execute(SqlEventLogStorageTable.insert(), self._kept)
                self._kept = []
