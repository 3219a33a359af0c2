"""Call budgets shared by all processes: one row per bucket, changed under the row's lock, by the database's clock.

What belongs here: where buckets are kept, and what was used of them today. What does not: their arithmetic
(core/throttle.py), the vendors' numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from ...core.throttle import PACIFIC, Bucket, Claim, Plan, Priority, Quota, Rate, available, correct, take
from ..tables.database import Warehouse

_CLOCK = "extract(epoch FROM clock_timestamp())::double precision"
_claims = msgspec.json.Decoder(tuple[Claim, ...])
_COLUMNS = "tokens, at, closed_until, per_second, capacity, daily, learned_at, claims, day, used, waited"
_SAVED = ("tokens", "at", "closed_until", "per_second", "capacity", "daily", "learned_at", "claims", "day", "used",
          "waited")  # fmt: skip


class Row(msgspec.Struct, kw_only=True):
    """A bucket's row. day: the day that `used` and `waited` are of, UTC, for a quota the vendor's."""

    tokens: float
    at: float
    closed_until: float = 0.0
    per_second: float = 0.0
    capacity: float = 0.0
    daily: bool = False
    learned_at: float | None = None
    claims: str = "[]"
    day: date | None = None
    used: float = 0.0
    waited: float = 0.0

    @property
    def plan(self) -> Plan | None:
        """The limit that held for the last call, None before it."""
        if not self.capacity:
            return None
        return Quota(self.capacity) if self.daily else Rate(self.per_second, self.capacity)

    @property
    def bucket(self) -> Bucket:
        return Bucket(self.tokens, self.at, _claims.decode(self.claims))

    def put(self, bucket: Bucket, plan: Plan) -> None:
        self.tokens, self.at = bucket.tokens, bucket.at
        self.claims = msgspec.json.encode(bucket.claims).decode()
        self.capacity, self.daily = plan.capacity, isinstance(plan, Quota)
        self.per_second = plan.per_second if isinstance(plan, Rate) else 0.0

    def count(self, now: float, used: float, waited: float) -> None:
        """Add to the day's figures; a new day begins at nothing."""
        if (today := _find_day(now, self.daily)) != self.day:
            self.day, self.used, self.waited = today, 0.0, 0.0
        self.used, self.waited = max(0.0, self.used + used), self.waited + waited


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A budget as people see it. used, waited: tokens and seconds of today. closed: seconds until it opens again.
    learned_at: None where the limit is our own table's."""

    key: str
    plan: Plan
    left: float
    used: float
    waited: float
    closed: float
    learned_at: datetime | None


class DatabaseBuckets:
    """The channels' BucketStore. Every call is a transaction of its own, so that no caller delays another.

    clock: seconds since 1970, for tests; otherwise the database's clock, which all machines share.
    """

    def __init__(self, warehouse: Warehouse, clock: Callable[[], float] | None = None) -> None:
        self._warehouse, self._clock = warehouse, clock

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
        """Take `cost` tokens from the bucket and return 0.0; or take nothing and return the seconds to wait."""
        with self._lock_row(key, plan) as (row, now):
            if row.closed_until > now:
                return row.closed_until - now
            if row.learned_at is not None and row.plan:
                plan = row.plan
            bucket, wait = take(row.bucket, plan, now, cost, need=need, priority=priority)
            row.put(bucket, plan)
            if not wait:
                row.count(now, cost, waited)
        return wait

    def learn(self, key: str, plan: Plan, *, left: float | None = None, cost: float = 0.0) -> None:
        """The vendor states its limit, and what is left of it."""
        with self._lock_row(key, plan) as (row, now):
            row.put(correct(row.bucket, plan, now, left=left, cost=cost), plan)
            row.learned_at = now
            row.count(now, cost, 0.0)

    def close(self, key: str, seconds: float, *, empty: bool) -> None:
        """No call for `seconds`. empty: one call may go out afterwards, and the rest follow at the rate."""
        with self._lock_row(key, None) as (row, now):
            row.closed_until = max(row.closed_until, now + seconds)
            if empty:
                row.tokens, row.at, row.learned_at = 1.0, max(row.at, now + seconds), None

    def read(self) -> list[Budget]:
        """All budgets that were ever used, by their keys."""
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                f"SELECT key, {self._write_clock()}, {_COLUMNS} FROM commerce.buckets WHERE capacity > 0 ORDER BY key"
            )
            rows = [(key, now, Row(**dict(zip(_SAVED, rest, strict=True)))) for key, now, *rest in cursor.fetchall()]
        return [_describe(key, row, now) for key, now, row in rows]

    @contextmanager
    def _lock_row(self, key: str, plan: Plan | None) -> Iterator[tuple[Row, float]]:
        """The bucket's row, locked, and the time. What was changed of the row is saved. plan: fills a new bucket."""
        # The clock is read outside the subquery, after the row is locked, because waiting for the lock takes time.
        row_of_key = f"SELECT {_COLUMNS} FROM commerce.buckets WHERE key = %s FOR UPDATE"
        mine = f"SELECT {self._write_clock()}, mine.* FROM ({row_of_key}) AS mine"
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(mine, (key,))
            if (record := cursor.fetchone()) is None:
                cursor.execute(
                    f"INSERT INTO commerce.buckets (key, tokens, at) VALUES (%s, %s, {self._write_clock()})"
                    " ON CONFLICT DO NOTHING",
                    (key, plan.capacity if plan else 1.0),
                )
                cursor.execute(mine, (key,))
                record = cursor.fetchone() or ()
            now, *values = record
            row = Row(**dict(zip(_SAVED, values, strict=True)))
            yield row, float(now)
            changed: list[Any] = [getattr(row, column) for column in _SAVED]
            if changed != values:
                places = ", ".join(f"{column} = %s" for column in _SAVED)
                cursor.execute(f"UPDATE commerce.buckets SET {places} WHERE key = %s", (*changed, key))

    def _write_clock(self) -> str:
        """The instant, as SQL."""
        return _CLOCK if self._clock is None else f"{self._clock()!r}::double precision"


def _find_day(now: float, daily: bool) -> date:
    return datetime.fromtimestamp(now, PACIFIC if daily else UTC).date()


def _describe(key: str, row: Row, now: float) -> Budget:
    plan = row.plan or Rate(0.0, 0.0)
    row.count(now, 0.0, 0.0)
    return Budget(
        key=key,
        plan=plan,
        left=available(row.bucket, plan, now),
        used=row.used,
        waited=row.waited,
        closed=max(0.0, row.closed_until - now),
        learned_at=None if row.learned_at is None else datetime.fromtimestamp(row.learned_at, UTC),
    )
