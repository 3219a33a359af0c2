"""Places where a test may kill the process, to prove that a crash there loses and doubles nothing.

What belongs here: the function that the product calls, and the one by which a test arms it. What does not: a setting or
an environment variable: nothing outside of the tests can arm a failpoint.
"""

from __future__ import annotations

import os
import signal

_armed: set[str] = set()


def failpoint(name: str) -> None:
    """SIGKILL this process if a test armed `name`; otherwise nothing."""
    if name in _armed:
        os.kill(os.getpid(), signal.SIGKILL)


def arm(name: str) -> None:
    """Let `failpoint(name)` kill this process. For the tests' own processes."""
    _armed.add(name)
