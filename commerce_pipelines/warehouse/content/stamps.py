"""Whether anything changed of what a channel's plan follows from: products, listings, what was told, pictures.

What belongs here: that one question. What does not: these rows (products.py, shown.py, uploads.py).

Every row has the transaction that wrote it last (`xmin`), so a sum over them changes with every row that is written,
and the count with every one that goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_OF_CHANNEL = ("content_listings", "content_told", "content_pictures", "content_uploads")


def read_stamp(connection: Connection, channel: str, company: int) -> str:
    """The same as long as no row of these was written or removed."""
    parts = [("content_products", "company", company), *((table, "channel", channel) for table in _OF_CHANNEL)]
    stamps = []
    with connection.cursor() as cursor:
        for table, column, value in parts:
            cursor.execute(
                f"SELECT count(*), coalesce(sum(xmin::text::bigint), 0) FROM commerce.{table} WHERE {column} = %s",
                (value,),
            )
            stamps.append(str(cursor.fetchone()))
    return " ".join(stamps)
