"""New deliveries: a sensor that looks at Odoo, a run every few minutes for what waits, and a nightly comparison.

What belongs here: ticks, run requests, schedules. What does not: what is read and told (flows/fulfilment/).
"""

from collections.abc import Sequence

import dagster as dg

from ..assets.common import ASKED_AGAIN, odoo_key
from ..assets.fulfilment import SHIPMENTS
from ..assets.looked_at import select
from ..channels.settings import ChannelSettings
from ..core.groups import by_group, in_group
from ..core.lanes import run_tags
from ..core.topics import Topic
from ..flows.pollers import SHIPMENT_POLLER, Poller, list_pollers, looking, why_resting
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .busy import busy


def lane(name: str, group: str = "", *, read: bool = True) -> list[dg.AssetKey]:
    return [*([odoo_key(SHIPMENTS, group)] if read else []), dg.AssetKey([name, "shipment_confirmations"])]


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """The lane's sensor, for LANES: one look at Odoo for all channels of a group."""
    pollers = list_pollers(settings)
    return [
        deliveries_sensor(members, pollers[in_group(SHIPMENT_POLLER, group)])
        for group, members in by_group(channels).items()
    ]


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """The lane's schedules, for LANES."""
    return [schedule for channel in channels for schedule in fulfilment_schedules(channel)]


def deliveries_sensor(channels: Sequence[ChannelSettings], poller: Poller) -> dg.SensorDefinition:
    """Read Odoo's deliveries that changed; for each channel that has something new to tell, request a run.

    The run need not read Odoo again. What was tried without a change since is left to the schedule.
    """

    @dg.sensor(
        name=poller.name,
        target=select(*{key for channel in channels for key in lane(channel.name, read=False)}),
        minimum_interval_seconds=poller.seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Reads the deliveries in Odoo every {poller.seconds} s, and requests a run for each channel that "
        "has something new to tell.",
        tags={"flow": "fulfilment"},
    )
    @in_our_words
    def deliveries(
        context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.SensorResult | dg.SkipReason:
        from ..flows.fulfilment import take_over
        from ..flows.fulfilment.confirm import has_news
        from ..flows.fulfilment.inputs import read_shipments

        now = connections.instruments.now()
        if rests := why_resting(connections, poller, now):
            return dg.SkipReason(rests)
        with looking(connections, poller) as went:
            went.problem = " ".join(read_shipments(connections).problems)
        requests, waiting = [], []
        for channel in channels:
            if not has_news(connections, channel.name) and not take_over.has_news(connections, channel.name):
                continue
            if busy(context.instance, channel.name, Topic.FULFILMENT):  # requested again at the next tick
                waiting.append(channel.name)
                continue
            requests.append(
                dg.RunRequest(
                    run_key=f"{channel.name}@{now.isoformat()}",
                    asset_selection=lane(channel.name, read=False),
                    tags=run_tags(channel.name, Topic.FULFILMENT) | ASKED_AGAIN,
                )
            )
        why = f"{', '.join(waiting)}: a run is working." if waiting else "Nothing new has left."
        return dg.SensorResult(run_requests=requests, skip_reason=None if requests else dg.SkipReason(why))

    return deliveries


def fulfilment_schedules(channel: ChannelSettings) -> list[dg.ScheduleDefinition]:
    """Every few minutes what waits; at night every open order of the channel, compared with Odoo."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_fulfilment",
        target=select(*lane(name, read=False)),
        cron_schedule="5-59/10 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Tells {name} what still waits: lost answers, releases, causes that are gone.",
        tags={"flow": "fulfilment"},
    )
    @in_our_words
    def frequent(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.RunRequest | dg.SkipReason:
        from ..flows.fulfilment.confirm import may_go_on
        from ..flows.fulfilment.take_over import may_go_on as may_take_over

        if busy(context.instance, name, Topic.FULFILMENT):
            return dg.SkipReason(f"A run of {name} is working.")
        if not may_go_on(connections, name) and not may_take_over(connections, name):
            return dg.SkipReason(f"{name} has nothing to be told, or it waits for a person's consent.")
        return dg.RunRequest(tags=run_tags(name, Topic.FULFILMENT) | ASKED_AGAIN)

    @dg.schedule(
        name=f"{name}_fulfilment_nightly",
        target=select(*lane(name, channel.group)),
        cron_schedule="7 4 * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Compares every order that {name} does not show as shipped with Odoo's deliveries.",
        tags={"flow": "fulfilment"},
    )
    @in_our_words
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags=run_tags(name, Topic.FULFILMENT))

    return [frequent, nightly]
