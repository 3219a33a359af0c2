"""Product content: a look at Odoo every ten minutes, and a nightly comparison of everything.

What belongs here: schedules. What does not: what is read and compared (flows/content/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections.abc import Sequence

import dagster as dg

from ..assets.common import ASKED_AGAIN, odoo_key
from ..assets.content import FLOW, PRODUCTS, WHOLE_TAG
from ..assets.looked_at import select
from ..channels.settings import ChannelSettings
from ..core.lanes import run_tags
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .busy import busy


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """The lane has none: Odoo is looked at by a schedule."""
    return []


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """The lane's schedules, for LANES."""
    return [schedule for channel in channels for schedule in content_schedules(channel)]


def lane(name: str, group: str = "") -> list[dg.AssetKey]:
    own = (dg.AssetKey([name, table]) for table in ("content_changes", "published_content"))
    return [odoo_key(PRODUCTS, group), *own]


def content_schedules(channel: ChannelSettings) -> list[dg.ScheduleDefinition]:
    """Every ten minutes what changed in Odoo or was agreed to; at night everything, listings included."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_content",
        target=select(*lane(name, channel.group)),
        cron_schedule="6-59/10 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks every ten minutes whether products changed in Odoo, or a person agreed to changes of "
        f"{name}, and requests a run if so.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def frequent(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.RunRequest | dg.SkipReason:
        from ..flows.content.publish import has_work

        if busy(context.instance, name, FLOW):
            return dg.SkipReason(f"A run of {name} is working.")
        if not has_work(connections, name):
            return dg.SkipReason("No product changed in Odoo, and nobody has agreed to a plan.")
        return dg.RunRequest(tags=run_tags(name, FLOW) | ASKED_AGAIN)

    @dg.schedule(
        name=f"{name}_content_nightly",
        target=select(*lane(name, channel.group)),
        cron_schedule="13 2 * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Reads every product of Odoo and every listing of {name}, and compares them.",
        tags={"flow": FLOW},
    )
    @in_our_words
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags={**run_tags(name, FLOW), WHOLE_TAG: "true"})

    return [frequent, nightly]
