"""Alerts: what stands still, reported to people once. They look at outcomes, not only at failed runs.

A sensor evaluates them and, beside it, `dev` itself, so that alerts also come when the daemon is dead. Their state is
in the database, so that two watchers send one alert.

What belongs here: the conditions in words, when each is reported, the daily digest. What does not: sending
(resources/alerts.py), the records (warehouse/shared/conditions.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ..core.errors import CommerceError
from ..core.local_time import local_time
from ..domain.outbox.effects import Kind
from ..resources.connections import Connections
from ..settings.file import Settings
from ..warehouse.outbox import holds
from ..warehouse.shared import conditions
from ..warehouse.shared.conditions import Condition, Kept
from .drift import find_drift, find_unprofiled
from .notices.listeners import judge_channels, judge_listeners, judge_silence, list_listeners
from .notices.subscribe import UNSUBSCRIBED, Subscribed
from .notices.subscribe import judge as judge_subscriptions
from .pollers import judge, list_pollers
from .privacy.asked import ASKED, find_asked

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

Send = Callable[[str, str], list[str]]  # (subject, text) -> the problems, one sentence per target

MISSING, WAITING, STOPPED, POLLING, RUN = "missing:", "waiting:", "stopped:", "polling:", "run:"
DEAF, SILENT, DRIFTED, UNPROFILED = "deaf:", "silent:", "drifted:", "unprofiled:"
SWITCHED_OFF, WATCHER_OFF = "switched_off:", "watcher_off:"
WATCHERS = ("outcomes", "run_failures")  # the sensors that tell people; who switches them off hears of it from `dev`
# Families of conditions that each look finds anew; failed runs are recorded when they end.
SEEN_HERE = (MISSING, WAITING, STOPPED, POLLING, DEAF, SILENT, DRIFTED, UNPROFILED, ASKED)
# An order that came a moment ago counts as missing until its run is over; a receiver that starts has not listened yet.
GRACE_OF = {MISSING: timedelta(minutes=30), DEAF: timedelta(minutes=3)}
# A condition that comes back within a day is reported after 1, 2, 4 … hours.
FIRST_REPEAT, LONGEST_REPEAT = timedelta(hours=1), timedelta(days=1)
# Pauses before a message that no target took is sent again.
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=6)
DIGEST = "digest"


def find(connections: Connections, now: datetime) -> list[Condition]:
    """Everything that stands still now, found in the database alone."""
    settings = connections.settings
    with connections.warehouse.transaction() as connection:
        return [
            *_find_missing(connection),
            *_find_missing_refunds(connection),
            *_find_waiting(connection, now - timedelta(hours=settings.alerts.waiting_hours)),
            *(condition for channel in settings.channels for condition in _find_stopped(connection, channel.name)),
            *_find_silent_pollers(connection, settings, now),
            *_find_unheard(connection, settings, now),
            *_find_drifted(connection, settings, now),
            *find_asked(connection),
        ]


def watch(connections: Connections, send: Send, now: datetime) -> list[str]:
    """Look, report new conditions, and record which were reported. Returns the problems of sending.

    Only one process looks at a time; the others skip their look.
    """
    with connections.warehouse.lock("alerts", wait=False) as ours:
        if not ours:
            return []
        with connections.warehouse.transaction() as connection:
            listeners = [listener.name for listener in list_listeners(connections.settings)]
            conditions.expect(connection, [*list_pollers(connections.settings), *listeners], now)
        conditions_now = find(connections, now)
        with connections.warehouse.transaction() as connection:
            kept_before = conditions.read(connection)
        kept = update(kept_before, conditions_now, now)
        due = [condition for condition in kept.values() if is_due(condition, now)]
        problems: list[str] = []
        if due and connections.settings.alerts.targets:
            problems = send(
                _write_subject(due), "\n\n".join(f"{condition.subject}\n{condition.message}" for condition in due)
            )
            taken = len(problems) < len(connections.settings.alerts.targets)
            kept |= {
                condition.key: mark_told(condition, now) if taken else mark_failed(condition, now) for condition in due
            }
        digest, more = _send_digest(connections, send, kept, now)
        with connections.warehouse.transaction() as connection:
            changed = [
                condition for key, condition in kept.items() if kept_before.get(key) != condition
            ]  # other processes may record runs meanwhile
            conditions.write(connection, [*changed, *digest])
        return problems + more


def note_run(connections: Connections, key: str, subject: str, message: str, now: datetime) -> None:
    """Record a failed run. It is reported at the next look, once until a run of the same work succeeds
    (`run_succeeded`)."""
    with connections.warehouse.transaction() as connection:
        kept_before = conditions.read(connection)
        conditions_now = [Condition(key=RUN + key, subject=subject, message=message)]
        conditions.write(connection, update(kept_before, conditions_now, now, families=()).values())


def note_switched_off(connections: Connections, names: Iterable[str], now: datetime) -> None:
    """Record the sensors and schedules that a person, or a foreign web page, has switched off; all others are on."""
    conditions_now = [
        Condition(
            key=SWITCHED_OFF + name,
            subject=f"{name} is switched off",
            message=f"Switch {name} on again under Automation in Dagster's UI, or what it does is not done.",
        )
        for name in names
    ]
    with connections.warehouse.transaction() as connection:
        kept_before = conditions.read(connection)
        conditions.write(connection, update(kept_before, conditions_now, now, families=(SWITCHED_OFF,)).values())


def note_subscriptions(connections: Connections, name: str, result: Subscribed, now: datetime) -> None:
    """Record what a comparison of a channel's subscriptions found; a later one that finds all of them ends it."""
    with connections.warehouse.transaction() as connection:
        kept_before = conditions.read(connection)
        kept = update(kept_before, judge_subscriptions(name, result), now, families=(f"{UNSUBSCRIBED}{name}:",))
        conditions.write(connection, kept.values())


def note_watchers_off(connections: Connections, off: Collection[str], now: datetime) -> None:
    """Record those of the sensors that tell people which are switched off. Called from outside of Dagster."""
    conditions_now = [
        Condition(
            key=WATCHER_OFF + name,
            subject=f"{name} is switched off",
            message=f"Nobody hears what that sensor sees. Switch {name} on again under Automation in Dagster's UI.",
        )
        for name in WATCHERS
        if name in off
    ]
    with connections.warehouse.transaction() as connection:
        kept_before = conditions.read(connection)
        conditions.write(connection, update(kept_before, conditions_now, now, families=(WATCHER_OFF,)).values())


def open_runs(connections: Connections) -> dict[str, datetime]:
    """The keys of failed work that has not succeeded since, and when it failed."""
    with connections.warehouse.transaction() as connection:
        kept = conditions.read(connection)
    return {
        k.removeprefix(RUN): condition.since
        for k, condition in kept.items()
        if k.startswith(RUN) and condition.gone_at is None
    }


def run_succeeded(connections: Connections, key: str, now: datetime) -> None:
    with connections.warehouse.transaction() as connection:
        condition = conditions.read(connection).get(RUN + key)
        if condition is not None:
            conditions.write(connection, [msgspec.structs.replace(condition, gone_at=now)])


def update(
    kept_before: Mapping[str, Kept],
    conditions_now: list[Condition],
    now: datetime,
    *,
    families: tuple[str, ...] = SEEN_HERE,
) -> dict[str, Kept]:
    """The records after a look. families: those of which the look found every condition; a condition of theirs that was
    not found is gone."""
    kept = dict(kept_before)
    for condition in conditions_now:
        before = kept.get(condition.key)
        if before is None:
            kept[condition.key] = Kept(
                key=condition.key, subject=condition.subject, message=condition.message, since=now, told_at=None,
                gone_at=None, times=0, attempts=0, next_try=None,
            )  # fmt: skip
        elif before.gone_at is None:
            kept[condition.key] = msgspec.structs.replace(before, subject=condition.subject, message=condition.message)
        else:
            kept[condition.key] = _reopen(before, condition, now)
    here = {condition.key for condition in conditions_now}
    for key, before in kept_before.items():
        if key.startswith(families) and key not in here and before.gone_at is None and families:
            kept[key] = msgspec.structs.replace(before, gone_at=now)
    return kept


def _reopen(before: Kept, condition: Condition, now: datetime) -> Kept:
    """A condition that came back. A condition that comes and goes is reported at ever longer intervals, until it was
    gone for a day."""
    quiet = before.gone_at is not None and now - before.gone_at >= LONGEST_REPEAT
    times = 0 if quiet else before.times
    wait = min(FIRST_REPEAT * 2 ** min(max(times - 1, 0), 10), LONGEST_REPEAT)
    next_try = before.told_at + wait if times and before.told_at else None
    return msgspec.structs.replace(
        before, subject=condition.subject, message=condition.message, since=now, told_at=None, gone_at=None,
        times=times, attempts=0, next_try=next_try,
    )  # fmt: skip


def is_due(condition: Kept, now: datetime) -> bool:
    """Whether a condition is to be reported now."""
    grace = next((wait for family, wait in GRACE_OF.items() if condition.key.startswith(family)), timedelta())
    return (
        condition.key != DIGEST
        and condition.gone_at is None
        and condition.told_at is None
        and now - condition.since >= grace
        and (condition.next_try is None or condition.next_try <= now)
    )


def mark_told(condition: Kept, now: datetime) -> Kept:
    return msgspec.structs.replace(condition, told_at=now, times=condition.times + 1, attempts=0, next_try=None)


def mark_failed(condition: Kept, now: datetime) -> Kept:
    wait = min(FIRST_RETRY * 2 ** min(condition.attempts, 10), LONGEST_RETRY)
    return msgspec.structs.replace(condition, attempts=condition.attempts + 1, next_try=now + wait)


def _write_subject(due: list[Kept]) -> str:
    return f"commerce_pipelines: {due[0].subject}" + (f", and {len(due) - 1} more" if len(due) > 1 else "")


def _find_missing(connection: Connection) -> Iterator[Condition]:
    from ..warehouse.orders.proof_rows import wanting

    for order in wanting(connection):
        what = [f"{order.missing} orders are missing in Odoo"] if order.missing else []
        what += [f"{order.surplus} sale orders in Odoo are unknown to the channel"] if order.surplus else []
        what += ["money differs"] if order.differs else []
        yield Condition(
            key=MISSING + order.channel,
            subject=f"{order.channel} and Odoo do not agree",
            message=f"From {order.first} to {order.last}: {', '.join(what)}. "
            f"`commerce-pipelines report {order.channel} --from {order.first} --to {order.last}` names them.",
        )


def _find_missing_refunds(connection: Connection) -> Iterator[Condition]:
    from ..warehouse.returns.proof_rows import wanting

    for refunds in wanting(connection):
        name, first, last = refunds.channel, refunds.first, refunds.last
        what = [f"{refunds.missing} refunds have no credit note in Odoo"] if refunds.missing else []
        what += [f"{refunds.surplus} credit notes belong to no refund that is done"] if refunds.surplus else []
        what += ["money differs"] if refunds.differs else []
        yield Condition(
            key=f"{MISSING}{name}:refunds",
            subject=f"the refunds of {name} and Odoo do not agree",
            message=f"From {first} to {last}: {', '.join(what)}. "
            f"`commerce-pipelines report {name} --from {first} --to {last}` names them.",
        )


def _find_waiting(connection: Connection, before: datetime) -> Iterator[Condition]:
    from ..warehouse.exceptions import overdue

    for record in overdue(connection, before):
        yield Condition(
            key=f"{WAITING}{record.channel}:{record.topic}:{record.code}",
            subject=f"{record.count} {record.topic} of {record.channel} wait: {record.code}",
            message=f"Since {local_time(record.since)}. `commerce-pipelines exceptions list {record.channel} "
            f"--reason {record.code}` says what to do.",
        )


def _find_stopped(connection: Connection, name: str) -> Iterator[Condition]:
    for kind in Kind:
        hold = holds.held(connection, name, kind)
        if hold is not None:
            what_to_do = {
                Kind.QUANTITY: f" Look at `commerce-pipelines inventory plan {name}`; if the figures are right, run "
                f"`commerce-pipelines inventory release {name}`.",
                Kind.SHIPMENT: f" Look at `commerce-pipelines shipments plan {name}`; if they are to be confirmed, run "
                f"`commerce-pipelines shipments release {name}`.",
                Kind.REFUND: f" Look at `commerce-pipelines refunds plan {name}`; if they are to be paid back, run "
                f"`commerce-pipelines refunds release {name}`.",
            }
            yield Condition(
                key=f"{STOPPED}{name}:{kind}",
                subject=f"the breaker stopped what was to be sent to {name} ({kind})",
                message=f"{hold.reasons}.{what_to_do.get(kind, '')}",
            )


def judge_pollers(connections: Connections, now: datetime) -> dict[str, str]:
    """What is wrong with each poller, '' where nothing is wrong."""
    with connections.warehouse.transaction() as connection:
        return _list_problems(connection, connections.settings, now)


def _list_problems(connection: Connection, settings: Settings, now: datetime) -> dict[str, str]:
    beats = {beat.name: beat for beat in conditions.heartbeats(connection)}
    failed_ticks = settings.alerts.failed_ticks
    return {name: judge(poller, beats.get(name), failed_ticks, now) for name, poller in list_pollers(settings).items()}


def _find_silent_pollers(connection: Connection, settings: Settings, now: datetime) -> Iterator[Condition]:
    pollers = list_pollers(settings)
    for name, problem in _list_problems(connection, settings, now).items():
        if problem:
            subject = f"looking at {pollers[name].subject} does not work"
            yield Condition(key=POLLING + name, subject=subject, message=problem)


def _find_drifted(connection: Connection, settings: Settings, now: datetime) -> Iterator[Condition]:
    names = [channel.name for channel in settings.channels]
    for place, subject, message in find_drift(connection, names, now):
        yield Condition(key=DRIFTED + place, subject=subject, message=message)
    for place, subject, message in find_unprofiled(connection, settings, now):
        yield Condition(key=UNPROFILED + place, subject=subject, message=message)


def judge_messages(connections: Connections, now: datetime) -> dict[str, str]:
    """What is wrong with the messages of each channel that receives, '' where nothing is wrong."""
    with connections.warehouse.transaction() as connection:
        return judge_channels(connection, connections.settings, now)


def _find_unheard(connection: Connection, settings: Settings, now: datetime) -> Iterator[Condition]:
    listeners = list_listeners(settings)
    problems = judge_listeners(connection, listeners, now)
    deaf = {channel for listener in listeners if problems[listener.name] for channel in listener.channels}
    for listener in listeners:
        if problem := problems[listener.name]:
            yield Condition(key=DEAF + listener.name, subject=f"nobody listens to {listener.subject}", message=problem)
    for channel in settings.channels:
        if channel.receives and channel.name not in deaf and (problem := judge_silence(connection, channel.name, now)):
            yield Condition(
                key=SILENT + channel.name, subject=f"{channel.name} sends no messages any more", message=problem
            )


def _send_digest(
    connections: Connections, send: Send, kept: Mapping[str, Kept], now: datetime
) -> tuple[list[Kept], list[str]]:
    """Once a day: what came yesterday, what waits, what stands still. Returns the digest's record and the problems of
    sending it."""
    settings = connections.settings
    if settings.alerts.digest_hour is None or not settings.alerts.targets or not settings.channels:
        return [], []
    local = now.astimezone(settings.channels[0].zone)
    before = kept.get(DIGEST)
    if local.hour < settings.alerts.digest_hour or (before is not None and before.next_try and now < before.next_try):
        return [], []
    if before is not None and before.told_at and before.told_at.astimezone(local.tzinfo).date() >= local.date():
        return [], []
    record = before or Kept(
        key=DIGEST, subject="", message="", since=now, told_at=None, gone_at=None, times=0, attempts=0, next_try=None
    )
    problems = send(f"commerce_pipelines: {local:%d.%m.%Y}", digest_text(connections, kept, now))
    taken = len(problems) < len(settings.alerts.targets)
    return [mark_told(record, now) if taken else mark_failed(record, now)], problems


def digest_text(connections: Connections, kept: Mapping[str, Kept], now: datetime) -> str:
    """One line per channel about yesterday and what waits, one for each condition, and one for whatever will end soon:
    credentials, versions of APIs."""
    from ..odoo.reference.api_keys import find_expiring_keys
    from ..warehouse.exceptions import open_exceptions
    from .intake.backfill import came

    lines, ending = [], list[str]()
    with suppress(CommerceError):  # an Odoo that is away is a condition of its own
        ending += find_expiring_keys(connections.odoo, now.date())
    for channel in connections.settings.channels:
        yesterday = now.astimezone(channel.zone).date() - timedelta(days=1)
        with connections.warehouse.transaction() as connection:
            waiting = sum(record.blocking for record in open_exceptions(connection, channel.name, None))
        day = came(connections, channel.name, yesterday, yesterday)
        came_in = (
            f"{day.orders} orders yesterday, {day.in_odoo} of them in Odoo, {day.missing} missing"
            if day.proved
            else "the orders of yesterday have not been compared with Odoo yet"
        )
        lines.append(f"{channel.name}: {came_in}; {waiting} wait for a person or for something to change.")
        ending += channel.warnings(now.date())
    standing = [record.subject for record in kept.values() if record.gone_at is None and record.key != DIGEST]
    return "\n".join([*lines, *(f"Still so: {subject}." for subject in standing), *ending])
