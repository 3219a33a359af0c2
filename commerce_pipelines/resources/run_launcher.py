"""Runs start warm: each is forked from a process that has already imported Dagster, pandas and our own modules.

A run in a new process costs 5 to 7 CPU-seconds of imports before its first step, and three at once on two cores take
ten seconds or more; a forked run has them already. Leave `run_launcher` out of dagster.yaml to use Dagster's own
launcher.

What belongs here: the class that dagster.yaml names, and forking a run; the workers fork theirs here, too (worker.py).
What does not: when a run is due (sensors/), its steps (assets/).
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
from .dagster_internals import ConfigurableClass, ConfigurableClassData, LaunchRunContext, RunLauncher, serialize_value
from .run_health import KnowsByLock
from .run_life import end_run, held_locks, lock_key

WATCH_SECONDS = 2.0  # how often a run is checked whose process is no longer a child of ours


class WarmLauncher(KnowsByLock, RunLauncher, ConfigurableClass):
    """Forks runs from a server that ends with the daemon. `dev` starts it with the daemon, else the first run does."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
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
        process = fork_run(instance, run_id)
        threading.Thread(target=watch_run, args=(process, instance, run_id), daemon=True).start()


def fork_run(instance: dg.DagsterInstance, run_id: str) -> BaseProcess:
    """The run's own process, just started. It proves that it is alive by its lock."""
    server = multiprocessing.get_context("forkserver")
    warm_server.start()
    process = server.Process(target=work, args=(serialize_value(instance.get_ref()), run_id), name=f"run {run_id}")
    process.start()
    return process


def work(instance_ref: str, run_id: str) -> None:
    """The run's own process. Its code is that on disk."""
    from . import warm_modules

    warm_modules.forget_if_changed()
    from .run_process import execute

    execute(instance_ref, run_id)


def watch_run(process: BaseProcess, instance: dg.DagsterInstance, run_id: str) -> None:
    """Wait for the run's end. A run whose process died is failed, so that its work is requested again; Dagster's own
    launcher does the same.

    The process also seems to end when the warm server dies, although the run goes on: its lock shows that.
    """
    process.join()
    while True:
        # Without the database nothing is known about the run, and nothing can be reported.
        with contextlib.suppress(Exception):
            if lock_key(run_id) not in held_locks(database_url()):
                return end_run(instance, run_id, f"The run's process ended unexpectedly, code {process.exitcode}.")
        time.sleep(WATCH_SECONDS)
