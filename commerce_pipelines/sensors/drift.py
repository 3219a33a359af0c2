"""The shape of answers: one hourly schedule for all channels, which starts no run where nothing came.

What belongs here: when `<channel>/schema_profile` runs. What does not: what it does (flows/drift.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from ..assets.drift import profile_key
from ..channels.settings import ChannelSettings
from ..core.groups import by_group, in_group
from ..core.lanes import DRIFT, tags_of
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """None: an hour is soon enough."""
    return []


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """For LANES: in each group at most one run an hour, of the channels from which something came."""
    return [drift_schedule(members, group) for group, members in by_group(channels).items()]


def drift_schedule(channels: Sequence[ChannelSettings], group: str) -> dg.ScheduleDefinition:
    """Of the channels of one group."""
    keys = {channel.name: profile_key(channel.name) for channel in channels}

    @dg.schedule(
        name=in_group("schema_profiles", group),
        target=dg.AssetSelection.assets(*keys.values()) | dg.AssetSelection.checks_for_assets(*keys.values()),
        cron_schedule="37 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Compares the shape of new answers with the weeks before, of channels from which something came.",
        tags={"flow": DRIFT},
    )
    @in_our_words
    def hourly(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.RunRequest | dg.SkipReason:
        from ..flows.drift import has_news

        chosen = [key for name, key in keys.items() if has_news(connections, name)]
        if not chosen:
            return dg.SkipReason("No answers came since the last profile.")
        return dg.RunRequest(asset_selection=chosen, tags=tags_of([key.path for key in chosen]))

    return hourly
