"""A marketplace's own warehouses: a run until yesterday's ledger is there, and one while goods are on the road.

What belongs here: schedules. What does not: which days are read (flows/inbound/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections.abc import Sequence

import dagster as dg

from ..assets.common import ASKED_AGAIN, odoo_key
from ..assets.inbound import TRANSFERS, find_sources
from ..assets.looked_at import select
from ..channels.settings import ChannelSettings
from ..core.lanes import run_tags
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .busy import busy

FLOW = str(Topic.INBOUND)
NIGHT = 4  # the hour in which counts of goods that have arrived are looked at again
TABLES = ("fba_inventory", "fba_reconciliation")


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """The lane has none: the marketplace's ledger is of days."""
    return []


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """The lane's schedules, for LANES."""
    return [
        *(inbound_schedule(channel) for channel in channels),
        *(receiving_schedule(channel) for channel in channels if channel.inbound.receive),
    ]


def inbound_schedule(channel: ChannelSettings) -> dg.ScheduleDefinition:
    """Every two hours, as long as a newer day may be there."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_inbound",
        target=select(*(dg.AssetKey([name, table]) for table in (*find_sources(channel), TABLES[-1]))),
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


def receiving_schedule(channel: ChannelSettings) -> dg.ScheduleDefinition:
    """Every half hour while a transfer on the road names a shipment; at night whatever is there, for counts that change
    later."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_receiving",
        target=select(odoo_key(TRANSFERS, channel.group), dg.AssetKey([name, "inbound_shipments"])),
        cron_schedule="11,41 * * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Receives in Odoo what {name} has counted of the shipments to its warehouses, while goods are on "
        "the road, and looks once a night at counts that may have changed.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def due(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.RunRequest | dg.SkipReason:
        from ..flows.inbound.plan_consent import has_work as has_plans
        from ..flows.inbound.receive import has_work

        if busy(context.instance, name, FLOW):
            return dg.SkipReason(f"A run of {name} is working.")
        at_night = connections.instruments.now().astimezone(channel.zone).hour == NIGHT
        if not at_night and not has_work(connections, name) and not has_plans(connections, name):
            return dg.SkipReason(f"No transfer on the road to {name} names a shipment, and none has to be planned.")
        return dg.RunRequest(tags=run_tags(name, FLOW) | ASKED_AGAIN)

    return due
