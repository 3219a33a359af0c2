"""New orders: one polling sensor per channel, and a nightly run over the last days that catches what polling missed.

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
from ..flows.pollers import Poller, is_turn, list_pollers, looking, misses_turn, orders_poller, why_resting
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .busy import busy, is_left_behind
from .ticks import label

if TYPE_CHECKING:
    from ..flows.intake.changes import Cursor, Request
    from ..flows.intake.pull import Landed
    from ..warehouse.shared.notifications import Hint

NIGHTLY_DAYS = 7
RED_DAYS_A_NIGHT = 14  # older days that are requested again in one night
TABLES = ("raw_orders", "orders", "order_lines", "sale_orders", "exceptions")


def lane(name: str) -> dg.AssetSelection:
    """The assets of a channel's orders; `exceptions`, which has no days, shows after each run what waits."""
    return select(*(dg.AssetKey([name, table]) for table in TABLES))


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """The lane's sensors, for LANES."""
    pollers = list_pollers(settings)
    return [new_orders_sensor(channel, pollers[orders_poller(channel.name)]) for channel in channels]


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """The lane's schedules, for LANES."""
    return [nightly_orders(channel) for channel in channels]


def new_orders_sensor(channel: ChannelSettings, poller: Poller) -> dg.SensorDefinition:
    """Land what changed in the channel, then request one run per span of days that have answers not dealt with.

    The days come from comparing the landing with the ledger, not from the cursor: a run that failed or was killed is
    requested again (at once, then after ever longer pauses), and a lost cursor loses no order. Both happen even while
    the channel itself is not read, because it refuses us or its rate limit is used up.
    """
    name = channel.name

    @dg.sensor(
        name=poller.name,
        target=lane(name),
        minimum_interval_seconds=poller.tick_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Polls {name} every {channel.poll_seconds} s for changed orders, lands them encrypted, and "
        "requests a run for exactly the business days they belong to.",
        **label("orders", poller),
    )
    @in_our_words
    def new_orders(
        context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.SensorResult | dg.SkipReason:
        from ..flows.intake.changes import UNSETTLED_FOR, due_days, read_cursor
        from ..flows.notices.follow import last_read, list_hints

        now, cursor = connections.instruments.now(), read_cursor(context.cursor, connections.instruments.now())
        hints, read_at = list_hints(connections, name, [Topic.ORDERS]), last_read(connections, name)
        turn = (poller.hinted and cursor.resume is not None) or is_turn(connections, poller, now)
        looks = turn or hints or cursor.waits or read_at != cursor.read_at
        if not (looks or is_left_behind(context.instance, name, Topic.ORDERS, [cursor], now)):
            return dg.SkipReason(f"No message came; {name} is asked every {poller.seconds} s, in turns.")
        cursor, landed, rests = _look(context, connections, channel, poller, cursor, hints, turn=turn)
        _heal(context, connections, name, now)
        if not rests:
            _ask_reviews(context, connections, name, now)
        working = busy(context.instance, name, Topic.ORDERS)  # before `pending`: what a run deals with is not due
        pending = _find_pending(connections, channel, cursor, now)
        waits = bool(pending) and working
        due = {} if waits else due_days(pending, cursor.requested, now)
        requests, settled = _request_runs(name, due), cursor.settled if pending else now - UNSETTLED_FOR
        waits, missed = waits and poller.hinted, misses_turn(connections, poller, now)
        memory = {"settled": settled, "waits": waits, "read_at": read_at, "rests": missed}
        cursor = msgspec.structs.replace(cursor, requested=_list_requested(cursor, pending, due), **memory)
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else dg.SkipReason(rests or _describe(landed)),
            cursor=msgspec.json.encode(cursor).decode(),
        )

    return new_orders


def _describe(landed: "Landed") -> str:
    ways = f" Read {'; '.join(landed.ways)}." if landed.ways else ""
    return f"{landed.seen} orders seen, {landed.new} new.{ways}"


def _find_pending(
    connections: Connections, channel: ChannelSettings, cursor: "Cursor", now: datetime
) -> dict[date, datetime]:
    """The days with landed answers that no run has dealt with, and when the newest of them was first seen."""
    tomorrow = now.astimezone(channel.zone).date() + timedelta(days=1)
    return connections.landing(channel.name, Topic.ORDERS).pending(channel.start_date, tomorrow, cursor.settled)


def _look(
    context: dg.SensorEvaluationContext, connections: Connections, channel: ChannelSettings, poller: Poller,
    cursor: "Cursor", hints: "Sequence[Hint]", *, turn: bool,
) -> tuple["Cursor", "Landed", str]:  # fmt: skip
    """(cursor, landed, why the channel was not read) after a poll, if it is its turn or much has changed, and after
    reading the orders that messages named. A message never puts a poll off."""
    from ..flows.intake.pull import Landed
    from ..flows.notices.follow import must_list, read_named

    landed, rests = Landed(), ""
    lists = turn or must_list(connections, channel.name, hints)
    if lists:
        cursor, landed, rests = _poll(connections, channel, poller, cursor)
    rests = rests or why_resting(connections, poller, connections.instruments.now())
    if hints and not rests:
        try:
            read_named(connections, channel.name, landed, listed=hints if lists and cursor.resume is None else ())
        except CommerceError as error:
            context.log.warning("Orders that messages named are read later: %s", error)
    if landed.new and connections.settings.hinted:
        _record_hint(connections)
    return cursor, landed, rests


def _poll(
    connections: Connections, channel: ChannelSettings, poller: Poller, cursor: "Cursor"
) -> tuple["Cursor", "Landed", str]:
    """(cursor, landed, why the channel was not read) after a look at the channel."""
    from ..flows.intake.changes import poll
    from ..flows.intake.pull import Landed

    now = connections.instruments.now()
    if rests := why_resting(connections, poller, now):
        return cursor, Landed(), rests
    try:
        with looking(connections, poller):
            cursor, landed = poll(connections, channel.name, cursor, now=now)
    except RateLimited as error:
        return cursor, Landed(), str(error)
    return cursor, landed, ""


def _list_requested(
    cursor: "Cursor", pending: Mapping[date, datetime], due: Mapping[date, "Request"]
) -> dict[str, "Request"]:
    """What was requested for the days that are not dealt with yet."""
    days = {day.isoformat() for day in pending}
    requested = {day: request for day, request in cursor.requested.items() if day in days}
    return requested | {day.isoformat(): request for day, request in due.items()}


def _request_runs(name: str, due: Mapping[date, "Request"]) -> list[dg.RunRequest]:
    """One run per span of due days."""
    from ..flows.intake.changes import spans

    requests = []
    for start, end in spans(due):
        newest = max(due[day].seen for day in due if start <= day <= end)
        tries = max(due[day].tries for day in due if start <= day <= end)
        requests.append(
            dg.RunRequest(
                run_key=f"{start}..{end}@{newest.isoformat()}#{tries}",
                tags={
                    RANGE_START: start.isoformat(),
                    RANGE_END: end.isoformat(),
                    LANDED_TAG: "true",
                    **run_tags(name, Topic.ORDERS),
                    **ASKED_AGAIN,
                },
            )
        )
    return requests


def _record_hint(connections: Connections) -> None:
    """Records that stock changed: a sale leaves less to offer on every channel, but Odoo hints at it only when it has
    the order."""
    from ..warehouse.shared import hints

    with connections.warehouse.transaction() as connection:
        hints.hint(connection, hints.STOCK)


def _heal(context: dg.SensorEvaluationContext, connections: Connections, name: str, now: datetime) -> None:
    """Make waiting orders due whose cause is gone. Odoo may be out of reach, and polling must not depend on it."""
    from ..flows.orders.heal import heal

    try:
        if count := heal(connections, name, now):
            context.log.info("%d waiting orders are due again: their cause is gone.", count)
    except CommerceError as error:
        context.log.warning("Waiting orders were not looked at: %s", error)


def _ask_reviews(context: dg.SensorEvaluationContext, connections: Connections, name: str, now: datetime) -> None:
    """Orders that the marketplace has cleared meanwhile go on. A look that fails is repeated later."""
    from ..flows.orders.risky_orders import ask_again

    try:
        if (landed := ask_again(connections, name, now)).new:
            context.log.info("%d orders under review have a new answer.", landed.new)
    except CommerceError as error:
        context.log.warning("Orders under review were not asked for: %s", error)


def nightly_orders(channel: ChannelSettings) -> dg.ScheduleDefinition:
    """Every night the last days are pulled again and proved: the same lane repairs late, lost and edited orders."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_nightly",
        target=lane(name),
        cron_schedule="17 2 * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Asks {name} again for the last {NIGHTLY_DAYS} days, and for older ones found wanting, and "
        "brings Odoo in step with the answer.",
        tags={"flow": "orders"},
    )
    @in_our_words
    def nightly(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> list[dg.RunRequest]:
        today = context.scheduled_execution_time.astimezone(channel.zone).date()
        start = today - timedelta(days=NIGHTLY_DAYS)
        return [
            dg.RunRequest(
                run_key=f"{today}: {first}..{last}",
                tags={
                    RANGE_START: first.isoformat(),
                    RANGE_END: last.isoformat(),
                    **run_tags(name, Topic.ORDERS),
                },
            )
            for first, last in [*_find_red_spans(context, connections, channel, start), (start, today)]
        ]

    return nightly


def _find_red_spans(
    context: dg.ScheduleEvaluationContext, connections: Connections, channel: ChannelSettings, before: date
) -> list[tuple[date, date]]:
    """Older incomplete days, the newest of them. Nothing else looks at them again, and they keep `complete` failing."""
    from ..flows.intake.changes import spans
    from ..flows.orders.channel_proof import red_days

    try:
        red = [day for day in red_days(connections, channel.name, before) if day >= channel.start_date]
        return spans(red[-RED_DAYS_A_NIGHT:])
    except CommerceError as error:
        context.log.warning("Older days are not looked at again: %s", error)
        return []
