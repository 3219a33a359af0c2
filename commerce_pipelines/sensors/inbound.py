"""A marketplace's own warehouses: a run every few hours until yesterday's ledger is there.

What belongs here: schedules. What does not: which days are read (flows/inbound/).
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

FLOW = str(Topic.INBOUND)
TABLES = ("fba_inventory", "fba_reconciliation")


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """The lane has none: the marketplace's ledger is of days."""
    return []


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """The lane's schedules, for LANES."""
    return [inbound_schedule(channel) for channel in channels]


def inbound_schedule(channel: ChannelSettings) -> dg.ScheduleDefinition:
    """Every two hours, as long as a newer day may be there."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_inbound",
        target=select(*(dg.AssetKey([name, table]) for table in TABLES)),
        cron_schedule="21 1-23/2 * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Reads the ledger of {name}'s own warehouses until yesterday is complete, and compares it with "
        "Odoo.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def due(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.RunRequest | dg.SkipReason:
        from ..flows.inbound.ledger_days import is_due

        if busy(context.instance, name, FLOW):
            return dg.SkipReason(f"A run of {name} is working.")
        if not is_due(connections, name):
            return dg.SkipReason(f"The newest day of {name}'s ledger is there, or was looked for a short while ago.")
        return dg.RunRequest(tags=run_tags(name, FLOW) | ASKED_AGAIN)

    return due
