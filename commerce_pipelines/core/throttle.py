"""The arithmetic of a token bucket: how long a call must wait so that a vendor's rate is never exceeded.

What belongs here: the pure step from one state of a bucket to the next. What does not: the numbers (each marketplace's
api/ has its table), waiting (channels/), where buckets are kept (warehouse/shared/buckets.py).
"""

from __future__ import annotations

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """A vendor's rate: per_second tokens flow in, at most `burst` are kept (Amazon: 0.0056/s, burst 20)."""

    per_second: float
    burst: float


class Bucket(msgspec.Struct, frozen=True):
    """The tokens that are available at the instant `at` (seconds of any clock that only goes forward)."""

    tokens: float
    at: float


def take(bucket: Bucket | None, rate: Rate, now: float, cost: float = 1.0) -> tuple[Bucket, float]:
    """Spend `cost` tokens; returns the new bucket and the seconds to wait before the call may go out.

    Tokens may go negative: each caller takes its own place in the queue, so that two callers never start together. A
    clock that was set back yields no tokens.
    """
    if bucket is None:
        bucket = Bucket(rate.burst, now)
    elapsed = max(0.0, now - bucket.at)
    tokens = min(rate.burst, bucket.tokens + elapsed * rate.per_second) - cost
    wait = 0.0 if tokens >= 0 else -tokens / rate.per_second
    return Bucket(tokens, max(now, bucket.at)), wait
