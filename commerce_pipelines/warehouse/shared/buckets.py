"""Rate limits shared by all processes: one row per bucket, changed under the row's lock, by the database's clock.

What belongs here: where buckets are kept. What does not: their arithmetic (core/throttle.py), the vendors' numbers.
"""

from __future__ import annotations

from ...core.throttle import Bucket, Rate, take
from ..tables.database import Warehouse

_CLOCK = "extract(epoch FROM clock_timestamp())::double precision"
# The clock is read outside the subquery, after the row is locked, because waiting for the lock takes time.
_MINE = f"""SELECT tokens, at, closed_until, {_CLOCK} FROM (
    SELECT tokens, at, closed_until FROM commerce.buckets WHERE key = %s FOR UPDATE) AS mine"""


class DatabaseBuckets:
    """The channels' BucketStore. Every reservation is a transaction of its own, so that no caller delays another."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def reserve(self, key: str, rate: Rate, cost: float = 1.0) -> float:
        """Take `cost` tokens from the bucket; returns the seconds to wait before the call may go out."""
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(_MINE, (key,))
            if (row := cursor.fetchone()) is None:
                cursor.execute(
                    f"INSERT INTO commerce.buckets (key, tokens, at) VALUES (%s, %s, {_CLOCK}) ON CONFLICT DO NOTHING",
                    (key, rate.burst),
                )
                cursor.execute(_MINE, (key,))
                row = cursor.fetchone() or (rate.burst, 0.0, 0.0, 0.0)
            tokens, at, closed_until, now = row
            bucket, wait = take(Bucket(tokens, at), rate, now, cost)
            cursor.execute(
                "UPDATE commerce.buckets SET tokens = %s, at = %s WHERE key = %s", (bucket.tokens, bucket.at, key)
            )
        closed: float = closed_until - now
        return max(wait, closed, 0.0)

    def drain(self, key: str, seconds: float) -> None:
        """The vendor answered 429: no call for `seconds`, and the bucket is empty."""
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                f"""INSERT INTO commerce.buckets AS known (key, tokens, at, closed_until)
                VALUES (%s, 0, {_CLOCK}, {_CLOCK} + %s) ON CONFLICT (key) DO UPDATE SET
                tokens = least(known.tokens, 0), at = greatest(known.at, excluded.at),
                closed_until = greatest(known.closed_until, excluded.closed_until)""",
                (key, seconds),
            )
