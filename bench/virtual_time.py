"""Time that passes only while everybody sleeps: a day of calls in seconds, by several workers at once.

What belongs here: the clock, its workers, and how long calls travel. What does not: what is measured (pace.py).
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from commerce_pipelines.channels.http.throttle import BucketStore, Plan, Rate
from commerce_pipelines.core.instruments import Instruments

# Seconds that calls are under way, one after the other. They differ, so that calls arrive closer together than they
# left.
TRAVEL_SECONDS = (0.30, 0.12, 0.25, 0.08, 0.40, 0.15)


class VirtualTime:
    """One clock for the workers and the vendor. Of the workers, one works at a time, the one whose sleep ended first:
    so every run is the same. Outside of `run`, sleeping moves the clock at once."""

    def __init__(self, start: datetime) -> None:
        self._start, self._passed = start, 0.0
        self._condition = threading.Condition()
        self._sleeping: list[tuple[float, int, threading.Event]] = []
        self._numbers = itertools.count()
        self._workers: set[int] = set()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return self._passed

    def seconds(self) -> float:
        """Since 1970, as budgets of a day need it."""
        return self._start.timestamp() + self._passed

    def sleep(self, seconds: float) -> None:
        if threading.get_ident() not in self._workers:
            self._passed += seconds
            return
        self._wait_in_line(seconds).wait()

    def run(self, *works: Callable[[], None]) -> None:
        """Do all of this at once, and return when all is done. Raises the first error of a worker."""
        errors: list[BaseException] = []
        with self._condition:
            gates = [self._add(0.0) for _ in works]
        threads = [
            threading.Thread(target=self._work, args=(work, gate, errors), daemon=True)
            for work, gate in zip(works, gates, strict=True)
        ]
        for thread in threads:
            thread.start()
        self._wake_next()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def instruments(self) -> Instruments:
        return Instruments(now=self.now, clock=self.seconds, sleep=self.sleep, jitter=lambda: 0.0)

    def _work(self, work: Callable[[], None], gate: threading.Event, errors: list[BaseException]) -> None:
        gate.wait()
        self._workers.add(threading.get_ident())
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            self._workers.discard(threading.get_ident())
            self._wake_next()

    def _wait_in_line(self, seconds: float) -> threading.Event:
        with self._condition:
            gate = self._add(seconds)
        self._wake_next()
        return gate

    def _add(self, seconds: float) -> threading.Event:
        gate = threading.Event()
        heapq.heappush(self._sleeping, (self._passed + max(0.0, seconds), next(self._numbers), gate))
        return gate

    def _wake_next(self) -> None:
        with self._condition:
            if self._sleeping:
                at, _, gate = heapq.heappop(self._sleeping)
                self._passed = max(self._passed, at)
                gate.set()


class Travelling:
    """Budgets of a caller whose granted calls need time to arrive. travel: seconds, one call after the other."""

    def __init__(self, buckets: BucketStore, time: VirtualTime, travel: tuple[float, ...] = TRAVEL_SECONDS) -> None:
        self._buckets, self._time, self._travel = buckets, time, itertools.cycle(travel)
        self.learn, self.close = buckets.learn, buckets.close

    def take(self, key: str, plan: Plan, cost: float = 1.0, **more: Any) -> float:
        wait = self._buckets.take(key, plan, cost, **more)
        if not wait and isinstance(plan, Rate):  # a call that counts to a day's calls, too, travels once
            self._time.sleep(next(self._travel))
        return wait
