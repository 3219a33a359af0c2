"""One part of `dev` as a process: `python -m commerce_pipelines.cli.part MODULE [ARGUMENT …]` runs a module.

The part ends with the process that started it, whatever ended that process: a part without its supervisor would keep
its port and its place in the database, and nobody would watch it.

What belongs here: tying a process to its parent. What does not: which parts there are (dev.py), restarting them
(supervisor.py). It imports only the standard library, so that it does not slow down the start of a part.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent() -> None:
    """Let Linux send SIGTERM when the parent is gone. On other systems a killed supervisor leaves its parts running."""
    if sys.platform == "linux":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a parent that ignores the signal would hand that down
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent was gone before the call
            os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
