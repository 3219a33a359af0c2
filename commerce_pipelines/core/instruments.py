"""Time and chance: the current time, a stopwatch, a pause and a random number, handed to whoever needs them.

What belongs here: the four instruments and the real ones. What does not: what is done with them. Elsewhere
`datetime.now`, `time.sleep`, `time.monotonic` and `random` are banned by lint, so that every rule about time is tested
without a wait.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Instruments:
    """now: the current time, in UTC. clock: seconds that only grow, for measuring. sleep: waits so many seconds.
    jitter: a random number from 0 to below 1."""

    now: Callable[[], datetime]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]


REAL = Instruments(now=lambda: datetime.now(UTC), clock=time.monotonic, sleep=time.sleep, jitter=random.random)
