"""What is on record of listings that were to be made: the newest effect of each, and how many were begun today.

What belongs here: reading the outbox for this flow, SKUs that a channel offers. What does not: recording effects
(warehouse/outbox/effects.py), deciding (domain/content/new_listings.py).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ...domain.content.new_listings import Made
from ...domain.outbox.effects import Kind, Status

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

DAY = timedelta(hours=24)


def load_made(connection: Connection, channel: str) -> dict[str, Made]:
    """By the key of each listing that was ever planned. A reference that an earlier effect was given stays: what that
    one began is gone on with."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (e.key) e.key, e.status, e.digest, coalesce(a.code, ''),"
            " coalesce(nullif(e.reference, ''), (SELECT r.reference FROM commerce.effects r WHERE r.target = e.target"
            " AND r.kind = e.kind AND r.key = e.key AND r.reference <> '' ORDER BY r.sequence DESC LIMIT 1), ''),"
            " e.attempt, ARRAY(SELECT offer ->> 'sku' FROM jsonb_array_elements(e.body::jsonb -> 'offers') AS offer)"
            " FROM commerce.effects e"
            " LEFT JOIN commerce.attempts a ON a.effect = e.sequence AND a.number = e.attempt"
            " WHERE e.target = %s AND e.kind = %s AND e.status <> 'superseded' ORDER BY e.key, e.sequence DESC",
            (channel, Kind.LISTING),
        )
        # Held after an attempt: nobody knows whether it is there.
        return {
            key: Made(
                status=Status.UNKNOWN if status == Status.HELD and attempt else Status(status), digest=digest,
                code=code, reference=reference, skus=tuple(skus),
            )
            for key, status, digest, code, reference, attempt, skus in cursor
        }  # fmt: skip


def count_begun(connection: Connection, channel: str) -> int:
    """Listings that were begun within a day and that the channel did not refuse."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM commerce.effects e WHERE target = %s AND kind = %s AND attempt > 0"
            " AND status <> 'refused' AND (SELECT min(started_at) FROM commerce.attempts a"
            " WHERE a.effect = e.sequence) > clock_timestamp() - %s",
            (channel, Kind.LISTING, DAY),
        )
        return int(cursor.fetchone()[0])  # type: ignore[index]


def load_skus(connection: Connection, channel: str) -> set[str]:
    """SKUs of every listing in the last readings of the channel, for stock and for content."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sku FROM commerce.listings WHERE channel = %(channel)s AND sku <> '' UNION"
            " SELECT jsonb_array_elements_text(body::jsonb -> 'skus') FROM commerce.content_listings"
            " WHERE channel = %(channel)s",
            {"channel": channel},
        )
        return {sku for (sku,) in cursor if sku}
