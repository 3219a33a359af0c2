"""Call limits: one hourly schedule for all channels.

What belongs here: when `<channel>/limits` runs. What does not: what it does (flows/limits.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from ..assets.limits import limits_key
from ..channels.settings import ChannelSettings
from ..core.groups import by_group, in_group
from ..core.lanes import LIMITS, tags_of
from ..resources.borders import in_our_words
from ..settings.file import Settings


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """None: every call is counted whether anybody looks or not."""
    return []


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """For LANES: one run an hour, whatever the number of channels in a group."""
    return [limits_schedule(members, group) for group, members in by_group(channels).items()]


def limits_schedule(channels: Sequence[ChannelSettings], group: str) -> dg.ScheduleDefinition:
    """Of the channels of one group."""
    keys = [limits_key(channel.name) for channel in channels]

    @dg.schedule(
        name=in_group("call_limits", group),
        target=dg.AssetSelection.assets(*keys) | dg.AssetSelection.checks_for_assets(*keys),
        cron_schedule="53 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Reads how many calls are left where a marketplace tells it by itself, and shows all limits.",
        tags={"flow": LIMITS},
    )
    @in_our_words
    def hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags=tags_of([key.path for key in keys]))

    return hourly
