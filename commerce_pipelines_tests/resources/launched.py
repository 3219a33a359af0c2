"""The job that the tests of the launcher start in processes of its own, importable by name."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

import os
import signal
import time

import dagster as dg

POOL = "launched"


@dg.op(pool=POOL, retry_policy=dg.RetryPolicy(max_retries=3, delay=1))
def work(context: dg.OpExecutionContext) -> None:
    if folder := context.run.tags.get("folder"):
        with open(folder, "w") as file:
            file.write(str(os.getpid()))
    if context.run.tags.get("ending") == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if context.run.tags.get("ending") == "failed":
        raise dg.Failure("on purpose", allow_retries=False)
    while context.run.tags.get("ending") == "deaf":
        try:
            time.sleep(0.05)
        except BaseException:  # noqa: S112 - on purpose: a step that no interrupt ends
            continue
    while context.run.tags.get("ending") == "never":
        time.sleep(0.05)
    while context.run.tags.get("ending") == "gate" and not os.path.exists(f"{folder}.go"):
        time.sleep(0.05)


@dg.job(executor_def=dg.in_process_executor)
def job() -> None:
    work()


@dg.op
def look_around(context: dg.OpExecutionContext) -> None:
    """Needs no pool."""


@dg.job(executor_def=dg.in_process_executor)
def free_job() -> None:
    look_around()
