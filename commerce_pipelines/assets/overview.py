"""`overview` in Dagster: all channels in one table, channel beside Odoo.

What belongs here: key, description, table and chart. What does not: the figures (flows/overview.py), when it is made
anew (sensors/overview.py).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.lanes import OVERVIEW
from ..core.local_time import local_time
from ..domain.money import write_totals
from ..resources.connections import Connections
from ..settings.file import Settings
from .chart import bars
from .common import build_table, failures, labels, shows_now

if TYPE_CHECKING:
    from ..flows.overview import Standing

KEY = dg.AssetKey([OVERVIEW])
COLUMNS = (
    "channel", "orders today", "in Odoo today", "orders in 7 days", "in Odoo in 7 days", "money on the channel",
    "money in Odoo", "waiting", "oldest since", "last heard", "stock under way", "shipments under way",
    "held for a person", "calls nearly used up",
)  # fmt: skip


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The one asset, for LANES."""
    return [overview_asset(settings.owner)]


def overview_asset(owner: str) -> dg.AssetsDefinition:
    """`overview`: not partitioned, because it shows how things stand now."""

    @shows_now(
        KEY,
        labels(OVERVIEW, owner, OVERVIEW, "load"),
        description="How each channel stands: paid orders today and in seven days and their money, the channel's "
        "beside Odoo's; what waits and since when; the last word from the channel; stock and shipments under way; what "
        "is held for a person; calls that are nearly used up. Made anew after other runs, at most every five minutes.",
    )
    def overview(connections: dg.ResourceParam[Connections]) -> dg.MaterializeResult:
        from ..flows.overview import read_overview

        with failures():
            standings = read_overview(connections)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(standings),
                "channels": build_table(COLUMNS, map(_list_cells, standings)),
                "orders in 7 days": sum(standing.week.orders for standing in standings),
                "of them in Odoo": sum(standing.week.loaded for standing in standings),
                "waiting": sum(standing.waiting for standing in standings),
                "held for a person": sum(standing.held for standing in standings),
                "chart": dg.MetadataValue.md(bars(_list_bars(standings), "orders in 7 days, channel beside Odoo")),
            }
        )

    return overview


def _list_cells(standing: "Standing") -> tuple[Any, ...]:
    return (
        standing.name, standing.today.orders, standing.today.loaded, standing.week.orders, standing.week.loaded,
        write_totals(standing.week.channel), write_totals(standing.week.odoo), standing.waiting,
        local_time(standing.oldest) if standing.oldest else "–",
        local_time(standing.heard_at) if standing.heard_at else "never",
        standing.stock, standing.shipments, standing.held, ", ".join(standing.short) or "none",
    )  # fmt: skip


def _list_bars(standings: "Sequence[Standing]") -> dict[str, int]:
    """Two bars for each channel, one beside the other."""
    figures = {}
    for standing in standings:
        figures[standing.name] = standing.week.orders
        figures[f"{standing.name} in Odoo"] = standing.week.loaded
    return figures
