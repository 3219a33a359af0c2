"""Pushes on record: written before they are sent, settled by their answers; and one line about each run.

What belongs here: writing these rows. What does not: when to push (flows/outbox/dispatch.py), what listings are
believed to show (inventory/rows.py). Import it inside functions: it loads pandas.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ...domain.inventory.listings import PushOutcome
from ...domain.inventory.publishing import Figures
from ..tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


KEEP = timedelta(days=90)  # how long superseded pushes and past runs stay on record


def found_out(connection: Connection, channel: str, keys: Sequence[str]) -> dict[str, dict[str, str]]:
    """What earlier pushes found out about listings, by key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, reference FROM commerce.listing_references WHERE channel = %s AND key = ANY(%s)",
            (channel, list(keys)),
        )
        return {key: json.loads(reference) for key, reference in cursor}


def begin(connection: Connection, channel: str, rows: Sequence[Mapping[str, Any]], run_id: str) -> list[int]:
    """Put pushes on record as `sent`, before they are; returns their sequences, ever growing.

    rows: key, sku, location, before, quantity, free, taken_at and `token`, a function of the sequence.
    """
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval('commerce.push_sequence'), clock_timestamp() FROM generate_series(1, %s)", (len(rows),)
        )
        drawn = cursor.fetchall()
        execute_values(
            cursor,
            "INSERT INTO commerce.published_inventory (channel, key, sequence, sku, location, before, quantity, free,"
            " token, status, run_id, taken_at, started_at) VALUES %s",
            [
                (channel, row["key"], sequence, row["sku"], row["location"], row["before"], row["quantity"],
                 row["free"], row["token"](sequence), "sent", run_id, row["taken_at"], at)
                for row, (sequence, at) in zip(rows, drawn, strict=True)
            ],
            page_size=1000,
        )  # fmt: skip
    return [sequence for sequence, _ in drawn]


def settle(connection: Connection, channel: str, outcomes: Sequence[tuple[int, PushOutcome]]) -> None:
    """Write down what became of pushes, each in its own row: an answer that comes late changes no newer figure.

    A failed attempt leaves its mark (`unsure_at`) even where a later one is accepted: it may still reach the channel.
    What the push found out about a listing is kept for later ones.
    """
    from psycopg2.extras import execute_values

    references = {one.key: one.reference for _, one in outcomes if one.reference}

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "UPDATE commerce.published_inventory p SET status = v.status, code = v.code, message = v.message,"
            " settled_at = clock_timestamp(), unsure_at = CASE WHEN v.status = 'failed' THEN clock_timestamp()"
            " ELSE p.unsure_at END FROM (VALUES %s) AS v (channel, key, sequence, status, code, message)"
            " WHERE p.channel = v.channel AND p.key = v.key AND p.sequence = v.sequence",
            [(channel, one.key, sequence, one.status, storable(one.code)[:200], storable(one.message)[:500])
             for sequence, one in outcomes],
            page_size=1000,
        )  # fmt: skip
        execute_values(
            cursor,
            "INSERT INTO commerce.listing_references AS r (channel, key, reference) VALUES %s"
            " ON CONFLICT (channel, key) DO UPDATE SET reference = r.reference::jsonb || EXCLUDED.reference::jsonb",
            [(channel, key, json.dumps(found)) for key, found in references.items()],
            page_size=1000,
        )


def record_run(
    connection: Connection, channel: str, run_id: str, taken_at: datetime, figures: Figures, outcomes: Mapping[str, int]
) -> None:
    """One line about a run that the breaker let pass; the next one compares its read with this one's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.inventory_runs (channel, at, run_id, taken_at, listings, changed, zeroed, read,"
            " outcomes) VALUES (%s, clock_timestamp(), %s, %s, %s, %s, %s, %s, %s)",
            (channel, run_id, taken_at, figures.listings, figures.changed, figures.zeroed, figures.read,
             json.dumps(dict(outcomes), sort_keys=True)),
        )  # fmt: skip
        cursor.execute(
            "DELETE FROM commerce.inventory_runs WHERE channel = %s AND at < clock_timestamp() - %s", (channel, KEEP)
        )


def last_read(connection: Connection, channel: str) -> int:
    """How many products had stock in the read that was published last; 0 before the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT read FROM commerce.inventory_runs WHERE channel = %s ORDER BY at DESC LIMIT 1", (channel,)
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0
