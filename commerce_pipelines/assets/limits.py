"""Call limits in Dagster: `<channel>/limits`, what is used, left and waited for.

What belongs here: key, description, metadata, the check. What does not: the figures (flows/limits.py).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.lanes import LIMITS
from ..resources.connections import Connections
from ..settings.file import Settings
from .common import OFTEN, failures, labels, shows_now

if TYPE_CHECKING:
    from ..flows.limits import Limit

ENOUGH_LEFT = "enough_left"


def limits_key(name: str) -> dg.AssetKey:
    return dg.AssetKey([name, LIMITS])


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES."""
    return [limits_asset(channel.name, settings.owner) for channel in channels]


def limits_asset(name: str, owner: str) -> dg.AssetsDefinition:
    """`<channel>/limits`: not partitioned, because a limit is what it is now."""
    key = limits_key(name)

    @shows_now(
        key,
        labels(name, owner, LIMITS, "extract", OFTEN),
        check_specs=[
            dg.AssetCheckSpec(
                ENOUGH_LEFT,
                asset=key,
                description=f"No call limit of {name} is nearly used up. Stock and content wait first, orders last.",
            )
        ],
        description=f"How many calls {name} grants, how many are used and left, and how long calls waited for their "
        "turn today, by operation. All processes share these limits; `commerce-pipelines limits` shows the same.",
    )
    def limits(connections: dg.ResourceParam[Connections]) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.limits import learn_limits, read_limits

        with failures():
            problem = learn_limits(connections, name)
            rows = read_limits(connections, [name])
        short = [row.operation for row in rows if row.is_short]
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "dagster/row_count": len(rows),
                "calls today": round(sum(row.used for row in rows if not row.is_shared)),
                "waited today, seconds": round(sum(row.waited for row in rows), 1),
                "limits": dg.MetadataValue.md(_write_table(rows)),
                **({"not read": problem} if problem else {}),
            },
        )
        yield dg.AssetCheckResult(
            check_name=ENOUGH_LEFT,
            asset_key=key,
            passed=not short,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Nearly used up: {', '.join(short)}." if short else "Enough is left of every limit.",
        )

    return limits


def _write_table(rows: "Sequence[Limit]") -> str:
    from ..flows.limits import HEADINGS, list_cells

    if not rows:
        return "The channel was not called yet."
    lines = [HEADINGS[1:], ("---",) * len(HEADINGS[1:]), *(cells[1:] for cells in list_cells(rows))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
