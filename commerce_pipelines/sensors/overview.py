"""The overview is made anew after other runs have ended, at most every five minutes: while nothing happens, nothing is
done.

What belongs here: when `overview` is made anew. What does not: what it shows (assets/overview.py).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg
import msgspec

from ..assets.overview import KEY
from ..channels.settings import ChannelSettings
from ..core.lanes import FLOW_TAG, OVERVIEW, tags_of
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings

TICK_SECONDS = 60
PAUSE = timedelta(minutes=5)
RUNS_LOOKED_AT = 5  # the newest that ended; one of them may be the overview's own


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """For LANES."""
    return [overview_sensor()]


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """None: a timer would work while nothing happens."""
    return []


def overview_sensor() -> dg.SensorDefinition:
    """Its cursor is when it last asked for a run; losing it costs one run."""

    @dg.sensor(
        name=OVERVIEW,
        target=dg.AssetSelection.assets(KEY),
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes the overview anew after other runs have ended, at most every five minutes.",
        tags={"flow": OVERVIEW},
    )
    @in_our_words
    def made_anew(
        context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.SensorResult | dg.SkipReason:
        now, last = connections.instruments.now(), read_cursor(context.cursor)
        if last is not None and timedelta() <= now - last < PAUSE:
            return dg.SkipReason("The overview was made less than five minutes ago.")
        ended = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], updated_after=last)
        records = context.instance.get_run_records(ended, limit=RUNS_LOOKED_AT)
        if all(record.dagster_run.tags.get(FLOW_TAG) == OVERVIEW for record in records):
            return dg.SkipReason("No other run has ended since the overview was made.")
        request = dg.RunRequest(run_key=now.isoformat(), tags=tags_of([KEY.path]))
        return dg.SensorResult(run_requests=[request], cursor=msgspec.json.encode(now).decode())

    return made_anew


def read_cursor(text: str | None) -> datetime | None:
    """When a run was last asked for; None for a missing or unreadable cursor."""
    try:
        return msgspec.json.decode(text, type=datetime) if text else None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
