"""Erasures that were asked for, and what became of them. No personal data: subjects are keyed hashes.

What belongs here: the rows of `erasures`. What does not: who the subjects are (subjects.py), carrying it out
(flows/privacy/erase.py).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

State = Literal["waiting", "done"]
_COLUMNS = "id, asked_at, asked_by, state, subjects, partners, certificate, finished_at"


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One request. subjects: hex ids. partners: contacts in Odoo found when it was asked, by database id. certificate:
    what was done, or why it waits."""

    id: int
    asked_at: datetime
    asked_by: str
    state: State
    subjects: list[str]
    partners: list[int]
    certificate: dict[str, Any]
    finished_at: datetime | None


def ask(
    connection: Connection, asked_by: str, subjects: Collection[str], partners: Collection[int], now: datetime
) -> int:
    """Put a request on record; returns its number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.erasures (asked_at, asked_by, state, subjects, partners, certificate)"
            " VALUES (%s, %s, 'waiting', %s, %s, '{}') RETURNING id",
            (now, asked_by, sorted(subjects), sorted(partners)),
        )
        row = cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING gives one row
    return int(row[0])


def settle(
    connection: Connection, number: int, state: State, certificate: dict[str, Any], now: datetime,
    partners: Collection[int],
) -> None:  # fmt: skip
    """What became of a request. now: when it was finished, if it is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.erasures SET state = %s, certificate = %s, finished_at = %s, partners = %s WHERE id = %s",
            (state, msgspec.json.encode(certificate).decode(), now if state == "done" else None, sorted(partners),
             number),
        )  # fmt: skip


def read(connection: Connection, *, state: State | None = None) -> list[Erasure]:
    """Requests, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM commerce.erasures WHERE %s::text IS NULL OR state = %s ORDER BY id", (state, state)
        )
        names = _COLUMNS.split(", ")
        return [Erasure(**dict(zip(names, row, strict=True))) for row in cursor]
