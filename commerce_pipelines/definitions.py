"""What Dagster loads: settings in, Definitions out. Importing it is fast and reads no secret.

What belongs here: the table of flows, and putting them, the sensors and the resources together. What does not: what
they do. Adding a flow: docs/architecture.md.
"""

import gc
import os
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import dagster as dg
import msgspec

from .assets import content as content_assets
from .assets import drift as drift_assets
from .assets import fulfilment as fulfilment_assets
from .assets import inbound as inbound_assets
from .assets import inventory as inventory_assets
from .assets import invoicing as invoicing_assets
from .assets import limits as limits_assets
from .assets import notices as notices_assets
from .assets import orders as orders_assets
from .assets import overview as overview_assets
from .assets import privacy as privacy_assets
from .assets import refunding as refunding_assets
from .assets import rehearsal as rehearsal_assets
from .assets import returns as returns_assets
from .assets.desk import care_job, desk_asset, replay_jobs
from .assets.exceptions import exceptions_asset
from .assets.looked_at import looked_at_checks, messages_come_checks
from .channels.settings import ChannelSettings
from .core.errors import SettingsError
from .core.groups import ATTRIBUTE
from .core.lanes import DESK, EXCEPTIONS, OVERVIEW, PRIVACY, REHEARSAL
from .resources import quick_jobs
from .resources.connections import Connections, open_connections
from .resources.run_process import CHANNELS_OF_RUN
from .resources.tables import TableIOManager
from .sensors import content as content_sensors
from .sensors import drift as drift_sensors
from .sensors import fulfilment as fulfilment_sensors
from .sensors import inbound as inbound_sensors
from .sensors import inventory as inventory_sensors
from .sensors import invoicing as invoicing_sensors
from .sensors import limits as limits_sensors
from .sensors import notices as notices_sensors
from .sensors import orders as orders_sensors
from .sensors import overview as overview_sensors
from .sensors import privacy as privacy_sensors
from .sensors import refunding as refunding_sensors
from .sensors import returns as returns_sensors
from .sensors.outcomes import alert_sensors
from .settings import file as settings_file
from .settings.file import Settings

MOST_HELD = 20  # channels whose definitions the process holds that runs are forked from: 2 CPU-seconds at its start
OF_NO_CHANNEL = {DESK, EXCEPTIONS, OVERVIEW, PRIVACY, REHEARSAL}  # what runs are tagged with that work for no channel
DOOR_VARIABLES = ("COMMERCE_DATABASE_URL", "COMMERCE_MASTER_KEY", "COMMERCE_MASTER_KEY_FROM")


class Lane(NamedTuple):
    """One flow. applies: whether it serves a channel. The other functions get all channels that it serves at once; they
    are not called if there is none. whole: it shows or does something of all channels at once, and a run of it needs
    nothing of theirs."""

    flow: str
    applies: Callable[[ChannelSettings], bool]
    assets: Callable[[Settings, Sequence[ChannelSettings]], list[dg.AssetsDefinition]]
    sensors: Callable[[Settings, Sequence[ChannelSettings]], list[dg.SensorDefinition]]
    schedules: Callable[[Settings, Sequence[ChannelSettings]], list[dg.ScheduleDefinition]]
    jobs: Callable[[Settings, Sequence[ChannelSettings]], list[Any]] = lambda settings, channels: []
    whole: bool = False


LANES = (
    Lane(
        "orders",
        lambda _: True,
        orders_assets.assets,
        orders_sensors.sensors,
        orders_sensors.schedules,
        orders_assets.jobs,
    ),
    Lane(
        "inventory",
        lambda channel: channel.inventory.enabled,
        inventory_assets.assets,
        inventory_sensors.sensors,
        inventory_sensors.schedules,
    ),
    Lane(
        "content",
        lambda channel: channel.content.enabled,
        content_assets.assets,
        content_sensors.sensors,
        content_sensors.schedules,
    ),
    Lane(
        "fulfilment",
        lambda channel: channel.fulfilment.enabled,
        fulfilment_assets.assets,
        fulfilment_sensors.sensors,
        fulfilment_sensors.schedules,
    ),
    Lane(
        "invoicing",
        lambda channel: channel.invoicing.enabled,
        invoicing_assets.assets,
        invoicing_sensors.sensors,
        invoicing_sensors.schedules,
    ),
    Lane(
        "returns",
        lambda channel: channel.returns.enabled,
        returns_assets.assets,
        returns_sensors.sensors,
        returns_sensors.schedules,
        returns_assets.jobs,
    ),
    Lane(
        "refunding",
        lambda channel: channel.refunding.enabled,
        refunding_assets.assets,
        refunding_sensors.sensors,
        refunding_sensors.schedules,
    ),
    Lane(
        "inbound",
        lambda channel: channel.inbound.enabled,
        inbound_assets.assets,
        inbound_sensors.sensors,
        inbound_sensors.schedules,
    ),
    Lane(
        "notices",
        lambda channel: channel.receives,
        notices_assets.assets,
        notices_sensors.sensors,
        notices_sensors.schedules,
    ),
    Lane("limits", lambda _: True, limits_assets.assets, limits_sensors.sensors, limits_sensors.schedules),
    Lane("drift", lambda _: True, drift_assets.assets, drift_sensors.sensors, drift_sensors.schedules),
    Lane("rehearsal", lambda _: True, rehearsal_assets.assets, lambda *_: [], lambda *_: [], whole=True),
    Lane(
        "overview",
        lambda _: True,
        overview_assets.assets,
        overview_sensors.sensors,
        overview_sensors.schedules,
        whole=True,
    ),
    Lane(
        "privacy", lambda _: True, privacy_assets.assets, privacy_sensors.sensors, privacy_sensors.schedules, whole=True
    ),
)


def build_defs(
    settings: Settings,
    connections: Connections | None = None,
    lanes: Sequence[Lane] = LANES,
    channels: Collection[str] | None = None,
    group: str | None = None,
) -> dg.Definitions:
    """Fresh Definitions for these settings; the same for `dagster dev`, the tests and the demo.

    channels: names of those that get assets, sensors and jobs, for a run that works for no others; None: all. group:
    only its channels; '' for those without a group, and what belongs to no channel; None: everything, in one location.
    Every run is one process (`in_process_executor`), because a process per step costs seconds. To scale out:
    docs/scale.md.
    """
    quick_jobs.install()
    connections = connections or open_connections(settings)
    chosen = _choose(settings, channels, group)
    own = msgspec.structs.replace(settings, channels=tuple(chosen))
    in_use = _list_in_use(settings, chosen, lanes, group)
    whole = not group and bool(settings.channels)
    alerts = () if group else alert_sensors(settings.alerts, settings.groups, partial(_list_automation, settings))
    return dg.Definitions(
        assets=[
            *(asset for lane, channels in in_use for asset in lane.assets(settings, channels)),
            *(exceptions_asset(channel, settings.owner) for channel in chosen),
            *([desk_asset(settings.owner)] if whole else []),
        ],
        asset_checks=[*looked_at_checks(own), *messages_come_checks(own)],
        sensors=[*(sensor for lane, channels in in_use for sensor in lane.sensors(settings, channels)), *alerts],
        jobs=[
            *(job for lane, channels in in_use for job in lane.jobs(settings, channels)),
            *replay_jobs(own),
            *([care_job()] if whole else []),
        ],
        schedules=[schedule for lane, channels in in_use for schedule in lane.schedules(settings, channels)],
        resources={"connections": connections, "io_manager": TableIOManager(connections)},
        executor=dg.in_process_executor,
    )


def _choose(settings: Settings, channels: Collection[str] | None, group: str | None) -> list[ChannelSettings]:
    return [
        channel
        for channel in settings.channels
        if (channels is None or channel.name in channels) and group in (None, channel.group)
    ]


def _list_in_use(
    settings: Settings, chosen: Sequence[ChannelSettings], lanes: Sequence[Lane], group: str | None
) -> list[tuple[Lane, list[ChannelSettings]]]:
    """The lanes that serve somebody, each with the channels that it serves."""
    offered = {True: () if group else settings.channels, False: chosen}
    served = [(lane, [channel for channel in offered[lane.whole] if lane.applies(channel)]) for lane in lanes]
    return [(lane, channels) for lane, channels in served if channels]


def _list_automation(settings: Settings, group: str) -> set[str]:
    """The names of a group's sensors and schedules. Costs less than a millisecond for each."""
    in_use = _list_in_use(settings, _choose(settings, None, group), LANES, group)
    sensors = {sensor.name for lane, channels in in_use for sensor in lane.sensors(settings, channels)}
    return sensors | {plan.name for lane, channels in in_use for plan in lane.schedules(settings, channels)}


EVERYTHING = "every group"
# The last definitions, with what they were built of: building them takes longer than many a run works.
_built: list[tuple[object, dg.Definitions]] = []


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the configured settings file, which is read each time, without the channels that are in
    groups. Raises SettingsError in one sentence if the file is wrong.

    A run's process has those that it was forked with, unless the settings have changed since: then it builds those of
    the channels that it works for (CHANNELS_OF_RUN).
    """
    return _load("")


def __getattr__(name: str) -> Any:
    """`group_NAME`: the same for the channels of a group. A run finds its definitions by this name."""
    if not name.startswith(ATTRIBUTE):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    @dg.definitions
    def of_group() -> dg.Definitions:
        return _load(name.removeprefix(ATTRIBUTE))

    return of_group


def _load(group: str) -> dg.Definitions:
    settings = settings_file.load()
    basis, names = (settings, _read_surroundings(settings)), _read_channels(settings)
    if CHANNELS_OF_RUN in os.environ and _built and _built[0][0] == (*basis, EVERYTHING):
        return _built[0][1]
    if names is not None:  # also of a channel that is in another group since its run was requested
        return _keep((*basis, names), lambda: build_defs(settings, channels=names))
    if group and group not in settings.groups:
        raise SettingsError(f"No channel in commerce.yaml is in the group {group!r}: leave its code location out.")
    return _keep((*basis, group), lambda: build_defs(settings, group=group))


def _keep(basis: object, build: Callable[[], dg.Definitions]) -> dg.Definitions:
    """The definitions that were built of this, else new ones, which replace them."""
    if not _built or _built[0][0] != basis:
        gc.unfreeze()
        gc.disable()  # nearly all that is made now stays
        try:
            _built[:] = [(basis, build())]
        finally:
            gc.enable()
        gc.freeze()  # what lives as long as the process is not looked at again by each collection
    return _built[0][1]


def build_repository() -> None:
    """Build all that a run needs before its first step, for the process that runs are forked from: nothing is opened.
    Of many channels each run builds its own. Raises SettingsError."""
    settings = settings_file.load()
    if len(settings.channels) <= MOST_HELD:
        basis = (settings, _read_surroundings(settings), EVERYTHING)
        _keep(basis, lambda: build_defs(settings)).resolve_implicit_global_asset_job_def()


def _read_channels(settings: Settings) -> list[str] | None:
    """The channels that this process's run works for; None where it is no run, or works for something else as well. A
    run of the overview, or of what else belongs to no channel, works for none of them."""
    configured = {channel.name for channel in settings.channels}
    names = {name.strip() for name in os.environ.get(CHANNELS_OF_RUN, "").split(",")} - (OF_NO_CHANNEL - configured)
    return sorted(names) if configured.issuperset(names) else None


def _read_surroundings(settings: Settings) -> list[str | None]:
    """What decides, besides the settings, where the doors lead once they are opened."""
    names = [*DOOR_VARIABLES, *(secret.env for _, secret in settings_file.secrets(settings))]
    return [os.getcwd(), *(os.environ.get(name) for name in names)]
