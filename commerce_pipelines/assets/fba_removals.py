"""`<channel>/fba_removals`: what a marketplace sends back from its own warehouses comes back in Odoo.

What belongs here: its key, description, metadata and check. What does not: the lane's other assets (inbound.py), any
rule (flows/inbound/removals.py).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from .common import RETRY, build_table, counts, failures, labels, link_records

if TYPE_CHECKING:
    from ..flows.inbound.removals import Returned

ROWS_SHOWN = 50
COLUMNS = ("shipped on", "removal order", "carrier", "tracking", "units", "moved in Odoo", "waits")


def fba_removals_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """Not partitioned, because a parcel's row may come late."""
    name, kind = channel.name, str(channel.__struct_config__.tag)
    key = dg.AssetKey([name, "fba_removals"])

    @dg.asset(
        key=key,
        kinds={kind, "odoo"},
        pool=f"{name}_inbound",
        retry_policy=RETRY,
        check_specs=[
            dg.AssetCheckSpec(
                "sent_back",
                asset=key,
                description=f"Everything that {name} has sent back of late is on its way in Odoo, and no more.",
            )
        ],
        description=f"Parcels that {name} sends back from its warehouses on removal orders: their units leave "
        f"{channel.channel_warehouse} in Odoo on that day, sellable ones and others to the places of the settings, "
        "and a transfer waits for the parcel to be received.",
        **labels(name, owner, str(Topic.INBOUND), "load"),
    )
    @in_our_words
    def fba_removals(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.inbound.removals import bring_back

        started = connections.instruments.clock()
        with failures():
            done = bring_back(connections, name, context.run.run_id)
        seconds = round(connections.instruments.clock() - started, 2)
        yield dg.MaterializeResult(asset_key=key, metadata=_describe_returned(name, done, seconds))
        yield dg.AssetCheckResult(
            check_name="sent_back", asset_key=key, passed=not done.waiting, severity=dg.AssetCheckSeverity.WARN,
            description=f"{sum(done.waiting.values())} parcels or SKUs wait; the exceptions say why.",
            metadata=counts(done.waiting, "waiting"),
        )  # fmt: skip

    return fba_removals


def _describe_returned(name: str, done: "Returned", seconds: float) -> dict[str, Any]:
    newest = sorted(done.kept, key=lambda row: (row.parcel.shipped_on, row.key), reverse=True)
    parcels = (
        (row.parcel.shipped_on, row.parcel.order_id, row.parcel.carrier, row.parcel.tracking,
         sum(row.parcel.units.values()), f"{row.moved:g}", row.code)
        for row in newest[:ROWS_SHOWN]
    )  # fmt: skip
    return {
        "dagster/row_count": done.parcels,
        "dagster/uri": "postgresql:///commerce.fba_removals",
        "units that left": done.units,
        "transfers": done.transfers,
        **counts(done.waiting, "waiting"),
        "seconds": seconds,
        "parcels": build_table(COLUMNS, parcels),
        "removal orders": link_records(name, (row.parcel.order_id for row in newest), ROWS_SHOWN),
    }
