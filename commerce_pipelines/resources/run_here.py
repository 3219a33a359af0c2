"""A run in this very process that Dagster's UI shows like any other: recorded, alive by its lock, ended by Terminate.

What belongs here: executing one of our jobs outside the daemon, for a command that waits for it. What does not: which
job and days (cli/backfill.py), runs that the daemon starts (run_launcher.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from ..core.errors import TransientError
from ..warehouse.server.server import database_url
from .dagster_internals import (
    ActiveExecution,
    DagsterExecutionInterruptedError,
    InMemoryJob,
    capture_interrupts,
    execute_run,
)
from .run_life import RunLife, end_run, held_locks, lock_key
from .run_process import wait_by


def open_instance(home: Path) -> dg.DagsterInstance:
    """Dagster's instance: that of $DAGSTER_HOME, else that of `home`. Both keep their runs in our own database."""
    return dg.DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else dg.DagsterInstance.from_config(str(home))


def run_here(instance: dg.DagsterInstance, job: dg.JobDefinition, tags: Mapping[str, str]) -> dg.DagsterRun:
    """Execute the job and return the finished run. Raises TransientError if the run was ended from outside, and
    KeyboardInterrupt after Ctrl-C."""
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    run = instance.create_run_for_job(job_def=job, run_config=quiet, tags={**job.run_tags, **tags})
    loop = ActiveExecution.get_next_step, ActiveExecution.sleep_til_ready
    try:
        with capture_interrupts(), RunLife(database_url(), run.run_id) as life:
            wait_by(life)
            execute_run(InMemoryJob(job), run, instance)
    except DagsterExecutionInterruptedError:
        if not life.called_off:
            raise KeyboardInterrupt from None
        raise TransientError(f"Run {run.run_id} was ended before it was done.") from None
    finally:
        ActiveExecution.get_next_step, ActiveExecution.sleep_til_ready = loop  # type: ignore[method-assign]
    finished = instance.get_run_by_id(run.run_id)
    return finished or run


def end_left_behind(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> None:
    """End the runs with these tags whose process is gone: those of a killed command."""
    unfinished = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    left = instance.get_runs(dg.RunsFilter(tags=tags, statuses=unfinished))
    held = held_locks(database_url()) if left else set()
    for run in left:
        if lock_key(run.run_id) not in held:
            end_run(instance, run.run_id, "The run's process is gone: its command was killed.")
