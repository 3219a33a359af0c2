"""New returns and refunds: one polling sensor per channel, and a nightly run that catches what polling missed.

What belongs here: ticks, run requests, schedules. What does not: what to read, which days are due
(flows/intake/changes.py).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import msgspec

from ..assets.common import ASKED_AGAIN, LANDED_TAG, RANGE_END, RANGE_START
from ..assets.looked_at import select
from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError, RateLimited
from ..core.lanes import run_tags
from ..core.topics import Topic
from ..flows.pollers import Poller, is_turn, list_pollers, looking, misses_turn, returns_poller, why_resting
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .busy import busy, is_left_behind
from .ticks import label

if TYPE_CHECKING:
    from ..flows.intake.changes import Cursor, Request

    Cursors = dict[str, Cursor]  # by topic

FLOW = str(Topic.RETURNS)
HINTED = (Topic.RETURNS, Topic.REFUNDS)
NIGHTLY_DAYS = 7
TABLES = ("raw_returns", "returns", "refunds", "credit_notes", "exceptions")


def lane(name: str) -> dg.AssetSelection:
    """The assets of a channel's returns; `exceptions`, which has no days, shows after each run what waits."""
    return select(*(dg.AssetKey([name, table]) for table in TABLES))


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """The lane's sensors, for LANES."""
    pollers = list_pollers(settings)
    return [new_returns_sensor(channel, pollers[returns_poller(channel.name)]) for channel in channels]


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """The lane's schedules, for LANES."""
    return [nightly_returns(channel) for channel in channels]


def new_returns_sensor(channel: ChannelSettings, poller: Poller) -> dg.SensorDefinition:
    """Land what changed, each topic by a cursor of its own, then request one run per span of days that have answers
    not dealt with. The days come from comparing the landing with the ledgers, as for orders."""
    name = channel.name

    @dg.sensor(
        name=poller.name,
        target=lane(name),
        minimum_interval_seconds=poller.tick_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Polls {name} every {poller.seconds} s for changed returns and refunds, lands them encrypted, and "
        "requests a run for exactly the business days they belong to.",
        **label(FLOW, poller),
    )
    @in_our_words
    def new_returns(
        context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.SensorResult | dg.SkipReason:
        from ..flows.intake.changes import due_days
        from ..flows.notices.follow import list_hints, settle

        now, cursors = connections.instruments.now(), read_cursors(context.cursor, connections.instruments.now())
        hints = list_hints(connections, name, HINTED)
        looks = bool(hints) or is_turn(connections, poller, now) or _must_go_on(poller, cursors)
        if not (looks or is_left_behind(context.instance, name, FLOW, cursors.values(), now)):
            return dg.SkipReason(f"No message came; {name} is asked every {poller.seconds} s, in turns.")
        rests = _poll(context, connections, name, poller, cursors) if looks else ""
        if looks and not rests:
            settle(connections, name, HINTED, hints)
        _heal(context, connections, name, now)
        working = busy(context.instance, name, FLOW)  # before `pending`: what a run deals with is not due
        pending = _find_pending(connections, channel, cursors, now)
        waits = any(pending.values()) and working
        due: dict[date, Request] = {}
        for topic, days in pending.items():
            of_topic = {} if waits else due_days(days, cursors[topic].requested, now)
            due |= of_topic
            cursor = _update_cursor(cursors[topic], days, of_topic, now, waits=waits and poller.hinted)
            cursors[topic] = msgspec.structs.replace(cursor, rests=misses_turn(connections, poller, now))
        requests, why = _request_runs(name, due), "a run of this lane is still working" if waits else "nothing new"
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else dg.SkipReason(rests or f"Returns and refunds: {why}."),
            cursor=msgspec.json.encode(cursors).decode(),
        )

    return new_returns


def _find_pending(
    connections: Connections, channel: ChannelSettings, cursors: "Cursors", now: datetime
) -> dict[Topic, dict[date, datetime]]:
    """Of each topic the days with landed answers that no run has dealt with, and when the newest was first seen."""
    from ..flows.returns.stage import offered_topics

    tomorrow = now.astimezone(channel.zone).date() + timedelta(days=1)
    return {
        topic: connections.landing(channel.name, topic).pending(channel.start_date, tomorrow, cursors[topic].settled)
        for topic in offered_topics(connections, channel.name)
    }


def read_cursors(text: str | None, now: datetime) -> "Cursors":
    """The cursor of each topic; a missing or unreadable one begins a day back."""
    from ..flows.intake.changes import Cursor, read_cursor
    from ..flows.returns.stage import TOPICS

    try:
        stored = msgspec.json.decode(text or "{}", type=dict[str, Cursor])
    except (msgspec.DecodeError, msgspec.ValidationError):
        stored = {}
    return {str(topic): stored.get(topic) or read_cursor(None, now) for topic in TOPICS}


def _poll(
    context: dg.SensorEvaluationContext, connections: Connections, name: str, poller: Poller, cursors: "Cursors"
) -> str:
    """Look at the channel for each topic. A topic that cannot be read holds up neither the other nor the days that are
    landed; the failure is told by the poller's heartbeat. Returns why the channel was not read."""
    from ..flows.intake.changes import poll
    from ..flows.returns.stage import offered_topics

    now = connections.instruments.now()
    if rests := why_resting(connections, poller, now):
        return rests
    errors: list[CommerceError] = []
    topics = offered_topics(connections, name)
    try:
        with looking(connections, poller):
            for topic in topics:
                try:
                    cursors[topic], _ = poll(connections, name, cursors[topic], topic=topic, now=now)
                except CommerceError as error:
                    errors.append(error)
            if errors:
                raise errors[0]
    except CommerceError as error:
        if len(errors) == len(topics) and not isinstance(error, RateLimited):
            raise
        context.log.warning("Not every topic was read: %s", error)
        return str(error)
    return ""


def _must_go_on(poller: Poller, cursors: "Cursors") -> bool:
    """Whether a list is read in part, or a run could not be requested, so that the next turn is too far off."""
    return poller.hinted and any(cursor.waits or cursor.resume is not None for cursor in cursors.values())


def _update_cursor(
    cursor: "Cursor", pending: Mapping[date, datetime], due: Mapping[date, "Request"], now: datetime, *, waits: bool
) -> "Cursor":
    """The cursor with the requested days, without those that are dealt with."""
    from ..flows.intake.changes import UNSETTLED_FOR

    days = {day.isoformat() for day in pending}
    requested = {day: request for day, request in cursor.requested.items() if day in days}
    requested |= {day.isoformat(): request for day, request in due.items()}
    settled = cursor.settled if pending else now - UNSETTLED_FOR
    return msgspec.structs.replace(cursor, requested=requested, settled=settled, waits=waits)


def _request_runs(name: str, due: Mapping[date, "Request"]) -> list[dg.RunRequest]:
    """One run per span of due days."""
    from ..flows.intake.changes import spans

    requests = []
    for start, end in spans(due):
        of_span = [due[day] for day in due if start <= day <= end]
        newest, tries = max(request.seen for request in of_span), max(request.tries for request in of_span)
        tags = {RANGE_START: start.isoformat(), RANGE_END: end.isoformat(), LANDED_TAG: "true"}
        requests.append(
            dg.RunRequest(
                run_key=f"returns {start}..{end}@{newest.isoformat()}#{tries}",
                tags={**tags, **run_tags(name, FLOW), **ASKED_AGAIN},
            )
        )
    return requests


def _heal(context: dg.SensorEvaluationContext, connections: Connections, name: str, now: datetime) -> None:
    """Make waiting records due whose cause is gone. Odoo may be out of reach, and polling must not depend on it."""
    from ..flows.returns.heal import heal

    try:
        if count := heal(connections, name, now):
            context.log.info("%d waiting returns and refunds are due again: their cause is gone.", count)
    except CommerceError as error:
        context.log.warning("Waiting returns and refunds were not looked at: %s", error)


def nightly_returns(channel: ChannelSettings) -> dg.ScheduleDefinition:
    """Every night the last days are pulled again and proved, and older days that were found wanting."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_returns_nightly",
        target=lane(name),
        cron_schedule="47 2 * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Asks {name} again for the returns and refunds of the last {NIGHTLY_DAYS} days, and brings Odoo "
        "in step with the answer.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def nightly(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> list[dg.RunRequest]:
        today = context.scheduled_execution_time.astimezone(channel.zone).date()
        start = max(channel.start_date, today - timedelta(days=NIGHTLY_DAYS))
        tags = {RANGE_START: start.isoformat(), RANGE_END: today.isoformat()}
        return [dg.RunRequest(run_key=f"returns {today}", tags={**tags, **run_tags(name, FLOW)})]

    return nightly
