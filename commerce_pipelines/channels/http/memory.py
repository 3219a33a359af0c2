"""Rate limits and access tokens of one process: for tests, benchmarks and small tools.

What belongs here: the in-process BucketStore and TokenStore. What does not: the shared ones (warehouse/), which every
run uses, because two processes of one account share the vendor's limits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ...core.instruments import REAL
from ...core.throttle import correct
from ...core.token_life import used_seconds
from .throttle import Bucket, Plan, Priority, TokenSource, take


class MemoryBuckets:
    """BucketStore of one process. `clock` gives seconds and only goes forward."""

    def __init__(self, clock: Callable[[], float] = REAL.clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._learned: dict[str, Plan] = {}
        self._closed_until: dict[str, float] = {}

    def take(
        self,
        key: str,
        plan: Plan,
        cost: float = 1.0,
        *,
        need: float = 0.0,
        priority: Priority = Priority.ORDERS,
        waited: float = 0.0,
    ) -> float:
        with self._lock:
            now = self._clock()
            if (closed := self._closed_until.get(key, now) - now) > 0:
                return closed
            plan = self._learned.get(key, plan)
            self._buckets[key], wait = take(self._buckets.get(key), plan, now, cost, need=need, priority=priority)
            return wait

    def learn(self, key: str, plan: Plan, *, left: float | None = None, cost: float = 0.0) -> None:
        with self._lock:
            self._learned[key] = plan
            self._buckets[key] = correct(self._buckets.get(key), plan, self._clock(), left=left, cost=cost)

    def close(self, key: str, seconds: float, *, empty: bool) -> None:
        """No call for `seconds`. An emptied bucket has one token when it opens again, because the vendor named that
        instant."""
        with self._lock:
            until = self._clock() + seconds
            self._closed_until[key] = max(until, self._closed_until.get(key, until))
            if empty:
                self._learned.pop(key, None)
                bucket = self._buckets.get(key, Bucket(1.0, until))
                self._buckets[key] = Bucket(1.0, max(until, bucket.at))


class MemoryTokens:
    """TokenStore of one process: one lock per key, held while a token is minted, so nobody mints it twice."""

    def __init__(self, clock: Callable[[], float] = REAL.clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def get(self, key: str, renew: TokenSource, rejected: str | None = None) -> str:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            token, good_until = self._tokens.get(key, ("", 0.0))
            if not token or token == rejected or self._clock() >= good_until:
                token, seconds = renew()
                self._tokens[key] = (token, self._clock() + used_seconds(seconds))
            return token
