"""What stands still and which alerts were sent: one row per condition, reported once until the condition is gone.

Also how the pollers are doing, because a tick that fails is not a failed run, and nothing else counts it.

What belongs here: keeping both. What does not: what a condition is, when it is reported (flows/alerts.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """subject: one line. message: what it is and what to do, in our own words, without personal data."""

    key: str
    subject: str
    message: str


class Kept(Condition, frozen=True, kw_only=True):
    """A condition on record. since: its present occurrence. told_at, times: the last alert about it and the number of
    alerts. attempts, next_try: of an alert that could not be sent."""

    since: datetime
    told_at: datetime | None
    gone_at: datetime | None
    times: int
    attempts: int
    next_try: datetime | None


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One poller. failures: in a row. problem: the message of the last failure."""

    name: str
    ticked_at: datetime
    succeeded_at: datetime | None
    failures: int
    problem: str


def read(connection: Connection) -> dict[str, Kept]:
    """All conditions on record, those that are gone included."""
    names = Kept.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(names)} FROM commerce.conditions ORDER BY key")
        return {row[0]: Kept(**dict(zip(names, row, strict=True))) for row in cursor}


def write(connection: Connection, kept: Iterable[Kept]) -> None:
    """Put these conditions on record in place of those with the same keys."""
    from psycopg2.extras import execute_values

    names = Kept.__struct_fields__
    rows = [tuple(getattr(condition, name) for name in names) for condition in kept]
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            f"INSERT INTO commerce.conditions ({', '.join(names)}) VALUES %s ON CONFLICT (key) DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in names[1:]),
            rows,
        )


def beat(connection: Connection, name: str, now: datetime, problem: str = "", *, well: bool = True) -> None:
    """Record one tick of a poller. problem: why it failed. well: whether it looked; False without a problem means that
    the tick had to wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.heartbeats AS kept (name, ticked_at, succeeded_at, failures, problem)"
            " VALUES (%(name)s, %(now)s, %(succeeded_at)s, %(failures)s, %(problem)s) ON CONFLICT (name) DO UPDATE SET"
            " ticked_at = excluded.ticked_at, succeeded_at = coalesce(excluded.succeeded_at, kept.succeeded_at),"
            " failures = CASE WHEN %(well)s THEN 0 ELSE kept.failures + excluded.failures END,"
            " problem = CASE WHEN %(well)s OR %(failures)s > 0 THEN excluded.problem ELSE kept.problem END",
            {
                "name": name,
                "now": now,
                "succeeded_at": now if well and not problem else None,
                "failures": int(bool(problem)),
                "problem": problem,
                "well": well and not problem,
            },
        )


def expect(connection: Connection, names: Iterable[str], now: datetime) -> None:
    """From now on these pollers are expected to look, so that a poller that never looks is reported like one that
    stopped."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO commerce.heartbeats (name, ticked_at, succeeded_at, failures, problem)"
            " VALUES (%(name)s, %(now)s, %(now)s, 0, '') ON CONFLICT DO NOTHING",
            [{"name": name, "now": now} for name in names],
        )


def heartbeats(connection: Connection) -> list[Heartbeat]:
    names = Heartbeat.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(names)} FROM commerce.heartbeats ORDER BY name")
        return [Heartbeat(**dict(zip(names, row, strict=True))) for row in cursor]
