"""Rows that are inserted, or take the place of those with the same key, where they say something else.

What belongs here: that one statement. What does not: which rows a table means (the modules of the topics), many rows
at once (frames.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def write_changed(
    connection: Connection, table: str, columns: Sequence[str], key: Sequence[str], rows: Iterable[Sequence[Any]], *,
    stamp: str = "",
) -> None:  # fmt: skip
    """Insert the rows into `commerce.<table>`, their values in the order of `columns`, or change the row with the same
    `key`. A row that is like that stays as it is. stamp: the column that says when a row last changed, and makes no row
    differ."""
    from psycopg2.extras import execute_values

    others = [column for column in columns if column not in key]
    changes = ", ".join(f"{column} = excluded.{column}" for column in others)
    before, after = (
        ", ".join(f"{side}.{column}" for column in others if column != stamp) for side in ("before", "excluded")
    )
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            f"INSERT INTO commerce.{table} AS before ({', '.join(columns)}) VALUES %s ON CONFLICT ({', '.join(key)})"
            f" DO UPDATE SET {changes} WHERE ({before}) IS DISTINCT FROM ({after})",
            sorted(rows),
            page_size=500,
        )
