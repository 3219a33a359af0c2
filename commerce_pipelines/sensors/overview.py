"""The overview is made anew after other runs have ended, at most every five minutes: while nothing happens, nothing is
done. The exceptions desk is made anew with it where its list changed, also by the day until which a row was ignored.

What belongs here: when `overview` and `exceptions_desk` are made anew. What does not: what they show (assets/).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg
import msgspec

from ..assets.desk import KEY as DESK_KEY
from ..assets.overview import KEY
from ..channels.settings import ChannelSettings
from ..core.lanes import FLOW_TAG, OVERVIEW, tags_of
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings

TICK_SECONDS = 60
PAUSE = timedelta(minutes=5)
RUNS_LOOKED_AT = 5  # the newest that ended; one of them may be the overview's own


class Cursor(msgspec.Struct, frozen=True):
    """at: when a run was last asked for. desk: the mark of the exceptions that it was asked for with."""

    at: datetime | None = None
    desk: str = ""


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """For LANES."""
    return [overview_sensor()]


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """None: a timer would work while nothing happens."""
    return []


def overview_sensor() -> dg.SensorDefinition:
    """Losing its cursor costs one run."""

    @dg.sensor(
        name=OVERVIEW,
        target=dg.AssetSelection.assets(KEY, DESK_KEY),
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes the overview anew after other runs have ended, and the exceptions desk when its list "
        "changed; at most every five minutes.",
        tags={"flow": OVERVIEW},
    )
    @in_our_words
    def made_anew(
        context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.SensorResult | dg.SkipReason:
        from ..flows.desk import read_mark

        before = read_cursor(context.cursor)
        now, last = connections.instruments.now(), before.at
        if last is not None and timedelta() <= now - last < PAUSE:
            return dg.SkipReason("The overview was made less than five minutes ago.")
        ended = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], updated_after=last)
        records = context.instance.get_run_records(ended, limit=RUNS_LOOKED_AT)
        mark = read_mark(connections)
        keys = [DESK_KEY] if mark != before.desk else []
        if any(record.dagster_run.tags.get(FLOW_TAG) != OVERVIEW for record in records):
            keys.append(KEY)
        if not keys:
            return dg.SkipReason("No other run has ended since the overview was made, and the exceptions are the same.")
        tags = tags_of([KEY.path])
        request = dg.RunRequest(run_key=now.isoformat(), asset_selection=keys, tags=tags)
        return dg.SensorResult(run_requests=[request], cursor=msgspec.json.encode(Cursor(now, mark)).decode())

    return made_anew


def read_cursor(text: str | None) -> Cursor:
    """An empty one for a missing or unreadable text."""
    try:
        return msgspec.json.decode(text, type=Cursor) if text else Cursor()
    except (msgspec.DecodeError, msgspec.ValidationError):
        return Cursor()
