"""Following a channel's changes: which window to read, and which days then need a run. The logic of the sensor.

What belongs here: the cursor, the overlap, the time budget and the pure choice of days. What does not: Dagster's run
requests (sensors/orders.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import msgspec

from ...channels.capabilities import Window, source_of
from ...core.errors import TransientError
from ...core.lanes import LONGEST_RUN_DAYS
from ...core.topics import Topic
from ...resources.connections import Connections
from ..identity import identify
from .pull import Landed, land

FIRST_LOOK = timedelta(hours=24)  # how far back a new sensor begins
# Answers are dated by the start of their pull, which may commit its last page a day later.
UNSETTLED_FOR = timedelta(days=2)
LONGEST_SPAN = timedelta(days=LONGEST_RUN_DAYS)
FIRST_BACKOFF = timedelta(minutes=5)  # after a second run that failed the next ones wait 5, 10, 20 … 80 minutes


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last run that was requested for a day: for which newest answer, when, and how often for the same answer."""

    seen: datetime
    at: datetime
    tries: int = 1


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sensor's memory, stored as JSON. It only saves work: losing it costs a day of polling again, but no order.

    watermark: every change before this instant is landed. until, resume: an unfinished list to continue. settled: a run
    has dealt with every answer first seen before this instant; None until all answers were checked for that. waits: a
    day is due and its run could not be requested yet. rests: its turn came while it might not look, and is made up for.
    read_at: when the receiver had last landed an order.
    """

    watermark: datetime
    until: datetime | None = None
    resume: str | None = None
    settled: datetime | None = None
    requested: dict[str, Request] = {}
    waits: bool = False
    rests: bool = False
    read_at: datetime | None = None


def read_cursor(text: str | None, now: datetime) -> Cursor:
    """The stored cursor; a missing or unreadable one begins a day back."""
    if text:
        try:
            return msgspec.json.decode(text, type=Cursor)
        except (msgspec.DecodeError, msgspec.ValidationError):
            pass
    return Cursor(watermark=now - FIRST_LOOK)


def poll(
    connections: Connections,
    name: str,
    cursor: Cursor,
    *,
    topic: Topic = Topic.ORDERS,
    budget: float = 10.0,
    now: datetime | None = None,
) -> tuple[Cursor, Landed]:
    """Land what changed of the topic's records since the cursor, beginning `overlap_minutes` earlier, because channels
    show records late.

    Stops after the page that exceeds `budget` seconds, or when the next page cannot be read for now, and continues
    there at the next tick. The watermark moves only past what is landed and committed.
    """
    now = now or connections.instruments.now()
    identify(connections, name)
    clock = connections.instruments.clock
    started = clock()
    settings = connections.settings.channel(name)
    landed = Landed()
    if cursor.watermark > now:  # written by a clock that was ahead: changes since the true time were never read
        cursor = Cursor(watermark=now - FIRST_LOOK, settled=cursor.settled, requested=cursor.requested)
    since = cursor.watermark - timedelta(minutes=settings.overlap_minutes)
    until = cursor.until or now
    watermark, resume = cursor.watermark, cursor.resume
    try:
        source = source_of(connections.channel(name), topic)
        unchanged = connections.landing(name, source.topic).unchanged
        for page in source.changed(Window(since, until), cursor.resume, unchanged):
            land(connections, name, page, "poll", now, landed, topic)
            resume, watermark = page.resume, page.watermark
            if resume is not None and clock() - started > budget:
                return msgspec.structs.replace(cursor, until=until, resume=resume), landed
    except TransientError:
        if resume in (None, cursor.resume):
            raise
        # Landed pages are not read again: a catch-up with more pages than the rate limit allows would never end.
        return msgspec.structs.replace(cursor, until=until, resume=resume), landed
    watermark = max(cursor.watermark, min(watermark, until))
    return msgspec.structs.replace(cursor, watermark=watermark, until=None, resume=None), landed


def due_days(pending: Mapping[date, datetime], requested: Mapping[str, Request], now: datetime) -> dict[date, Request]:
    """The days for which to request a run now, while no run of the lane works. pending: days with landed answers that
    no run has dealt with, and when the newest of them was first seen.

    A day whose run ended without dealing with it is requested again at once, once: the run may have been killed. A day
    that fails again waits longer each time it is requested for the same answer.
    """
    due = {}
    for day, seen in pending.items():
        last = requested.get(day.isoformat())
        if last is None or last.seen < seen:
            due[day] = Request(seen, now)
        elif now - last.at >= _compute_pause(last.tries):
            due[day] = Request(seen, now, last.tries + 1)
    return due


def may_ask_again(cursor: Cursor, now: datetime) -> bool:
    """Whether a day may be requested again now, if its run has ended without dealing with it."""
    return any(now - request.at >= _compute_pause(request.tries) for request in cursor.requested.values())


def _compute_pause(tries: int) -> timedelta:
    return FIRST_BACKOFF * 2 ** min(tries - 2, 4) if tries > 1 else timedelta()


def spans(days: Iterable[date]) -> list[tuple[date, date]]:
    """The days as inclusive spans without gaps, each at most LONGEST_SPAN, oldest first: one run each."""
    result: list[tuple[date, date]] = []
    for day in sorted(days):
        follows = result and day - result[-1][1] == timedelta(days=1)
        if follows and day - result[-1][0] < LONGEST_SPAN:
            result[-1] = (result[-1][0], day)
        else:
            result.append((day, day))
    return result
