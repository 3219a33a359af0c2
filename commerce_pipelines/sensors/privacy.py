"""Personal data: one daily schedule.

What belongs here: when privacy/retention runs. What does not: what it does (flows/privacy).
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from ..assets.privacy import RETENTION
from ..channels.settings import ChannelSettings
from ..core.lanes import PRIVACY, run_tags
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..settings.file import Settings


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """None: nothing of it is urgent."""
    return []


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """For LANES: once a day, after the nightly passes of the other flows."""

    @dg.schedule(
        name="privacy_retention",
        target=dg.AssetSelection.assets(RETENTION) | dg.AssetSelection.checks_for_assets(RETENTION),
        cron_schedule="41 4 * * *",
        execution_timezone=channels[0].time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Applies the age limits, and goes on with requests for erasure that wait.",
        tags={"flow": str(Topic.PRIVACY)},
    )
    @in_our_words
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags=run_tags(PRIVACY, Topic.PRIVACY))

    return [daily]
