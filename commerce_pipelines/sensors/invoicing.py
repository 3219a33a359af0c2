"""Invoices and payments: a run every few minutes while something is due, and a nightly run that looks at all of it.

What belongs here: schedules. What does not: what is due (flows/invoicing/).
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

FLOW = str(Topic.INVOICING)


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """The lane has none: an invoice does not hurry, and Odoo is looked at by a schedule."""
    return []


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """The lane's schedules, for LANES."""
    return [schedule for channel in channels for schedule in invoicing_schedules(channel)]


def invoicing_schedules(channel: ChannelSettings) -> list[dg.ScheduleDefinition]:
    """Every ten minutes what is due; at night every order of the last weeks, and what was refused."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_invoicing",
        target=select(dg.AssetKey([name, "invoices"])),
        cron_schedule="3-59/10 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks every ten minutes which orders of {name} can be invoiced or paid in Odoo, and requests a "
        "run if there are any.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def frequent(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.RunRequest | dg.SkipReason:
        from ..flows.invoicing.bill import look

        if busy(context.instance, name, FLOW):
            return dg.SkipReason(f"A run of {name} is working.")
        if not look(connections, name).todo:
            return dg.SkipReason(f"No order of {name} is to be invoiced or paid now.")
        return dg.RunRequest(tags=run_tags(name, FLOW) | ASKED_AGAIN)

    @dg.schedule(
        name=f"{name}_invoicing_nightly",
        target=select(dg.AssetKey([name, "invoices"])),
        cron_schedule="17 3 * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks at the invoices of all orders of {name} of the last weeks, and tries again what waits.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags=run_tags(name, FLOW))

    return [frequent, nightly]
