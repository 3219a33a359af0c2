"""Changed stock: one sensor that looks at Odoo, a run every few minutes, and a nightly comparison of everything.

What belongs here: ticks, run requests, schedules. What does not: what is read and compared (flows/).
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
import msgspec

from ..assets.inventory import INVENTORY_TAG, STOCK, WHOLE_TAG
from ..channels.settings import ChannelSettings
from ..resources.connections import Connections
from .orders import ACTIVE

SHARE_OF_TIME = 10  # reading Odoo takes at most a tenth of the time: a slow one is looked at less often


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """The sensor's memory. pulses: what each channel's last requested run was for. seconds, at: the last look at Odoo.

    Losing it costs one run per channel."""

    pulses: dict[str, str] = {}
    seconds: float = 0.0
    at: datetime = datetime(2000, 1, 1, tzinfo=UTC)


def lane(name: str, *, listings: bool = False) -> list[dg.AssetKey]:
    tables = (*(("listings",) if listings else ()), "inventory_targets", "published_inventory")
    return [STOCK, *(dg.AssetKey([name, table]) for table in tables)]


def stock_changes_sensor(channels: Sequence[ChannelSettings]) -> dg.SensorDefinition:
    """Take the pulse of what each channel may offer; where it changed, request a run for that channel.

    The pulse counts orders that are not in Odoo yet, so a sale is one change and not two. It decides nothing: what is
    pushed comes from the run's own read.
    """
    seconds = min(channel.inventory.poll_seconds for channel in channels)

    @dg.sensor(
        name="odoo_stock_changes",
        target=dg.AssetSelection.assets(*{key for channel in channels for key in lane(channel.name)}),
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Reads Odoo's stock every {seconds} s and requests a run for each channel whose offer it changes.",
        tags={"flow": "inventory"},
    )
    def stock_changes(
        context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.SensorResult | dg.SkipReason:
        from ..flows.pulse import held_back, pulses

        cursor = read_cursor(context.cursor)
        now = datetime.now(UTC)
        if 0 <= (now - cursor.at).total_seconds() < cursor.seconds * SHARE_OF_TIME:
            return dg.SkipReason("The last look at Odoo took long; the next one waits.")
        started = time.monotonic()
        found = pulses(connections, [channel.name for channel in channels])
        took = round(time.monotonic() - started, 3)
        kept = dict(cursor.pulses)
        requests, waiting = [], []
        for name, pulse in found.items():
            if kept.get(name) == pulse:
                continue
            tags = {INVENTORY_TAG: name}
            if held_back(connections, name) or context.instance.get_run_records(
                dg.RunsFilter(tags=tags, statuses=ACTIVE), limit=1
            ):
                waiting.append(name)  # asked again at the next tick
                continue
            kept[name] = pulse
            requests.append(
                dg.RunRequest(run_key=f"{name}@{pulse}@{now.isoformat()}", asset_selection=lane(name), tags=tags)
            )
        why = f"{', '.join(waiting)}: a run is working or waits for a person." if waiting else "The stock is unchanged."
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else dg.SkipReason(why),
            cursor=msgspec.json.encode(Cursor(kept, took, now)).decode(),
        )

    return stock_changes


def read_cursor(text: str | None) -> Cursor:
    """The stored cursor; a missing or foreign one remembers nothing."""
    if text:
        try:
            return msgspec.json.decode(text, type=Cursor)
        except (msgspec.DecodeError, msgspec.ValidationError):
            pass
    return Cursor()


def inventory_schedules(channel: ChannelSettings) -> list[dg.ScheduleDefinition]:
    """Every few minutes what differs by then, sensor or not; at night everything, listings included."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_inventory",
        target=dg.AssetSelection.assets(*lane(name)),
        cron_schedule="*/10 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Tells {name} what still differs: failed pushes, releases, changes that the sensor missed.",
        tags={"flow": "inventory"},
    )
    def frequent(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags={INVENTORY_TAG: name})

    @dg.schedule(
        name=f"{name}_inventory_nightly",
        target=dg.AssetSelection.assets(*lane(name, listings=True)),
        cron_schedule="37 3 * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Reads every listing of {name} and compares it with Odoo: repairs edits made on the channel.",
        tags={"flow": "inventory"},
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags={INVENTORY_TAG: name, WHOLE_TAG: "true"})

    return [frequent, nightly]
