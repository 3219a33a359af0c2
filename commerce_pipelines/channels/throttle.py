"""One token bucket per (account, operation), with the vendor's own numbers.

What belongs here: the pure bucket arithmetic and the protocol of where buckets live. What does not: the numbers
(each channel's client.py has its table), waiting (http.py), the shared store (warehouse/buckets.py).
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """per_second tokens flow in, at most `burst` are kept (Amazon: 0.0056/s, burst 20)."""

    per_second: float
    burst: float


class Bucket(msgspec.Struct, frozen=True):
    """tokens available at the instant `at` (seconds on any clock that only goes forward)."""

    tokens: float
    at: float


def take(bucket: Bucket | None, rate: Rate, now: float, cost: float = 1.0) -> tuple[Bucket, float]:
    """Spend `cost` tokens; returns the new bucket and the seconds to wait before the call may go out.

    Tokens go negative: each caller reserves its own place in the queue, so two callers never wake together. A clock
    that went back never yields tokens.
    """
    if bucket is None:
        bucket = Bucket(rate.burst, now)
    elapsed = max(0.0, now - bucket.at)
    tokens = min(rate.burst, bucket.tokens + elapsed * rate.per_second) - cost
    wait = 0.0 if tokens >= 0 else -tokens / rate.per_second
    return Bucket(tokens, max(now, bucket.at)), wait


class BucketStore(Protocol):
    """Where buckets live. The store is shared by all processes (database) or by one (memory)."""

    def reserve(self, key: str, rate: Rate, cost: float = 1.0) -> float:
        """Atomically spend tokens of the bucket `key` and return the seconds to wait."""
        ...

    def drain(self, key: str, seconds: float) -> None:
        """The vendor answered 429: nobody may call for `seconds`."""
        ...


class TokenStore(Protocol):
    """Access tokens shared by all processes, so that two runs never refresh the same token twice."""

    def get(self, key: str, renew: TokenSource, rejected: str | None = None) -> str:
        """A valid token for `key`. `rejected` is a token that the channel just refused with 401: if the store still
        holds that one it is renewed (once, under a lock); if another process renewed it meanwhile, theirs is used."""
        ...


class TokenSource(Protocol):
    def __call__(self) -> tuple[str, float]:
        """Mint a token: (token, seconds it is valid)."""
        ...
