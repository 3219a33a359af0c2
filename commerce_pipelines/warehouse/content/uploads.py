"""Pictures that a channel was given, apart from any listing: by their checksum, with the channel's address of each.

What belongs here: these rows. What does not: which listing shows which picture (shown.py).

A row is written before a listing is told of the picture. After a lost answer it tells whether a picture that a listing
shows is one of ours, so that none is added twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# eBay keeps a picture that no listing shows for 30 days; what is older is uploaded anew.
DAYS_KEPT = 25


def find_address(connection: Connection, channel: str, checksum: str) -> str:
    """Where the channel has a picture; '' where it has none, or was given it too long ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT address FROM commerce.content_uploads WHERE channel = %s AND checksum = %s"
            " AND kept_at > now() - make_interval(days => %s) ORDER BY kept_at DESC LIMIT 1",
            (channel, checksum, DAYS_KEPT),
        )
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def keep(connection: Connection, channel: str, checksum: str, address: str, picture_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.content_uploads (channel, picture_id, checksum, address, kept_at)"
            " VALUES (%s, %s, %s, %s, now()) ON CONFLICT (channel, picture_id) DO UPDATE SET"
            " checksum = excluded.checksum, address = excluded.address, kept_at = excluded.kept_at",
            (channel, picture_id, checksum, address),
        )


def load_checksums(connection: Connection, channel: str) -> dict[str, str]:
    """Checksums of Odoo's pictures by the channel's id of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT picture_id, checksum FROM commerce.content_uploads WHERE channel = %s", (channel,))
        return dict(cursor.fetchall())
