"""Runs start warm: each is forked from a process that has imported Dagster and pandas already, and nothing of ours.

A run started anew costs 5 to 7 CPU-seconds of imports before its first step, three runs at once on two cores ten
seconds and more; forked it costs half of one. Leave `run_launcher` out of dagster.yaml for Dagster's own way.

What belongs here: the one class that dagster.yaml names. What does not: when a run is due (sensors/), its steps
(assets/).
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

WATCH_SECONDS = 2.0  # how often a run whose process is nobody's child any more is looked at

# What runs import; not our own modules, so that a run executes the code on disk as it does with Dagster's launcher.
PRELOADED = (
    "dagster", "dagster._cli.api", "dagster._daemon.cli",
    "dagster_postgres", "psycopg2", "pandas", "pyarrow", "requests", "odoorpc", "msgspec", "zstandard",
)  # fmt: skip


class WarmLauncher(RunLauncher, ConfigurableClass):
    """Forks runs of a server that the daemon starts with its first run and that ends with the daemon."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._unlocked_since: dict[str, float] = {}  # runs seen without their lock, on the monotonic clock
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
        server.set_forkserver_preload(list(PRELOADED))
        process = server.Process(target=work, args=(serialize_value(instance.get_ref()), run_id), name=f"run {run_id}")
        process.start()
        threading.Thread(target=_watch, args=(process, instance, run_id), daemon=True).start()

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process holds its lock. One that lost its connection has RETAKE_SECONDS to take it again.

        Dagster's monitoring fails a run of status FAILED; its slots are freed here, so that no run waits for them.
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
        """The run looks every two seconds whether it shall end, on whichever machine and in whichever process it is."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return True


def work(instance_ref: str, run_id: str) -> None:
    """The run's own process. What it needs of ours is imported here: the warm server holds none of it."""
    from .run_process import execute

    execute(instance_ref, run_id)


def _watch(process: BaseProcess, instance: dg.DagsterInstance, run_id: str) -> None:
    """A run whose process died is failed, so that its work is asked for again; Dagster's own launcher does the same.

    The process also seems to end when the warm server dies, while the run goes on: its lock says so.
    """
    process.join()
    while True:
        with contextlib.suppress(Exception):  # the database is away: nothing is known, and nothing could be reported
            if lock_key(run_id) not in held_locks(database_url()):
                return end_run(instance, run_id, f"The run's process ended unexpectedly, code {process.exitcode}.")
        time.sleep(WATCH_SECONDS)
