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
    """The channels' BucketStore. Every call is a transaction of its own, so that no caller delays another."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def take(self, key: str, rate: Rate, cost: float = 1.0) -> float:
        """Take `cost` tokens from the bucket and return 0.0; or take nothing and return the seconds to wait."""
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
            if closed_until > now:
                return float(closed_until - now)
            bucket, wait = take(Bucket(tokens, at), rate, now, cost)
            cursor.execute(
                "UPDATE commerce.buckets SET tokens = %s, at = %s WHERE key = %s", (bucket.tokens, bucket.at, key)
            )
        return wait

    def close(self, key: str, seconds: float, *, empty: bool) -> None:
        """No call for `seconds`. empty: one call may go out afterwards, and the rest follow at the rate."""
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO commerce.buckets (key, tokens, at) VALUES (%s, 1, {_CLOCK}) ON CONFLICT DO NOTHING",
                (key,),
            )
            cursor.execute(
                f"""UPDATE commerce.buckets SET closed_until = greatest(closed_until, {_CLOCK} + %(seconds)s),
                tokens = CASE WHEN %(empty)s THEN least(tokens, 1) ELSE tokens END,
                at = CASE WHEN %(empty)s THEN greatest(at, {_CLOCK} + %(seconds)s) ELSE at END
                WHERE key = %(key)s""",
                {"key": key, "seconds": seconds, "empty": empty},
            )
