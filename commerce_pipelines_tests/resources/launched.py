"""The job that test_run_launcher.py starts in processes of its own, importable by name."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

import os
import signal
import time

import dagster as dg


@dg.op
def work(context: dg.OpExecutionContext) -> None:
    if folder := context.run.tags.get("folder"):
        with open(folder, "w") as file:
            file.write(str(os.getpid()))
    if context.run.tags.get("ending") == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if context.run.tags.get("ending") == "failed":
        raise RuntimeError("on purpose")
    while context.run.tags.get("ending") == "never":
        time.sleep(0.05)


@dg.job(executor_def=dg.in_process_executor)
def job() -> None:
    work()
