"""Listings as rows: the last whole reading of each channel.

What belongs here: replacing and reading that table. What does not: what listings are believed to show since
(rows.py). Import it inside functions: it loads pandas.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from ...domain.inventory.listings import Listing
from ..tables.frames import write_frame

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
from ..outbox.pushes import KEEP

LISTING_COLUMNS = ("channel", "key", "sku", "location", "title", "quantity", "fulfilled_by", "active", "reference",
                   "read_at")  # fmt: skip


def listing_frame(channel: str, pages: Iterable[tuple[Listing, ...]], read_at: datetime) -> pd.DataFrame:
    """A whole reading of a channel's listings, LISTING_COLUMNS."""
    rows = [
        (channel, one.key, one.sku, one.location, one.title, one.quantity, one.fulfilled_by.value, one.active,
         json.dumps(one.reference, sort_keys=True), read_at)
        for page in pages for one in page
    ]  # fmt: skip
    frame = pd.DataFrame.from_records(rows, columns=list(LISTING_COLUMNS))
    return frame.astype({"quantity": "Int64", "active": "boolean"})


def listing_of(row: Mapping[str, Any], quantity: int | None, found_out: Mapping[str, str]) -> Listing:
    """A stored row as the channel's own shape, with what it is believed to show now, and with what earlier pushes found
    out about it."""
    known = {name: row[name] for name in ("key", "sku", "location", "title", "active")}
    reference = json.loads(row["reference"]) | dict(found_out)
    return msgspec.convert(
        known | {"fulfilled_by": row["fulfilled_by"], "reference": reference, "quantity": quantity}, Listing
    )


def store_listings(connection: Connection, channel: str, frame: pd.DataFrame) -> None:
    """Make a channel's listings these, and drop superseded pushes that are past keeping. Hold `channel_lock`."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.listings WHERE channel = %s", (channel,))
        cursor.execute(
            "DELETE FROM commerce.published_inventory p WHERE channel = %s AND started_at < clock_timestamp() - %s"
            " AND EXISTS (SELECT FROM commerce.published_inventory n WHERE n.channel = p.channel AND n.key = p.key"
            " AND n.sequence > p.sequence)",
            (channel, KEEP),
        )
    write_frame(connection, "listings", frame)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.listing_references r WHERE channel = %s AND NOT EXISTS"
            " (SELECT FROM commerce.listings l WHERE l.channel = r.channel AND l.key = r.key)",
            (channel,),
        )


def locations(connection: Connection, channel: str) -> set[str]:
    """The places at which the channel's own listings lie, as its last reading showed them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT location FROM commerce.listings WHERE channel = %s AND fulfilled_by <> 'channel'",
            (channel,),
        )
        return {place for (place,) in cursor}
