"""Whether a run lives, and how it is asked to end: by its lock and its status, whatever started its process.

What belongs here: what Dagster's monitoring and its UI ask of every launcher of ours. What does not: starting runs
(run_launcher.py, worker_launcher.py), the lock itself (run_life.py).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..warehouse.server.server import database_url
from .dagster_internals import CheckRunHealthResult, WorkerStatus
from .run_life import RETAKE_SECONDS, held_locks, lock_key

if TYPE_CHECKING:
    from .dagster_internals import RunLauncher

    Base = RunLauncher[Any]
else:
    Base = object


class KnowsByLock(Base):
    """Mixed into a launcher of Dagster's, before it."""

    _unlocked: dict[str, float] | None = None

    @property
    def _unlocked_since(self) -> dict[str, float]:
        """Runs seen without their lock, and since when, on the monotonic clock."""
        if self._unlocked is None:
            self._unlocked = {}
        return self._unlocked

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process holds its lock. A run that lost its connection has RETAKE_SECONDS to take the lock
        again.

        Dagster's monitoring fails a run that this reports as FAILED; the run's slots are freed here, so that no other
        run waits for them.
        """
        if lock_key(run.run_id) in held_locks(database_url()):
            self._unlocked_since.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        now = time.monotonic()
        if now - self._unlocked_since.setdefault(run.run_id, now) < RETAKE_SECONDS:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "The run's lock is free; it may be about to take it.")
        del self._unlocked_since[run.run_id]
        if self._instance.event_log_storage.supports_global_concurrency_limits:
            self._instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        return CheckRunHealthResult(WorkerStatus.FAILED, "The run's process is gone: its lock is free.")

    def terminate(self, run_id: str) -> bool:
        """The run checks every two seconds whether it shall end, on whichever machine and in whichever process it
        works."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return True
