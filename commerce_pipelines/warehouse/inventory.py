"""Stock, listings, targets and pushes as rows: the newest snapshot wins, a push is on record before it is sent.

What belongs here: replacing and reading these tables. What does not: the rules (domain/), when to read and push
(flows/inventory.py), orders that are not in Odoo yet (pipe.py). Import it inside functions: it loads pandas.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from ..domain.availability import STOCK_COLUMNS, Place
from ..domain.inventory import Listing, PushOutcome
from ..domain.publishing import LATE, Figures
from .database import Warehouse, lock_number, storable
from .frames import read_frame, write_frame

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

KEEP = timedelta(days=90)  # how long superseded pushes and past runs stay on record
LISTING_COLUMNS = ("channel", "key", "sku", "location", "title", "quantity", "fulfilled_by", "active", "reference",
                   "read_at")  # fmt: skip


@contextmanager
def channel_lock(warehouse: Warehouse, channel: str) -> Iterator[None]:
    """One reader or writer of a channel's listings at a time, among all processes; freed even if this one is killed."""
    with warehouse.lock(f"inventory {channel}", wait=True):
        yield


def clock(connection: Connection) -> datetime:
    """Now, by the database's clock, which stamps the ledger too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]  # type: ignore[index]


def store_stock(connection: Connection, levels: pd.DataFrame, places: Sequence[Place], taken_at: datetime) -> bool:
    """Make the stock tables this snapshot; False (and nothing is done) where a newer one is there already.

    levels: STOCK_COLUMNS of domain/availability.py.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number("stock_levels"),))
        cursor.execute("SELECT max(taken_at) > %s FROM commerce.stock_warehouses", (taken_at,))
        if cursor.fetchone()[0]:  # type: ignore[index]
            return False
        cursor.execute("DELETE FROM commerce.stock_warehouses")
        cursor.execute("DELETE FROM commerce.stock_levels")
    warehouses = pd.DataFrame({"code": [p.code for p in places], "name": [p.name for p in places]})
    write_frame(connection, "stock_warehouses", warehouses.assign(taken_at=taken_at))
    write_frame(connection, "stock_levels", levels[list(STOCK_COLUMNS)].assign(taken_at=taken_at))
    return True


def load_stock(connection: Connection) -> tuple[pd.DataFrame, list[Place], datetime | None]:
    """The newest snapshot, its warehouses and when its read began (None before the first)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", (lock_number("stock_levels"),))
        cursor.execute("SELECT code, name, taken_at FROM commerce.stock_warehouses ORDER BY code")
        rows = cursor.fetchall()
    places = [Place(code, name) for code, name, _ in rows]
    return read_frame(connection, "stock_levels"), places, rows[0][2] if rows else None


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


def found_out(connection: Connection, channel: str, keys: Sequence[str]) -> dict[str, dict[str, str]]:
    """What earlier pushes found out about listings, by key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, reference FROM commerce.listing_references WHERE channel = %s AND key = ANY(%s)",
            (channel, list(keys)),
        )
        return {key: json.loads(reference) for key, reference in cursor}


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


def load_rows(connection: Connection, table: str, channel: str) -> pd.DataFrame:
    """A channel's rows of listings, inventory_targets or inventory_beliefs."""
    return read_frame(connection, table, None, "channel = %s", (channel,))


def locations(connection: Connection, channel: str) -> set[str]:
    """The places at which the channel's own listings lie, as its last reading showed them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT location FROM commerce.listings WHERE channel = %s AND fulfilled_by <> 'channel'",
            (channel,),
        )
        return {place for (place,) in cursor}


def store_targets(connection: Connection, channel: str, targets: pd.DataFrame, taken_at: datetime) -> bool:
    """Make a channel's targets these, unless some of a newer stock read are there: then False. Hold `channel_lock`.

    `changed_at` stays that of the stored row as long as the figure does.
    """
    stored = read_frame(connection, "inventory_targets", ["key", "target", "changed_at", "taken_at"],
                        "channel = %s", (channel,))  # fmt: skip
    if len(stored) and stored["taken_at"].max() > pd.Timestamp(taken_at):
        return False
    before = targets[["key", "target"]].merge(stored, on="key", how="left", suffixes=("", "_before"), sort=False)
    target, last = before["target"].astype("Int64"), before["target_before"].astype("Int64")
    same = (target == last).fillna(False) | (target.isna() & last.isna())
    known = pd.to_datetime(before["changed_at"], utc=True).astype("datetime64[us, UTC]")
    since = known.where(same).fillna(pd.Timestamp(taken_at).as_unit("us"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.inventory_targets WHERE channel = %s", (channel,))
    write_frame(
        connection, "inventory_targets", targets.assign(channel=channel, changed_at=since.array, taken_at=taken_at)
    )
    return True


def beliefs(connection: Connection, channel: str) -> pd.DataFrame:
    """BELIEF_COLUMNS of domain/publishing.py for each listing of a channel, from its last reading and our pushes.

    A cancelled order counts as a sale at its cancellation: the channel may have put its units back.
    """
    frame = load_rows(connection, "inventory_beliefs", channel)
    unanswered = pd.to_datetime(frame["unanswered_at"], utc=True) + LATE["sent"]
    pending = pd.to_datetime(frame["pending_at"], utc=True) + LATE["pending"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.sku, max(CASE WHEN o.status = 'cancelled' THEN o.updated_at ELSE o.placed_at END)"
            " FROM commerce.orders o JOIN commerce.order_lines l USING (channel, order_id)"
            " WHERE o.channel = %s AND o.day >= current_date - 8 AND l.kind = 'product' AND o.fulfilled_by = 'merchant'"
            " GROUP BY l.sku",
            (channel,),
        )
        sold = dict(cursor.fetchall())
    return frame.assign(
        late_until=pd.concat([unanswered, pending], axis=1).max(axis=1),
        sold_at=pd.to_datetime(pd.Series([sold.get(sku) for sku in frame["sku"]], dtype="object"), utc=True),
    )


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
