"""The audit: who did what to which record. Rows are only ever added; the database itself refuses everything else.

What the ledgers, the outbox and the requests record is written by their tables' triggers (migrations/0024_audit.py), in
the same transaction. What belongs here: the events that no table tells of, and reading all of them. What does not: who
the actor is (tables/database.py says it to the database). No personal data of buyers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from .tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ROWS_A_FETCH = 2_000


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One row. actor: `run <id>`, `person <name>: <command>`, or `process`. role: who logged in to the database.
    account: the channel by its name of then. record: a number or key, '' for several."""

    id: int
    at: datetime
    actor: str
    role: str
    action: str
    account: str
    topic: str
    record: str
    details: dict[str, Any]


def note(
    connection: Connection, action: str, *, account: str = "", topic: str = "", records: Iterable[str] = ("",)
) -> None:
    """Add an event for each of these records."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.audit (action, account, topic, record)"
            " SELECT %s, %s, %s, record FROM unnest(%s::text[]) AS record",
            (action, account, topic, [storable(record) for record in records]),
        )


def read(
    connection: Connection, since: datetime | None = None, until: datetime | None = None, *, account: str = "",
    record: str = "",
) -> Iterator[Event]:  # fmt: skip
    """Events, the oldest first, in constant memory; those of one channel or record only. Until is excluded."""
    fields = Event.__struct_fields__
    with connection.cursor("audit") as cursor:
        cursor.itersize = ROWS_A_FETCH
        cursor.execute(
            f"SELECT {', '.join(fields)} FROM commerce.audit WHERE (%(since)s::timestamptz IS NULL OR at >= %(since)s)"
            " AND (%(until)s::timestamptz IS NULL OR at < %(until)s) AND (%(account)s = '' OR account = %(account)s)"
            " AND (%(record)s = '' OR record = %(record)s) ORDER BY id",
            {"since": since, "until": until, "account": account, "record": record},
        )
        for row in cursor:
            yield Event(**dict(zip(fields, row, strict=True)))
