"""Listings as rows: the last complete reading of each channel.

What belongs here: replacing and reading that table. What does not: what listings probably show since then (rows.py).
Import it inside functions: it loads pandas.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from ...domain.inventory.listings import Listing
from ...domain.outbox.effects import Kind
from ..outbox import effects
from ..tables.frames import write_frame

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

READ_AGAIN_UP_TO = 5_000  # listings of a channel that is read again by day because some were made
LISTING_COLUMNS = ("channel", "key", "sku", "location", "title", "quantity", "fulfilled_by", "active", "reference",
                   "read_at")  # fmt: skip


def listing_of(row: Mapping[str, Any], quantity: int | None, found_out: Mapping[str, str]) -> Listing:
    """A stored row as a Listing. quantity: what the listing probably shows now. found_out: what earlier pushes found
    out about it."""
    fields = {name: row[name] for name in ("key", "sku", "location", "title", "active")}
    reference = json.loads(row["reference"]) | dict(found_out)
    return msgspec.convert(
        fields | {"fulfilled_by": row["fulfilled_by"], "reference": reference, "quantity": quantity}, Listing
    )


def store_listings(
    connection: Connection, channel: str, listings: Iterable[Listing], read_at: datetime,
    keep: timedelta = effects.EFFECTS_KEPT_FOR,
) -> pd.DataFrame:  # fmt: skip
    """Replace a channel's listings by these, read at `read_at`, of several with one key by the last; returns them as
    LISTING_COLUMNS. Superseded pushes that are older than `keep` are dropped. The caller holds the
    channel's lock."""
    rows = [
        (channel, row.key, row.sku, row.location, row.title, row.quantity, row.fulfilled_by.value, row.active,
         json.dumps(row.reference, sort_keys=True), read_at)
        for row in listings
    ]  # fmt: skip
    frame = pd.DataFrame.from_records(rows, columns=list(LISTING_COLUMNS))
    frame = frame.drop_duplicates("key", keep="last", ignore_index=True)
    frame = frame.astype({"quantity": "Int64", "active": "boolean"})
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.listings WHERE channel = %s", (channel,))
    effects.forget(connection, channel, Kind.QUANTITY, keep)
    write_frame(connection, "listings", frame)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.listing_references r WHERE channel = %s AND NOT EXISTS"
            " (SELECT FROM commerce.listings l WHERE l.channel = r.channel AND l.key = r.key)",
            (channel,),
        )
    return frame


def found_out(connection: Connection, channel: str, keys: Sequence[str]) -> dict[str, dict[str, str]]:
    """What earlier pushes found out about listings, by key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, reference FROM commerce.listing_references WHERE channel = %s AND key = ANY(%s)",
            (channel, list(keys)),
        )
        return {key: json.loads(reference) for key, reference in cursor}


def read_titles(connection: Connection, channel: str, keys: Sequence[str]) -> dict[str, str]:
    """What these listings are called, by key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, title FROM commerce.listings WHERE channel = %s AND key = ANY(%s)", (channel, list(keys))
        )
        return dict(cursor.fetchall())


def remember(connection: Connection, channel: str, references: Mapping[str, Mapping[str, str]]) -> None:
    """Add what pushes found out about listings to what is already on record."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.listing_references AS r (channel, key, reference) VALUES %s"
            " ON CONFLICT (channel, key) DO UPDATE SET reference = r.reference::jsonb || EXCLUDED.reference::jsonb",
            [(channel, key, json.dumps(reference)) for key, reference in references.items()],
            page_size=1000,
        )


def count(connection: Connection, channel: str) -> int:
    """How many listings the channel's last reading showed; 0 before the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce.listings WHERE channel = %s", (channel,))
        return int(cursor.fetchone()[0])  # type: ignore[index]


def has_made_listings(connection: Connection, channel: str) -> bool:
    """Whether listings were made on the channel that its last reading cannot show yet. Of a channel with more than
    READ_AGAIN_UP_TO listings none count: they are read at night."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(settled_at) FROM commerce.effects WHERE target = %s AND kind = %s AND status = 'accepted'",
            (channel, Kind.LISTING),
        )
        (made_at,) = cursor.fetchone()  # type: ignore[misc]
        if made_at is None:
            return False
        cursor.execute("SELECT max(read_at), count(*) FROM commerce.listings WHERE channel = %s", (channel,))
        read_at, rows = cursor.fetchone()  # type: ignore[misc]
    return rows <= READ_AGAIN_UP_TO and (read_at is None or read_at < made_at)


def locations(connection: Connection, channel: str) -> set[str]:
    """The locations of the channel's own listings in its last reading."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT location FROM commerce.listings WHERE channel = %s AND fulfilled_by <> 'channel'",
            (channel,),
        )
        return {place for (place,) in cursor}
