"""One part of `dev` as a process: `python -m commerce_pipelines.cli.part [--yield] MODULE [ARGUMENT …]` runs a module.

The part ends with the process that started it, whatever ended that process: a part without its supervisor would keep
its port and its place in the database, and nobody would watch it.

What belongs here: tying a process to its parent, its place beside the other parts. What does not: which parts there
are (dev.py), restarting them (supervisor.py). It imports only the standard library, so that it
does not slow down the start of a part.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

# What a part raises that is asked to end; Dagster's own is named, because importing it takes seconds.
INTERRUPTS = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
CODE_SOCKET = "COMMERCE_CODE_SOCKET"
WAIT_SECONDS = 0.1
PATIENCE_SECONDS = 120.0  # with the code servers of groups: one that cannot start must not hold up the other channels
YIELDING = 5  # niceness; with much more, a busy machine would not let the part answer at all
_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent() -> None:
    """Let Linux send SIGTERM when the parent is gone. On other systems a killed supervisor leaves its parts running."""
    if sys.platform == "linux":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a parent that ignores the signal would hand that down
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent was gone before the call
            os.kill(os.getpid(), signal.SIGTERM)


def wait_for_code(
    environ: Mapping[str, str], pause: Callable[[float], None] = time.sleep, *, for_seconds: float = 0.0,
    now: Callable[[], float] = time.time,
) -> None:  # fmt: skip
    """Wait until each code server has listened for some seconds on its socket, of which `dev` names all in CODE_SOCKET;
    without any, return at once. For the first one however long it takes; one that comes later is found later.

    A part imports what it needs first and waits then: one after the other, their imports would hold up the orders.
    """
    waited = 0.0
    for number, path in enumerate(filter(None, environ.get(CODE_SOCKET, "").split(os.pathsep))):
        while not _has_listened(path, for_seconds, now) and waited < PATIENCE_SECONDS:
            pause(WAIT_SECONDS)
            waited += WAIT_SECONDS if number else 0.0


def _has_listened(path: str, for_seconds: float, now: Callable[[], float]) -> bool:
    with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
        # The socket is as old as the server that listens on it, so a part that is restarted alone does not wait.
        return probe.connect_ex(path) == 0 and now() - os.stat(path).st_mtime >= for_seconds
    return False


def yield_to_others() -> None:
    """Let the other parts have the processor first."""
    os.nice(YIELDING)
    # Linux may weigh sessions instead of processes (sched(7), autogroup), and each part has a session of its own.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(YIELDING), encoding="ascii")


if __name__ == "__main__":
    end_with_parent()
    sys.argv = sys.argv[1:]
    # A part that is ended while it still imports has nothing to tidy up, and nothing to say about it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[0] == "--yield":
        yield_to_others()
        sys.argv = sys.argv[1:]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except BaseException as error:
        if type(error).__name__ not in INTERRUPTS:
            raise
        sys.exit(128 + signal.SIGINT)
