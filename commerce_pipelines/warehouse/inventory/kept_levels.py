"""Stock levels and targets as they were, kept for the days of `stock_history_days`.

A row says from which reading of Odoo on figures stayed as they were, and which reading found others, so that a shop
where little changes keeps little.

What belongs here: keeping these rows, dropping old ones, reading a span. What does not: the newest figures (stock.py),
what follows from a story (flows/inventory/history.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..tables.database import clock

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_FIGURES = "code, kind, on_hand, reserved, demand, free, components"
_WISHES = "product_id, free, in_pipe, target, reason"


class Level(NamedTuple):
    """Figures of a product in a warehouse (availability.STOCK_COLUMNS), found by the readings from `since` on and no
    longer by that of `until`, which is None while they stay."""

    product_id: int
    code: str
    kind: str
    warehouse: str
    on_hand: float
    reserved: float
    demand: float
    free: float
    since: datetime
    until: datetime | None


class Wish(NamedTuple):
    """What a listing was to show, and why, from `since` on. company: whose stock it was. free: whole
    units of the listing's product."""

    company: int
    product_id: int | None
    free: int | None
    target: int | None
    reason: str
    since: datetime


def keep_levels(connection: Connection, company: int, taken_at: datetime, keep: timedelta) -> None:
    """Note in what the stored stock of a company, whose reading began at `taken_at`, differs from the reading before;
    drop what has been over for longer than `keep`. Rows of company 0 come from settings that named none yet."""
    values = {"company": company, "at": taken_at, "keep": keep}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE commerce.stock_level_history h SET until = %(at)s
            WHERE until IS NULL AND (company = %(company)s OR (company = 0) <> (%(company)s = 0)) AND NOT EXISTS (
                SELECT FROM commerce.stock_levels l
                WHERE (l.company, l.product_id, l.warehouse) = (h.company, h.product_id, h.warehouse)
                AND {_write_same(_FIGURES)})""",
            values,
        )
        cursor.execute(
            f"""INSERT INTO commerce.stock_level_history (company, product_id, warehouse, since, {_FIGURES})
            SELECT company, product_id, warehouse, %(at)s, {_FIGURES} FROM commerce.stock_levels l
            WHERE company = %(company)s AND NOT EXISTS (SELECT FROM commerce.stock_level_history h
                WHERE (h.company, h.product_id, h.warehouse) = (l.company, l.product_id, l.warehouse)
                AND h.until IS NULL) ON CONFLICT DO NOTHING""",
            values,
        )
        cursor.execute(
            "INSERT INTO commerce.stock_readings VALUES (%(company)s, %(at)s) ON CONFLICT DO NOTHING", values
        )
        for table, column in (("stock_level_history", "until"), ("stock_readings", "taken_at")):
            cursor.execute(f"DELETE FROM commerce.{table} WHERE {column} < clock_timestamp() - %(keep)s", values)


def keep_targets(connection: Connection, channel: str, company: int, keep: timedelta) -> None:
    """The same of a channel's stored targets, as of now, because orders change them between two readings of stock.
    company: whose stock they come from. The caller holds the channel's lock."""
    values = {"channel": channel, "company": company, "at": clock(connection), "keep": keep}
    kept, newest = "commerce.inventory_target_history h", "commerce.inventory_targets l"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {kept} SET until = %(at)s WHERE channel = %(channel)s AND until IS NULL AND NOT EXISTS (
                SELECT FROM {newest} WHERE (l.channel, l.key) = (h.channel, h.key) AND {_write_same(_WISHES)})""",
            values,
        )
        cursor.execute(
            f"""INSERT INTO commerce.inventory_target_history (channel, key, since, company, {_WISHES})
            SELECT channel, key, %(at)s, %(company)s, {_WISHES} FROM {newest} WHERE channel = %(channel)s
            AND NOT EXISTS (SELECT FROM {kept} WHERE (h.channel, h.key) = (l.channel, l.key) AND until IS NULL)""",
            values,
        )
        cursor.execute(f"DELETE FROM {kept} WHERE until < %(at)s - %(keep)s", values)


def _write_same(columns: str) -> str:
    """SQL: the newest row `l` and the kept row `h` have the same figures."""
    newest, kept = (", ".join(f"{row}.{name}" for name in columns.split(", ")) for row in ("l", "h"))
    return f"({newest}) IS NOT DISTINCT FROM ({kept})"


def read_levels(
    connection: Connection, company: int, products: Collection[int], start: datetime, end: datetime
) -> list[Level]:
    """The levels of these products that were valid within `[start, end]`, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(Level._fields)} FROM commerce.stock_level_history WHERE company = %s"
            " AND product_id = ANY(%s) AND since <= %s AND (until IS NULL OR until > %s)"
            " ORDER BY since, code, warehouse",
            (company, list(products), end, start),
        )
        return [Level(*row) for row in cursor]


def read_wish(connection: Connection, channel: str, key: str, at: datetime) -> Wish | None:
    """What the listing was to show at that time; None where it is not on record."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(Wish._fields)} FROM commerce.inventory_target_history WHERE channel = %s AND key = %s"
            " AND since <= %s AND (until IS NULL OR until > %s) ORDER BY since DESC LIMIT 1",
            (channel, key, at, at),
        )
        row = cursor.fetchone()
    return Wish(*row) if row else None


def read_contents(connection: Connection, company: int, start: datetime, end: datetime) -> dict[int, Mapping[int, int]]:
    """What each kit of the span `[start, end]` is made of in a company, in millionths of stored products by id, as its
    last reading in the span found it; where none is kept, as the newest one does. company: 0 where all channels had the
    same, so that any reading is its own."""
    with connection.cursor() as cursor:
        cursor.execute(  # rows that ended before are left out first: they are nearly all
            """WITH kept AS (SELECT DISTINCT ON (product_id) product_id, components FROM commerce.stock_level_history
                WHERE (until IS NULL OR until > %(start)s) AND since <= %(end)s AND kind = 'kit'
                AND components IS NOT NULL AND %(company)s IN (company, 0) ORDER BY product_id, since DESC)
            TABLE kept UNION ALL (SELECT DISTINCT ON (product_id) product_id, components FROM commerce.stock_levels
                WHERE kind = 'kit' AND components IS NOT NULL AND %(company)s IN (company, 0)
                AND product_id NOT IN (SELECT product_id FROM kept) ORDER BY product_id)""",
            {"company": company, "start": start, "end": end},
        )
        return {product: msgspec.json.decode(text, type=dict[int, int]) for product, text in cursor}


def read_readings(connection: Connection, company: int, at: datetime) -> tuple[datetime | None, datetime | None]:
    """When the first reading that is kept was, and the last one until `at`; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(taken_at), max(taken_at) FILTER (WHERE taken_at <= %s) FROM commerce.stock_readings"
            " WHERE company = %s",
            (at, company),
        )
        first, last = cursor.fetchone()  # type: ignore[misc]
    return first, last
