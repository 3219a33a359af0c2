"""How the whole installation is doing, for monitors: figures, and what waits too long or has stopped.

The command `health` and the metrics both read this, so that they never contradict each other. It asks the database
alone, neither a marketplace nor Odoo, and reads no table through; it holds no personal data.

What belongs here: reading, and judging in sentences with their fix. What does not: how it is shown (cli/health.py,
cli/metrics.py), alerts (alerts.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec

from ..core.local_time import local_time
from ..core.topics import Topic
from ..resources.connections import Connections
from ..warehouse.shared import conditions, figures
from ..warehouse.shared.conditions import Heartbeat, Kept
from ..warehouse.shared.figures import Unsettled, Waiting
from .alerts import DIGEST, GRACE_OF, SEEN_HERE, find
from .limits import Limit, read_limits
from .pollers import SILENT_FOR, SILENT_POLLS, list_pollers

LOOK_BACK = timedelta(days=2)  # answers that were first seen earlier and wait still are found as missing orders
UNHANDLED_FOR = timedelta(hours=1)  # a run is requested seconds after an answer was landed
UNDATED = ("secret_rotated_on", "refresh_token_issued_on")  # keys by which settings say how old a credential is


class Level(StrEnum):
    """How bad a finding is; of several the worst counts."""

    LATE = "late"  # something waits too long, the rest goes on
    STOPPED = "stopped"  # nothing goes on, or nobody can tell


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. text: what it is, and the fix."""

    level: Level
    what: str
    text: str


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """Business days of a channel's topic whose newest answers no run has dealt with. newest: when the latest of these
    answers was first seen."""

    channel: str
    topic: str
    days: int
    newest: datetime


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A poller: what it looks at, and its last look and last successful one, None for a poller that never looked."""

    name: str
    subject: str
    looked_at: datetime | None
    succeeded_at: datetime | None
    is_silent: bool


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one instant. credentials: days since a credential was made, by channel, where the settings say
    it."""

    at: datetime
    looks: tuple[Look, ...] = ()
    pending: tuple[Pending, ...] = ()
    exceptions: tuple[Waiting, ...] = ()
    effects: tuple[Unsettled, ...] = ()
    limits: tuple[Limit, ...] = ()
    credentials: tuple[tuple[str, int], ...] = ()
    database_bytes: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def exit_code(self) -> int:
        """For monitors: 0 fine, 1 something waits too long, 2 it has stopped or cannot be told."""
        if any(finding.level is Level.STOPPED for finding in self.findings):
            return 2
        return 1 if self.findings else 0


def read_health(connections: Connections) -> Health:
    """Raises what the database raises: then nobody can tell."""
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        beats = {heartbeat.name: heartbeat for heartbeat in conditions.heartbeats(connection)}
        kept = conditions.read(connection)
        exceptions, effects = figures.count_exceptions(connection), figures.count_effects(connection)
        size = figures.measure_database(connection)
    health = Health(
        at=now, looks=tuple(_list_looks(connections, beats, now)), pending=tuple(_list_pending(connections, now)),
        exceptions=tuple(exceptions), effects=tuple(effects), limits=tuple(read_limits(connections)),
        credentials=tuple(_list_credentials(connections, now.date())), database_bytes=size,
    )  # fmt: skip
    return msgspec.structs.replace(health, findings=tuple(_judge(connections, health, kept)))


def _list_looks(connections: Connections, beats: dict[str, Heartbeat], now: datetime) -> Iterator[Look]:
    for poller in list_pollers(connections.settings).values():
        beat = beats.get(poller.name)
        late = max(timedelta(seconds=SILENT_POLLS * poller.seconds), SILENT_FOR)
        yield Look(
            name=poller.name, subject=poller.subject, looked_at=beat.ticked_at if beat else None,
            succeeded_at=beat.succeeded_at if beat else None, is_silent=beat is None or now - beat.ticked_at > late,
        )  # fmt: skip


def _list_pending(connections: Connections, now: datetime) -> Iterator[Pending]:
    for channel in connections.settings.channels:
        topics = [Topic.ORDERS, *([Topic.RETURNS, Topic.REFUNDS] if channel.returns.enabled else [])]
        for topic in topics:
            landing = connections.landing(channel.name, topic)
            last = (now + timedelta(days=2)).date()
            if days := landing.pending(channel.start_date, last, since=now - LOOK_BACK):
                yield Pending(channel=channel.name, topic=topic, days=len(days), newest=max(days.values()))


def _list_credentials(connections: Connections, today: date) -> Iterator[tuple[str, int]]:
    for channel in connections.settings.channels:
        for key in UNDATED:
            if made := getattr(channel, key, None):
                yield channel.name, (today - made).days


def _judge(connections: Connections, health: Health, kept: dict[str, Kept]) -> Iterator[Finding]:
    looks = health.looks
    if looks and all(look.is_silent for look in looks):
        seen = max((look.looked_at for look in looks if look.looked_at), default=None)
        last = f"The last look at a marketplace or at Odoo was at {local_time(seen)}" if seen else "Nothing looked yet"
        text = f"{last}. Start `commerce-pipelines dev`, or Dagster's daemon and the code location."
        yield Finding(level=Level.STOPPED, what="nothing runs", text=text)
    yield from _judge_conditions(connections, health.at, kept)
    for pending in health.pending:
        if health.at - pending.newest > UNHANDLED_FOR:
            text = (
                f"Answers of {pending.days} business days were landed, the last at {local_time(pending.newest)}, and "
                "no run has dealt with them since. See in Dagster's UI whether runs wait or fail."
            )
            yield Finding(level=Level.LATE, what=f"{pending.topic} of {pending.channel}", text=text)
    for channel in connections.settings.channels:
        for text in channel.warnings(health.at.date()):
            yield Finding(level=Level.LATE, what=f"credentials of {channel.name}", text=text)


def _judge_conditions(connections: Connections, now: datetime, kept: dict[str, Kept]) -> Iterator[Finding]:
    """What stands still now, and what was recorded as it happened: failed runs, sensors that are switched off."""
    for condition in find(connections, now):
        grace = next((wait for family, wait in GRACE_OF.items() if condition.key.startswith(family)), None)
        before = kept.get(condition.key)
        since = before.since if before and before.gone_at is None else now
        if grace is None or now - since >= grace:
            yield Finding(level=Level.LATE, what=condition.subject, text=condition.message)
    for condition in kept.values():
        if condition.gone_at is None and not condition.key.startswith(SEEN_HERE) and condition.key != DIGEST:
            yield Finding(level=Level.LATE, what=condition.subject, text=condition.message)
