"""Runs start warm: each is forked from a process that has imported Dagster and pandas already, and nothing of ours.

A run started anew costs 5 to 7 CPU-seconds of imports before its first step, three runs at once on two cores ten
seconds and more; forked it costs half of one. Leave `run_launcher` out of dagster.yaml for Dagster's own way.

What belongs here: the one class that dagster.yaml names. What does not: when a run is due (sensors/), its steps
(assets/).
"""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.process import BaseProcess
from typing import Any

from dagster._core.instance import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._serdes import ConfigurableClass, ConfigurableClassData, deserialize_value, serialize_value

# What runs import; not our own modules, so that a run executes the code on disk as it does with Dagster's launcher.
PRELOADED = (
    "dagster", "dagster._cli.api", "dagster._core.execution.run_cancellation_thread", "dagster._daemon.cli",
    "dagster_postgres", "psycopg2", "pandas", "pyarrow", "requests", "odoorpc", "msgspec", "zstandard",
)  # fmt: skip


class WarmLauncher(RunLauncher, ConfigurableClass):
    """Forks runs of a server that the daemon starts with its first run and that ends with the daemon."""

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
        server = multiprocessing.get_context("forkserver")
        server.set_forkserver_preload(list(PRELOADED))
        process = server.Process(target=work, args=(serialize_value(instance.get_ref()), run_id), name=f"run {run_id}")
        process.start()
        threading.Thread(target=_watch, args=(process, instance, run_id), daemon=True).start()

    def terminate(self, run_id: str) -> bool:
        """The run looks every few seconds whether it shall end, on whichever machine and in whichever process it is."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return True


def work(instance_ref: str, run_id: str) -> None:
    """The run's own process: what `dagster api execute_run` does."""
    from dagster._cli.api import _execute_run_command_body
    from dagster._core.execution.run_cancellation_thread import start_run_cancellation_thread
    from dagster._utils.interrupts import capture_interrupts

    with capture_interrupts(), DagsterInstance.from_ref(deserialize_value(instance_ref, InstanceRef)) as instance:
        ending, done = start_run_cancellation_thread(instance, run_id)
        try:
            _execute_run_command_body(run_id, instance, lambda event: None, set_exit_code_on_failure=False)
        finally:
            done.set()
            ending.join()


def _watch(process: BaseProcess, instance: DagsterInstance, run_id: str) -> None:
    """A run whose process died is failed, so that it is tried again; Dagster's own launcher does the same."""
    process.join()
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    instance.report_engine_event(f"The run's process ended unexpectedly with code {process.exitcode}.", run)
    if run.status is DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run)
    else:
        instance.report_run_failed(run)
