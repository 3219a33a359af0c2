"""Subscriptions: one hourly comparison per channel.

What belongs here: schedules. What does not: what is compared (flows/notices/subscribe.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from ..assets.looked_at import select
from ..assets.notices import FLOW
from ..channels.settings import ChannelSettings
from ..core.lanes import run_tags
from ..resources.borders import in_our_words
from ..settings.file import Settings


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """None: messages wake the sensors of the flows that they are about."""
    return []


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """For LANES."""
    return [hourly_subscriptions(channel) for channel in channels]


def hourly_subscriptions(channel: ChannelSettings) -> dg.ScheduleDefinition:
    name = channel.name

    @dg.schedule(
        name=f"{name}_subscriptions",
        target=select(dg.AssetKey([name, "subscriptions"])),
        cron_schedule="23 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Compares what {name} sends messages about, and repairs it.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags=run_tags(name, FLOW))

    return hourly
