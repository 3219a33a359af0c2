"""The arithmetic of a token bucket: how long a call must wait so that a vendor's rate is never exceeded.

What belongs here: the pure step from one state of a bucket to the next. What does not: the numbers (each marketplace's
api/ has its table), waiting (channels/), where buckets are kept (warehouse/shared/buckets.py).
"""

from __future__ import annotations

import msgspec

ROUNDING = 1e-6  # tokens: a wait is computed in binary fractions and may end slightly too early


class Rate(msgspec.Struct, frozen=True):
    """A vendor's rate: per_second tokens flow in, at most `burst` are kept (Amazon: 0.0056/s, burst 20)."""

    per_second: float
    burst: float


class Bucket(msgspec.Struct, frozen=True):
    """The tokens that are available at the instant `at` (seconds of any clock that only goes forward)."""

    tokens: float
    at: float


def take(bucket: Bucket | None, rate: Rate, now: float, cost: float = 1.0) -> tuple[Bucket, float]:
    """Spend `cost` tokens if the bucket has them: returns (the bucket afterwards, 0.0). Otherwise nothing is spent:
    returns (the bucket as it is now, the seconds until it has them), and the caller asks again then.

    A caller that waits holds no token, so that a caller that is killed while it waits leaves nothing behind. For a cost
    above `burst` the bucket fills up to that cost. A negative cost gives tokens back. A clock that was set back yields
    no tokens.
    """
    if bucket is None:
        bucket = Bucket(rate.burst, now)
    elapsed = max(0.0, now - bucket.at)
    tokens = min(max(rate.burst, cost), bucket.tokens + elapsed * rate.per_second)
    at = max(now, bucket.at)
    if cost - tokens > ROUNDING:
        return Bucket(tokens, at), (cost - tokens) / rate.per_second
    return Bucket(min(rate.burst, max(0.0, tokens - cost)), at), 0.0
