"""One budget per (account, operation), and one per (account, API) where the vendor counts by day.

What belongs here: the protocols for stores of buckets and access tokens. What does not: the arithmetic of a bucket
(core/throttle.py, exported here too), the numbers (each marketplace's api/ has its table), waiting (session.py), the
shared stores (warehouse/shared/buckets.py, warehouse/shared/tokens.py).
"""

from __future__ import annotations

from typing import Protocol

from ...core.throttle import Bucket, Plan, Priority, Quota, Rate, take

__all__ = ["Bucket", "BucketStore", "Plan", "Priority", "Quota", "Rate", "TokenSource", "TokenStore", "take"]


class BucketStore(Protocol):
    """A store of buckets, shared by all processes (database) or used by one (memory)."""

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
        """Take tokens from the bucket `key` in one atomic step and return 0.0. If it has too few, take nothing and
        return the seconds after which to ask again. need, priority: as in core/throttle.py. plan: holds until another
        is learned. waited: the seconds that the caller waited, for the record."""
        ...

    def learn(self, key: str, plan: Plan, *, left: float | None = None, cost: float = 0.0) -> None:
        """The vendor states its limit. left: what it says is left; cost: what a call cost beyond what was taken."""
        ...

    def close(self, key: str, seconds: float, *, empty: bool) -> None:
        """The vendor refused a call because of its rate: nobody may call for `seconds`. empty: the vendor says that the
        quota is used up, so the bucket is emptied too, and a learned limit is forgotten."""
        ...


class TokenStore(Protocol):
    """Access tokens shared by all processes, so that two runs never refresh the same token twice."""

    def get(self, key: str, renew: TokenSource, rejected: str | None = None) -> str:
        """A valid token for `key`. rejected: a token that the channel just refused with 401. If the store still holds
        that token it is renewed (once, under a lock); if another process has renewed it meanwhile, the new one is
        returned."""
        ...


class TokenSource(Protocol):
    def __call__(self) -> tuple[str, float]:
        """Mint a token: (token, seconds it is valid)."""
        ...
