"""Places where a test may kill the process, to prove that a crash there loses and doubles nothing.

What belongs here: the one function. What does not: anything that the product's own behaviour depends on.
"""

from __future__ import annotations

import os
import signal


def failpoint(name: str) -> None:
    """SIGKILL this process if the environment variable COMMERCE_FAILPOINT is `name`; otherwise nothing."""
    if os.environ.get("COMMERCE_FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
