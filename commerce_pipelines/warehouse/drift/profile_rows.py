"""Profiles of answers by day, and what differed on a day.

What belongs here: rows. What does not: what differs (domain/drift/comparison.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ...domain.drift.comparison import Change, Finding
from ...domain.drift.profile import Profile

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_PROFILE = msgspec.json.Decoder(Profile)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A change with the day on which it was seen first. word: the value of a NEW_VALUE, where it may be shown."""

    channel: str
    topic: str
    day: date
    finding: Finding
    word: str = ""
    version: str = ""


def read_profiles(connection: Connection, channel: str, topic: str, start: date, end: date) -> list[Profile]:
    """Those of the days `[start, end)`, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile FROM commerce.schema_profiles WHERE channel = %s AND topic = %s AND day >= %s AND day < %s"
            " ORDER BY day",
            (channel, topic, start, end),
        )
        return [_PROFILE.decode(bytes(profile)) for (profile,) in cursor]


def read_landed(connection: Connection, channel: str, topic: str, day: date) -> int:
    """How many answers had come when the day's profile was made, 0 without one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT landed FROM commerce.schema_profiles WHERE channel = %s AND topic = %s AND day = %s",
            (channel, topic, day),
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def keep_profile(
    connection: Connection, place: tuple[str, str, date], landed: int, version: str, made: Profile, now: datetime
) -> None:
    """In place of the day's earlier one. place: channel, topic, day. now: a time after its answers were counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.schema_profiles (channel, topic, day, landed, version, profile, made_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (channel, topic, day) DO UPDATE SET"
            " landed = excluded.landed, version = excluded.version, profile = excluded.profile,"
            " made_at = excluded.made_at",
            (*place, landed, version, msgspec.json.encode(made), now),
        )


def read_made_at(connection: Connection, channel: str, topic: str) -> datetime | None:
    """When the newest profile was made, None without any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(made_at) FROM commerce.schema_profiles WHERE channel = %s AND topic = %s", (channel, topic)
        )
        row = cursor.fetchone()
    return row[0] if row else None


def keep_findings(connection: Connection, rows: Sequence[Seen], now: datetime) -> None:
    """Add what was seen; a change of the same day is kept once, with its newest figures, and stays an alarm."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.schema_changes (channel, topic, day, field, change, what, word, is_alarm, was,"
            " answers_before, has, answers, example, version, seen_at) VALUES %s"
            " ON CONFLICT (channel, topic, day, field, change, what) DO UPDATE SET has = excluded.has,"
            " answers = excluded.answers, is_alarm = schema_changes.is_alarm OR excluded.is_alarm",
            [
                (row.channel, row.topic, row.day, row.finding.field, row.finding.change.value, row.finding.what,
                 row.word, row.finding.is_alarm, row.finding.was, row.finding.answers_before, row.finding.has,
                 row.finding.answers, row.finding.example, row.version, now)
                for row in rows
            ],
            page_size=500,
        )  # fmt: skip


def read_findings(connection: Connection, channels: Iterable[str], since: date) -> list[Seen]:
    """What was seen on that day or later, the newest first, alarms before the noted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, topic, day, field, change, what, word, is_alarm, was, answers_before, has, answers,"
            " example, version FROM commerce.schema_changes WHERE channel = ANY(%s) AND day >= %s"
            " ORDER BY day DESC, is_alarm DESC, channel, topic, field, change, what",
            (list(channels), since),
        )
        return [
            Seen(
                channel=channel, topic=topic, day=day, word=word, version=version,
                finding=Finding(
                    change=Change(change), field=field, what=what, is_alarm=is_alarm, was=was, answers_before=before,
                    has=has, answers=answers, example=example,
                ),
            )
            for channel, topic, day, field, change, what, word, is_alarm, was, before, has, answers, example, version
            in cursor
        ]  # fmt: skip


def forget(connection: Connection, channel: str, profiles_before: date, findings_before: date) -> None:
    """Delete what is older."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.schema_profiles WHERE channel = %s AND day < %s", (channel, profiles_before)
        )
        cursor.execute(
            "DELETE FROM commerce.schema_changes WHERE channel = %s AND day < %s", (channel, findings_before)
        )
