"""Refunds out: a run every few minutes while something is to be paid back, and a nightly run that looks at all of it.

What belongs here: schedules. What does not: what is due (flows/refunding/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections.abc import Sequence

import dagster as dg

from ..assets.common import ASKED_AGAIN
from ..assets.looked_at import select
from ..channels.settings import ChannelSettings
from ..core.lanes import run_tags
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .busy import busy

FLOW = str(Topic.REFUNDING)


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """The lane has none: Odoo is looked at by a schedule."""
    return []


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """The lane's schedules, for LANES."""
    return [schedule for channel in channels for schedule in refunding_schedules(channel)]


def refunding_schedules(channel: ChannelSettings) -> list[dg.ScheduleDefinition]:
    """Every ten minutes what is due; at night every credit note of the last weeks."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_refunding",
        target=select(dg.AssetKey([name, "issued_refunds"])),
        cron_schedule="8-59/10 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks every ten minutes which credit notes in Odoo {name} has to pay back, and requests a run if "
        "there are any.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def frequent(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.RunRequest | dg.SkipReason:
        from ..flows.refunding.prepare import has_work

        if busy(context.instance, name, FLOW):
            return dg.SkipReason(f"A run of {name} is working.")
        if not has_work(connections, name):
            return dg.SkipReason(f"{name} has nothing to pay back now, or it waits for a person's consent.")
        return dg.RunRequest(tags=run_tags(name, FLOW) | ASKED_AGAIN)

    @dg.schedule(
        name=f"{name}_refunding_nightly",
        target=select(dg.AssetKey([name, "issued_refunds"])),
        cron_schedule="37 3 * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks at the credit notes of {name}'s orders of the last weeks, and pays back what was missed.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags=run_tags(name, FLOW))

    return [frequent, nightly]
