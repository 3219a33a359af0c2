"""Whether a marketplace's answers still have the shape that they had: a profile a day, compared with the weeks before.

A vendor that renames a field, withholds names or sends a new status is noticed on the day it begins, not when orders
fail. What belongs here: which answers are profiled, what is kept, what is said. What does not: profiles and their
comparison (domain/drift/), rows (warehouse/drift/).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import msgspec

from ..channels.registry import KINDS, personal_fields
from ..core.groups import in_group
from ..core.local_time import local_time
from ..core.topics import Topic
from ..domain.drift.comparison import Before, Change, Finding, compare
from ..domain.drift.documents import read_document
from ..domain.drift.profile import Profile, Profiler
from ..resources.connections import Connections
from ..warehouse.drift import profile_rows
from ..warehouse.drift.profile_rows import Seen
from ..warehouse.landing.samples import count_answers, find_first, read_answers

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from ..channels.settings import ChannelSettings
    from ..settings.file import Settings

BEFORE = timedelta(days=28)  # the days that a day is compared with
MOST_ANSWERS = 2_000  # of a day that are looked at; more are a sample
KEPT_FOR, CHANGES_KEPT_FOR = timedelta(days=60), timedelta(days=400)
TOLD_FOR = timedelta(days=2)  # a change stays red on its day and so long after it
UNPROFILED_FOR = timedelta(hours=3)  # the schedule looks every hour
SCHEDULE = "schema_profiles"
HEADINGS = ("day", "channel", "records", "field", "change", "before", "now", "first record", "told")
FIGURES = ("before", "now")


class Profiled(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at of one topic. compared: answers of the days before."""

    topic: str
    answers: int
    fields: int
    compared: int
    changes: tuple[Seen, ...]


def profile(connections: Connections, name: str) -> list[Profiled]:
    """Profile what came in yesterday and today (UTC), both anew, and keep what differs from the weeks before; returns
    today's, by topic. Today's part stands for the day."""
    now = connections.instruments.now()
    today = now.astimezone(UTC).date()
    results = []
    for topic in list_topics(connections, name):
        for day in (today - timedelta(days=1), today):
            result = _make_profile(connections, name, topic, day, is_over=day < today)
        results.append(result)
    with connections.warehouse.transaction() as connection:
        profile_rows.forget(connection, name, today - KEPT_FOR, today - CHANGES_KEPT_FOR)
    return results


def list_topics(connections: Connections, name: str) -> list[str]:
    return _list_topics(connections.settings.channel(name))


def _list_topics(channel: ChannelSettings) -> list[str]:
    return [Topic.ORDERS, *([Topic.RETURNS, Topic.REFUNDS] if channel.returns.enabled else [])]


def has_news(connections: Connections, name: str) -> bool:
    """Whether answers came that no profile has."""
    today = connections.instruments.now().astimezone(UTC).date()
    read_landed = profile_rows.read_landed
    with connections.warehouse.transaction() as connection:
        return any(
            count_answers(connection, name, topic, *_find_span(day)) != read_landed(connection, name, topic, day)
            for topic in list_topics(connections, name) for day in (today - timedelta(days=1), today)
        )  # fmt: skip


def _find_span(day: date) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def _make_profile(connections: Connections, name: str, topic: str, day: date, *, is_over: bool) -> Profiled:
    version = connections.settings.channel(name).version
    with connections.warehouse.transaction() as connection:
        landed = count_answers(connection, name, topic, *_find_span(day))
        before = profile_rows.read_profiles(connection, name, topic, day - BEFORE, day)
    profiler = _build_profiler(connections, name, before)
    landing = connections.landing(name, topic)
    for snapshot in read_answers(connections.warehouse, landing, (name, topic), _find_span(day), MOST_ANSWERS):
        raw = snapshot.raw or b""
        document = read_document(raw)
        profiler.add(snapshot.record_id, {} if document is None else document, len(raw))
    made = profiler.finish()
    rows = [
        Seen(
            channel=name, topic=topic, day=day, finding=finding, version=version,
            word=profiler.words.get(f"{finding.field}={finding.what}", ""),
        )
        for finding in compare(made, before, profiler.examples, is_over=is_over)
    ]  # fmt: skip
    with connections.warehouse.transaction() as connection:
        kept_at = connections.instruments.now()
        profile_rows.keep_profile(connection, (name, topic, day), landed, version, made, kept_at)
        if rows:
            profile_rows.keep_findings(connection, rows, kept_at)
    return Profiled(
        topic=topic, answers=made.answers, fields=count_fields(made), compared=sum(past.answers for past in before),
        changes=tuple(rows),
    )  # fmt: skip


def count_fields(made: Profile) -> int:
    return sum(":" not in feature and "=" not in feature for feature in made.features)


def _build_profiler(connections: Connections, name: str, before: Sequence[Profile]) -> Profiler:
    kind = str(connections.settings.channel(name).__struct_config__.tag)
    fields = personal_fields([] if kind in KINDS else [kind])
    personal = {path for answer in fields for path in (*answer.kept, *answer.cut)}
    key = connections.vault.own_key("values in profiles of answers")
    return Profiler(
        personal, lambda text: hmac.digest(key, text.encode("utf-8", "replace"), "sha256")[:8].hex(),
        Before(before).usual(),
    )  # fmt: skip


def read_recent(connections: Connections, names: Sequence[str], days: timedelta) -> list[Seen]:
    """What differed during the last days, the newest first."""
    since = connections.instruments.now().astimezone(UTC).date() - days
    with connections.warehouse.transaction() as connection:
        return profile_rows.read_findings(connection, names, since)


def judge(connections: Connections, name: str) -> list[Seen]:
    """What is to be looked at now: the told changes of today and the two days before it."""
    return [row for row in read_recent(connections, [name], TOLD_FOR) if row.finding.is_alarm]


def find_drift(connection: Connection, names: Sequence[str], now: datetime) -> Iterator[tuple[str, str, str]]:
    """(channel and topic, subject, message) for alerts, of what `judge` names."""
    rows = profile_rows.read_findings(connection, names, now.astimezone(UTC).date() - TOLD_FOR)
    by_place: dict[tuple[str, str], list[Seen]] = {}
    for row in rows:
        if row.finding.is_alarm:
            by_place.setdefault((row.channel, row.topic), []).append(row)
    for (channel, topic), group in by_place.items():
        first = min(row.day for row in group)
        more = f" and {len(group) - 3} more" if len(group) > 3 else ""
        yield (
            f"{channel}:{topic}",
            f"{channel} answers about {topic} in another shape",
            f"Since {first}: {'; '.join(describe(row) for row in group[:3])}{more}. Look at "
            f"`commerce-pipelines drift {channel}`; what the rules need of it is in docs/drift.md.",
        )


def find_unprofiled(connection: Connection, settings: Settings, now: datetime) -> Iterator[tuple[str, str, str]]:
    """(channel, subject, message) for alerts, of channels with answers that no profile has although it is long due:
    what makes profiles tells nothing when it stands still."""
    for channel in settings.channels:
        first = [
            at for topic in _list_topics(channel) if (at := _find_unprofiled(connection, channel.name, topic, now))
        ]
        if first:
            yield (
                channel.name,
                f"nobody looks at the shape of the answers of {channel.name}",
                f"Answers have come since {local_time(min(first))} that no profile has. See in Dagster's UI whether "
                f"the schedule {in_group(SCHEDULE, channel.group)} is switched off, and whether runs of "
                f"{channel.name}/schema_profile wait or fail.",
            )


def _find_unprofiled(connection: Connection, name: str, topic: str, now: datetime) -> datetime | None:
    """When the first answer came that waits too long for a profile. Older days than yesterday are never profiled."""
    made_at = profile_rows.read_made_at(connection, name, topic)
    yesterday = _find_span(now.astimezone(UTC).date() - timedelta(days=1))[0]
    start = max(yesterday, made_at) if made_at else yesterday
    return find_first(connection, name, topic, start, now - UNPROFILED_FOR) if start < now - UNPROFILED_FOR else None


def describe(row: Seen) -> str:
    """As in `orders: buyer.buyerEmail, empty or withheld (null): 0 % of 840 before, 100 % of 31 now`."""
    was, has = write_shares(row.finding)
    return f"{row.topic}: {row.finding.field or 'the whole answer'}, {write_change(row)}: {was} before, {has} now"


def write_change(row: Seen) -> str:
    what = row.word if row.finding.change is Change.NEW_VALUE else row.finding.what
    return f"{row.finding.change.value} ({what})" if what else row.finding.change.value


def write_shares(finding: Finding) -> tuple[str, str]:
    if finding.change is Change.SIZE:
        return f"{finding.was:.0f} bytes", f"{finding.has} bytes"
    now = finding.has / finding.answers if finding.answers else 0
    return (
        f"{finding.was:.1%} of {finding.answers_before}".replace("%", " %"),
        f"{now:.1%} of {finding.answers}".replace("%", " %"),
    )


def list_cells(rows: Sequence[Seen]) -> Iterator[tuple[str, ...]]:
    """A row of a table for each, in the order of HEADINGS."""
    for row in rows:
        was, has = write_shares(row.finding)
        yield (
            row.day.isoformat(), row.channel, row.topic, row.finding.field or "the whole answer", write_change(row),
            was, has, row.finding.example or "–", "yes" if row.finding.is_alarm else "noted",
        )  # fmt: skip


def list_sunsets(connections: Connections, name: str) -> list[str]:
    """What is announced to end soon, one sentence each."""
    today = connections.instruments.now().astimezone(UTC).date()
    return connections.settings.channel(name).warnings(today)
