"""Rehearsals and their differences, and the settings that people agreed to.

What belongs here: rows. What does not: what a rehearsal compares (flows/rehearsal.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ...domain.rehearsal.side_by_side import Decision, Difference

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_DECISION = msgspec.json.Decoder(Decision)


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """One rehearsal. stamp: of the settings that were tried. basis: of those that it was compared with. records,
    differing: how many records were compared, and how many of them differ."""

    id: int
    made_at: datetime
    first: date
    last: date
    basis: str
    stamp: str
    records: int
    differing: int


def begin(connection: Connection, made_at: datetime, days: tuple[date, date], basis: str, stamp: str) -> int:
    """A new rehearsal; returns its number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.rehearsals (made_at, first, last, basis, stamp) VALUES (%s, %s, %s, %s, %s)"
            " RETURNING id",
            (made_at, *days, basis, stamp),
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def add(connection: Connection, rehearsal: int, rows: Sequence[Difference]) -> None:
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.rehearsal_differences (rehearsal, channel, topic, record_id, kinds, before, after)"
            " VALUES %s",
            [
                (rehearsal, row.either.channel, row.either.topic, row.either.record_id, list(row.kinds),
                 _encode(row.before), _encode(row.after))
                for row in rows
            ],
            page_size=500,
        )  # fmt: skip


def _encode(decision: Decision | None) -> bytes | None:
    return None if decision is None else msgspec.json.encode(decision)


def finish(connection: Connection, rehearsal: int, records: int, differing: int) -> None:
    """Set its figures; a rehearsal without them was broken off, and nobody can agree to it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.rehearsals SET records = %s, differing = %s WHERE id = %s",
            (records, differing, rehearsal),
        )


def read(connection: Connection, rehearsal: int) -> Rehearsal | None:
    """None for one that is not there or was broken off."""
    names = Rehearsal.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(names)} FROM commerce.rehearsals WHERE id = %s AND records IS NOT NULL", (rehearsal,)
        )
        row = cursor.fetchone()
    return Rehearsal(**dict(zip(names, row, strict=True))) if row else None


def differences(
    connection: Connection, rehearsal: int, *, kind: str = "", record_id: str = "", limit: int = 1_000_000
) -> Iterator[Difference]:
    """Those of one kind, of one record, or all, in the order in which they were added."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kinds, before, after FROM commerce.rehearsal_differences WHERE rehearsal = %(rehearsal)s"
            " AND (%(kind)s = '' OR %(kind)s = ANY(kinds)) AND (%(record)s = '' OR record_id = %(record)s)"
            " ORDER BY number LIMIT %(limit)s",
            {"rehearsal": rehearsal, "kind": kind, "record": record_id, "limit": limit},
        )
        for kinds, before, after in cursor:
            yield Difference(kinds=tuple(kinds), before=_decode(before), after=_decode(after))


def _decode(raw: memoryview | None) -> Decision | None:
    return None if raw is None else _DECISION.decode(bytes(raw))


def forget(connection: Connection, before: datetime) -> None:
    """Delete rehearsals that were made earlier; what was agreed to stays."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.rehearsals WHERE made_at < %s", (before,))


def agree(connection: Connection, stamp: str, by: str, now: datetime, rehearsal: int | None) -> None:
    """A person agrees to settings. rehearsal: None for those in use when the rule was switched on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.agreed_settings (stamp, agreed_by, agreed_at, rehearsal) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (stamp) DO NOTHING",
            (stamp, by, now, rehearsal),
        )


def is_agreed(connection: Connection, stamp: str) -> bool:
    """Whether these settings may be used; where nobody ever agreed to any, none may be told from another, so False."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM commerce.agreed_settings WHERE stamp = %s)", (stamp,))
        row = cursor.fetchone()
    return bool(row and row[0])


def has_agreed(connection: Connection) -> bool:
    """Whether anybody ever agreed to any settings."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM commerce.agreed_settings)")
        row = cursor.fetchone()
    return bool(row and row[0])
