"""Runs start warm: each is forked from a process that has already imported Dagster, pandas and our own modules.

A run in a new process costs 5 to 7 CPU-seconds of imports before its first step, and three at once on two cores take
ten seconds or more; a forked run has them already. Leave `run_launcher` out of dagster.yaml to use Dagster's own
launcher.

What belongs here: the class that dagster.yaml names. What does not: when a run is due (sensors/), its steps (assets/).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
from multiprocessing.process import BaseProcess
from typing import Any

import dagster as dg

from ..warehouse.server.server import database_url
from . import warm_server
from .dagster_internals import (
    CheckRunHealthResult,
    ConfigurableClass,
    ConfigurableClassData,
    LaunchRunContext,
    RunLauncher,
    WorkerStatus,
    serialize_value,
)
from .run_life import RETAKE_SECONDS, end_run, held_locks, lock_key

WATCH_SECONDS = 2.0  # how often a run is checked whose process is no longer a child of ours


class WarmLauncher(RunLauncher, ConfigurableClass):
    """Forks runs from a server that ends with the daemon. `dev` starts it with the daemon, else the first run does."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        # Runs seen without their lock, and since when, on the monotonic clock.
        self._unlocked_since: dict[str, float] = {}
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> WarmLauncher:
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        run_id, instance = context.dagster_run.run_id, self._instance
        server = multiprocessing.get_context("forkserver")
        warm_server.start()
        process = server.Process(target=work, args=(serialize_value(instance.get_ref()), run_id), name=f"run {run_id}")
        process.start()
        threading.Thread(target=_watch, args=(process, instance, run_id), daemon=True).start()

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


def work(instance_ref: str, run_id: str) -> None:
    """The run's own process. Its code is that on disk."""
    from . import warm_modules

    warm_modules.forget_if_changed()
    from .run_process import execute

    execute(instance_ref, run_id)


def _watch(process: BaseProcess, instance: dg.DagsterInstance, run_id: str) -> None:
    """A run whose process died is failed, so that its work is requested again; Dagster's own launcher does the same.

    The process also seems to end when the warm server dies, although the run goes on: its lock shows that.
    """
    process.join()
    while True:
        # Without the database nothing is known about the run, and nothing can be reported.
        with contextlib.suppress(Exception):
            if lock_key(run_id) not in held_locks(database_url()):
                return end_run(instance, run_id, f"The run's process ended unexpectedly, code {process.exitcode}.")
        time.sleep(WATCH_SECONDS)
