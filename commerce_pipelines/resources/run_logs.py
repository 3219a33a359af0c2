"""What a run prints: kept in files for Dagster's page of the run, and passed on to where its service writes.

Dagster's own class starts four processes for that in each run, two of which are a Python: a tenth of what a short run
costs. Here two threads of the run do it.

What belongs here: the class that dagster.yaml names. What does not: what is printed, and how long it is kept
(pruning.py).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .dagster_internals import (
    IO_TYPE_EXTENSION,
    CapturedLogContext,
    ComputeIOType,
    ConfigurableClassData,
    LocalComputeLogManager,
    redirect_to_file,
)

PASSED_ON_SECONDS = 0.5  # how late a line reaches the service's own output; in the file it is at once
STREAMS = {"stdout": ComputeIOType.STDOUT, "stderr": ComputeIOType.STDERR}


class RunLogs(LocalComputeLogManager):
    """Dagster's own, except that no process is started."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> RunLogs:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        out, err = (
            (getattr(sys, name), Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])))
            for name, kind in STREAMS.items()
        )
        with _keep_in(*out), _keep_in(*err):
            yield CapturedLogContext(log_key)
        complete = Path(self.complete_artifact_path(log_key))  # by which Dagster knows that nothing more comes
        complete.parent.mkdir(parents=True, exist_ok=True)  # somebody may have deleted it meanwhile
        complete.touch()


@contextmanager
def _keep_in(stream: IO[str], path: Path) -> Iterator[None]:
    """Within the block the stream's file descriptor leads to the file, also for libraries and child processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        before = os.dup(stream.fileno())
    except (AttributeError, OSError):  # no file, as in some tests: nothing to redirect
        yield
        return
    ended = threading.Event()
    with path.open("rb") as written, os.fdopen(before, "wb", buffering=0) as service:
        written.seek(0, os.SEEK_END)  # a file that is there is an earlier try's
        follower = threading.Thread(target=_follow, args=(written, service, ended), name="run logs", daemon=True)
        follower.start()
        try:
            with redirect_to_file(stream, str(path)):
                yield
        finally:
            ended.set()
            follower.join()


def _follow(written: IO[bytes], service: IO[bytes], ended: threading.Event) -> None:
    """Until the end, and what came last."""
    last = False
    while not last:
        last = ended.wait(PASSED_ON_SECONDS)
        with suppress(OSError):  # a service whose output nobody takes any more: the file has it
            while chunk := written.read(1 << 16):
                service.write(chunk)
