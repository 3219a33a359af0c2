"""The difference of a channel as rows: one for each field that is not simply in line with Odoo.

What belongs here: replacing and reading that table. What does not: deciding it (domain/content/comparison.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One field of one listing. sku: '' for a listing of several. action, before, after, code: as in FieldPlan. since:
    when it was first seen with this `after`."""

    key: str
    field: str
    sku: str
    title: str
    template_id: int
    action: str
    before: str
    after: str
    code: str = ""
    since: datetime | None = None


def store_differences(
    connection: Connection, channel: str, differences: Sequence[Difference], now: datetime
) -> list[Difference]:
    """Replace a channel's rows by these; a field that shall still show the same keeps its time."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        cursor.execute("SELECT key, field, after, since FROM commerce.content_changes WHERE channel = %s", (channel,))
        since = {(key, field, after): at for key, field, after, at in cursor}
        rows = [
            msgspec.structs.replace(row, since=since.get((row.key, row.field, row.after), now)) for row in differences
        ]
        cursor.execute("DELETE FROM commerce.content_changes WHERE channel = %s", (channel,))
        names = Difference.__struct_fields__
        execute_values(
            cursor,
            f"INSERT INTO commerce.content_changes (channel, {', '.join(names)}) VALUES %s",
            [(channel, *msgspec.structs.astuple(row)) for row in rows],
            page_size=1_000,
        )
    return rows


def load_differences(connection: Connection, channel: str) -> list[Difference]:
    names = Difference.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(names)} FROM commerce.content_changes WHERE channel = %s ORDER BY since, key, field",
            (channel,),
        )
        return [Difference(**dict(zip(names, row, strict=True))) for row in cursor]
