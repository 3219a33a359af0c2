"""Stock levels and targets as rows of the newest snapshot.

What belongs here: replacing and reading these tables. What does not: the rules (domain/), when to read
(flows/inventory/publish.py). Import it inside functions: it loads pandas.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from ...domain.inventory.availability import STOCK_COLUMNS, Place, Sizes
from ..tables.database import lock_number
from ..tables.frames import read_frame, replace_rows, write_frame, write_rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def store_stock(
    connection: Connection,
    levels: pd.DataFrame,
    places: Sequence[Place],
    taken_at: datetime,
    sizes: Sizes | None = None,
    company: int = 0,
) -> bool:
    """Replace the stored stock of a company by this snapshot; returns False, and does nothing, where a newer one is
    stored.

    levels: STOCK_COLUMNS of domain/inventory/availability.py; sizes: as there. company: its id in Odoo, 0 where the
    settings name none.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number("stock_levels"),))
        cursor.execute(
            "SELECT max(taken_at) > %s FROM commerce.stock_warehouses WHERE company = %s", (taken_at, company)
        )
        if cursor.fetchone()[0]:  # type: ignore[index]
            return False
        for table in ("stock_warehouses", "stock_levels", "stock_sizes"):
            # Rows with 0 come from settings that named no company yet.
            cursor.execute(f"DELETE FROM commerce.{table} WHERE (company = 0) <> (%s = 0)", (company,))
        for table in ("stock_warehouses", "stock_sizes"):
            cursor.execute(f"DELETE FROM commerce.{table} WHERE company = %s", (company,))
    warehouses = pd.DataFrame({"code": [p.code for p in places], "name": [p.name for p in places]})
    write_frame(connection, "stock_warehouses", warehouses.assign(taken_at=taken_at, company=company))
    fresh = levels[list(STOCK_COLUMNS)].assign(company=company)
    replace_rows(connection, "stock_levels", fresh, ("product_id", "warehouse"), {"company": company})
    rows = [(company, product, measure, millionths) for (product, measure), millionths in (sizes or {}).items()]
    write_rows(connection, "stock_sizes", ("company", "product_id", "measure", "millionths"), rows)
    return True


def load_stock(connection: Connection, company: int = 0) -> tuple[pd.DataFrame, list[Place], datetime | None]:
    """The newest snapshot of a company, its warehouses and when its read began (None before the first)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", (lock_number("stock_levels"),))
        cursor.execute(
            "SELECT code, name, taken_at FROM commerce.stock_warehouses WHERE company = %s ORDER BY code", (company,)
        )
        rows = cursor.fetchall()
    places = [Place(code, name) for code, name, _ in rows]
    levels = read_frame(connection, "stock_levels", None, "company = %s", (company,))
    return levels, places, rows[0][2] if rows else None


def load_sizes(connection: Connection, company: int = 0) -> dict[tuple[int, str], int | None]:
    """The sizes of the newest snapshot of a company."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product_id, measure, millionths FROM commerce.stock_sizes WHERE company = %s", (company,)
        )
        return {(product, measure): millionths for product, measure, millionths in cursor}


def newer_stock(connection: Connection, taken_at: datetime, company: int = 0) -> bool:
    """Whether a snapshot of the company is stored whose read began later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(taken_at) > %s, false) FROM commerce.stock_warehouses WHERE company = %s",
            (taken_at, company),
        )
        return bool(cursor.fetchone()[0])  # type: ignore[index]


def store_targets(connection: Connection, channel: str, targets: pd.DataFrame, taken_at: datetime) -> pd.DataFrame:
    """Replace a channel's targets, unless targets of a newer stock read are stored; returns the targets that are stored
    then.

    `changed_at` stays as long as the target stays. What is stored already is not written again. The caller holds the
    channel's lock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT taken_at FROM commerce.target_readings WHERE channel = %s", (channel,))
        row = cursor.fetchone()
        if row is not None and row[0] > taken_at:
            return read_frame(connection, "inventory_targets", None, "channel = %s", (channel,))
        cursor.execute(
            "INSERT INTO commerce.target_readings VALUES (%s, %s) ON CONFLICT (channel) DO UPDATE"
            " SET taken_at = excluded.taken_at WHERE target_readings.taken_at <> excluded.taken_at",
            (channel, taken_at),
        )
    stored = read_frame(connection, "inventory_targets", ["key", "target", "changed_at"], "channel = %s", (channel,))
    before = targets[["key", "target"]].merge(stored, on="key", how="left", suffixes=("", "_before"), sort=False)
    target, last = before["target"].astype("Int64"), before["target_before"].astype("Int64")
    same = (target == last).fillna(False) | (target.isna() & last.isna())
    changed_before = pd.to_datetime(before["changed_at"], utc=True).astype("datetime64[us, UTC]")
    since = changed_before.where(same).fillna(pd.Timestamp(taken_at).as_unit("us"))
    kept = targets.assign(channel=channel, changed_at=since.array)
    replace_rows(connection, "inventory_targets", kept, ("key",), {"channel": channel})
    return kept
