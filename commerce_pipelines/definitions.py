"""What Dagster loads: settings in, Definitions out. Nothing slow and no secret at import.

What belongs here: putting lanes, sensors and resources together. What does not: anything they do.
"""

import dagster as dg

from .assets.exceptions import exceptions_asset
from .assets.inventory import inventory_assets, stock_levels_asset
from .assets.orders import order_assets
from .resources.connections import Connections, open_connections
from .resources.tables import TableIOManager
from .sensors.failures import run_failures
from .sensors.inventory import inventory_schedules, stock_changes_sensor
from .sensors.orders import new_orders_sensor, nightly_orders
from .settings import file as settings_file
from .settings.file import Settings


def build_defs(settings: Settings, connections: Connections | None = None) -> dg.Definitions:
    """Fresh Definitions for these settings; the same for `dagster dev`, the tests and the demo.

    Every run is one process (`in_process_executor`): a process per step costs seconds. Scale out by run launcher.
    """
    connections = connections or open_connections(settings)
    stocked = [channel for channel in settings.channels if channel.inventory.enabled]
    return dg.Definitions(
        assets=[
            asset
            for channel in settings.channels
            for asset in (*order_assets(channel, settings.owner), exceptions_asset(channel, settings.owner))
        ]
        + [asset for channel in stocked for asset in inventory_assets(channel, settings.owner)]
        + ([stock_levels_asset(settings.owner)] if stocked else []),
        sensors=[
            *map(new_orders_sensor, settings.channels),
            *([stock_changes_sensor(stocked, hinted=settings.listen is not None)] if stocked else []),
            run_failures(settings.alerts),
        ],
        schedules=[
            *map(nightly_orders, settings.channels),
            *(schedule for channel in stocked for schedule in inventory_schedules(channel)),
        ],
        resources={"connections": connections, "io_manager": TableIOManager(connections)},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the configured settings file. Raises SettingsError in one sentence when it is wrong."""
    return build_defs(settings_file.load())
