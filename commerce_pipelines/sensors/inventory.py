"""Changed stock: a sensor that looks at Odoo, runs for what is not in step, and a nightly comparison of everything.

Odoo may hint at changes (receiver.py). Then the sensor ticks often, and looks at Odoo when poll_seconds are over or a
hint came since its last look. Odoo hints after its commit, and the sensor reads the hint before it looks, so that the
look sees the change; a hint that comes during a look causes another look.

What belongs here: ticks, run requests, schedules. What does not: what is read and compared (flows/).
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import msgspec

from ..assets.common import ASKED_AGAIN, odoo_key
from ..assets.inventory import INVENTORY_TAG, SINCE_TAG, STOCK, WHOLE_TAG, describe_stock
from ..assets.looked_at import select
from ..channels.settings import ChannelSettings
from ..core.groups import by_group, in_group
from ..core.lanes import run_tags
from ..core.topics import Topic
from ..flows.pollers import HINTED_TICK_SECONDS, STOCK_POLLER, Poller, list_pollers, looking, why_resting
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .busy import busy
from .ticks import label

if TYPE_CHECKING:
    from ..flows.inventory.inputs import Snapshot
    from ..flows.inventory.pulse import Look

# A group whose last look is longer ago may have been left by its channels and joined again.
LASTING_SECONDS, LASTING_POLLS = 300, 5
# How long a tick may compute what changed channels have to show; the runs of all further ones find out themselves. A
# tick of Dagster's may take 60 seconds.
FORESEEN_SECONDS = 10.0
SHARE_OF_TIME = 10  # reading Odoo takes at most a tenth of the time, so a slow Odoo is looked at less often


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """The sensor's memory. pulses: what each channel's last requested run was for. seconds, at: the last look at Odoo.
    hint: the last hint before that look. again: the look found a change of a channel whose run was still at work.

    Losing it costs one run for each channel that is not in step.
    """

    pulses: dict[str, str] = {}
    seconds: float = 0.0
    at: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    hint: datetime | None = None
    again: bool = False


def lane(name: str, group: str = "", *, listings: bool = False, stock: bool = True) -> list[dg.AssetKey]:
    """The lane's assets. stock: with reading Odoo, which the sensor has done for the runs that it requests."""
    tables = (*(("listings",) if listings else ()), "inventory_targets", "published_inventory")
    return [*([odoo_key(STOCK, group)] if stock else []), *(dg.AssetKey([name, table]) for table in tables)]


def sensors(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.SensorDefinition]:
    """The lane's sensor, for LANES: one look at Odoo for all channels of a group."""
    pollers = list_pollers(settings)
    return [
        stock_changes_sensor(members, pollers[in_group(STOCK_POLLER, group)], hinted=settings.hinted)
        for group, members in by_group(channels).items()
    ]


def schedules(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.ScheduleDefinition]:
    """The lane's schedules, for LANES."""
    pollers = list_pollers(settings)
    return [
        schedule
        for channel in channels
        for schedule in inventory_schedules(channel, pollers[in_group(STOCK_POLLER, channel.group)])
    ]


def stock_changes_sensor(
    channels: Sequence[ChannelSettings], poller: Poller, *, hinted: bool = False
) -> dg.SensorDefinition:
    """Take the pulse of what each channel may offer, and request a run for each that has to show another figure.

    The pulse counts orders that are not in Odoo yet, so a sale is one change and not two. What was read is stored for
    the runs, which read Odoo themselves only where they began late. hinted: Odoo may hint at changes.
    """
    often = f"every {poller.seconds} s" + (" and when Odoo hints at a change" if hinted else "")

    @dg.sensor(
        name=poller.name,
        target=select(*{key for channel in channels for key in lane(channel.name, channel.group)}),
        minimum_interval_seconds=min(poller.seconds, HINTED_TICK_SECONDS) if hinted else poller.seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Reads Odoo's stock {often}, and requests a run for each channel that has to show another figure.",
        **label("inventory", poller),
    )
    @in_our_words
    def stock_changes(
        context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.SensorResult | dg.SkipReason:
        # Imported before the clock starts, so that the import does not count as Odoo's time.
        from ..flows.inventory.pulse import look

        now = connections.instruments.now()
        cursor = _read_memory(context.cursor, poller, [channel.name for channel in channels], now)
        since = (now - cursor.at).total_seconds()
        if 0 <= since < cursor.seconds * SHARE_OF_TIME:
            return dg.SkipReason("The last look at Odoo took long; the next one waits.")
        hint = last_hint(connections) if hinted else None
        if hinted and 0 <= since < poller.seconds and hint == cursor.hint and not cursor.again:
            return dg.SkipReason("Odoo has hinted at nothing since the last look.")
        if rests := why_resting(connections, poller, now):
            return dg.SkipReason(rests)
        started = connections.instruments.clock()
        with looking(connections, poller) as went:
            seen = look(connections, [channel.name for channel in channels])
            went.problem = seen.problem
            took = round(connections.instruments.clock() - started, 3)
            kept, requests, waiting = _request_runs(context, connections, seen, cursor, now)
            read = seen.keep(connections, requests)
        return dg.SensorResult(
            run_requests=list(requests.values()),
            asset_events=_report_stock(poller.group, read),
            skip_reason=None if requests else dg.SkipReason(_explain_none(waiting)),
            cursor=msgspec.json.encode(Cursor(kept, took, now, hint, not all(waiting.values()))).decode(),
        )

    return stock_changes


def _explain_none(waiting: Collection[str]) -> str:
    """Why no run is requested."""
    names = ", ".join(waiting)
    return f"{names}: a run is working or waits for a person." if names else "Every listing shows what it shall."


def _report_stock(group: str, read: "Sequence[Snapshot]") -> list[dg.AssetMaterialization]:
    """What was read and stored for runs, as if a run had read it."""
    return [dg.AssetMaterialization(odoo_key(STOCK, group), metadata=describe_stock(read))] if read else []


def _request_runs(
    context: dg.SensorEvaluationContext, connections: Connections, seen: "Look", cursor: Cursor, now: datetime
) -> tuple[dict[str, str], dict[str, dg.RunRequest], dict[str, bool]]:
    """(pulses that were dealt with, the requests by channel, changed channels that have to wait: whether the breaker
    holds them back, otherwise a run is working)."""
    from ..flows.inventory.pulse import held_back

    began = connections.instruments.clock()
    kept, waiting, due = dict(cursor.pulses), dict[str, bool](), dict[str, dg.RunRequest]()
    for name, pulse in seen.pulses.items():
        if kept.get(name) == pulse:
            continue
        held = held_back(connections, name)
        if held or busy(context.instance, name, Topic.INVENTORY):  # requested again at the next tick
            waiting[name] = held
            continue
        kept[name] = pulse
        late = connections.instruments.clock() - began > FORESEEN_SECONDS
        if late or seen.may_push(connections, name):
            run_key, tags = f"{name}@{pulse}@{now.isoformat()}", _build_tags(name) | ASKED_AGAIN
            due[name] = dg.RunRequest(run_key=run_key, asset_selection=lane(name, stock=False), tags=tags)
    return kept, due, waiting


def _build_tags(name: str) -> dict[str, str]:
    return {INVENTORY_TAG: name, **run_tags(name, Topic.INVENTORY)}


def last_hint(connections: Connections) -> datetime | None:
    from ..warehouse.shared import hints

    with connections.warehouse.transaction() as connection:
        return hints.hinted_at(connection, hints.STOCK)


def _read_memory(text: str | None, poller: Poller, names: Sequence[str], now: datetime) -> Cursor:
    """What the sensor remembers of the channels that it serves: others have told changes to those that left it, and to
    all of a group that nobody has looked for of late."""
    cursor = read_cursor(text)
    lasting = max(LASTING_SECONDS, LASTING_POLLS * poller.seconds, 2 * SHARE_OF_TIME * cursor.seconds)
    if poller.group and (now - cursor.at).total_seconds() > lasting:
        names = ()
    return msgspec.structs.replace(
        cursor, pulses={name: cursor.pulses[name] for name in names if name in cursor.pulses}
    )


def read_cursor(text: str | None) -> Cursor:
    """The stored cursor; a missing or unreadable one remembers nothing."""
    if text:
        try:
            return msgspec.json.decode(text, type=Cursor)
        except (msgspec.DecodeError, msgspec.ValidationError):
            pass
    return Cursor()


def _is_in_step(connections: Connections, name: str, poller: Poller) -> bool:
    """Whether a run would find nothing to do. Odoo is not asked: it is the sensor that looks there, and where the
    sensor does not, the run has to."""
    from ..flows.alerts import judge_pollers
    from ..flows.inventory.pulse import held_back, is_in_step

    if judge_pollers(connections, connections.instruments.now())[poller.name]:
        return False
    return not held_back(connections, name) and is_in_step(connections, name)


def inventory_schedules(channel: ChannelSettings, poller: Poller) -> list[dg.ScheduleDefinition]:
    """Every few minutes what is not in step by then, and every hour in any case; at night everything, listings
    included."""
    name = channel.name

    @dg.schedule(
        name=f"{name}_inventory",
        target=select(*lane(name, channel.group)),
        cron_schedule="*/10 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Tells {name} what still differs: failed pushes, releases, changes that the sensor missed. Once "
        "an hour in any case.",
        tags={"flow": "inventory"},
    )
    @in_our_words
    def frequent(
        context: dg.ScheduleEvaluationContext, connections: dg.ResourceParam[Connections]
    ) -> dg.RunRequest | dg.SkipReason:
        if busy(context.instance, name, Topic.INVENTORY):
            return dg.SkipReason(f"A run of {name} is working.")
        if context.scheduled_execution_time.minute and _is_in_step(connections, name, poller):
            return dg.SkipReason(f"Every listing of {name} shows what it shall show.")
        # Channels whose turn is the same share a reading of Odoo.
        since = {SINCE_TAG: context.scheduled_execution_time.isoformat()}
        return dg.RunRequest(tags=_build_tags(name) | ASKED_AGAIN | since)

    @dg.schedule(
        name=f"{name}_inventory_nightly",
        target=select(*lane(name, channel.group, listings=True)),
        cron_schedule="37 3 * * *",
        execution_timezone=channel.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Reads every listing of {name} and compares it with Odoo: repairs edits made on the channel.",
        tags={"flow": "inventory"},
    )
    @in_our_words
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags={**_build_tags(name), WHOLE_TAG: "true"})

    return [frequent, nightly]
