"""The shape of answers in Dagster: `<channel>/schema_profile`, and the check that it is what it was.

What belongs here: key, description, metadata, the check. What does not: the comparison (flows/drift.py), when it is
made (sensors/drift.py).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.lanes import DRIFT
from ..resources.connections import Connections
from ..settings.file import Settings
from .common import build_table, failures, labels, link_records, shows_now

if TYPE_CHECKING:
    from ..flows.drift import Profiled
    from ..warehouse.drift.profile_rows import Seen

UNCHANGED = "schema_unchanged"
SHOWN_DAYS, MOST_SHOWN = 14, 100


def profile_key(name: str) -> dg.AssetKey:
    return dg.AssetKey([name, "schema_profile"])


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES."""
    return [profile_asset(channel.name, settings.owner) for channel in channels]


def profile_asset(name: str, owner: str) -> dg.AssetsDefinition:
    """`<channel>/schema_profile`: not partitioned, because a day's profile is made anew as answers come."""
    key = profile_key(name)

    @shows_now(
        key,
        labels(name, owner, DRIFT, "transform"),
        check_specs=[
            dg.AssetCheckSpec(
                UNCHANGED,
                asset=key,
                description=f"The answers of {name} have the fields, kinds of values and shares of empty fields that "
                "they had in the four weeks before. A change stays red for three days.",
            )
        ],
        description=f"The shape of what {name} answered today, and what of it differs from the four weeks before: new "
        "and vanished fields, other kinds of values, values never seen, names that are withheld. It holds no values. "
        "`commerce-pipelines drift` shows the same.",
    )
    def schema_profile(
        connections: dg.ResourceParam[Connections],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows import drift

        with failures():
            results = drift.profile(connections, name)
            rows = drift.read_recent(connections, [name], timedelta(days=SHOWN_DAYS))
            sunsets = drift.list_sunsets(connections, name)
            alarms = drift.judge(connections, name)
        yield dg.MaterializeResult(asset_key=key, metadata=_describe(name, results, rows, sunsets))
        yield dg.AssetCheckResult(
            check_name=UNCHANGED,
            asset_key=key,
            passed=not alarms,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(drift.describe(row) for row in alarms[:5]) or "Nothing that chance does not explain.",
            metadata={"first records": _link_examples(name, alarms)} if alarms else {},
        )

    return schema_profile


def _link_examples(name: str, rows: "Sequence[Seen]") -> dg.MetadataValue:
    """The first record of each change, leading to its page: a table's cells are plain text."""
    return link_records(name, (row.finding.example for row in rows if row.finding.example), MOST_SHOWN)


def _describe(
    name: str, results: "Sequence[Profiled]", rows: "Sequence[Seen]", sunsets: Sequence[str]
) -> dict[str, Any]:
    from ..flows.drift import HEADINGS, list_cells

    shown = list_cells(rows[:MOST_SHOWN])
    return {
        "dagster/uri": "postgresql:///commerce.schema_changes",
        "dagster/row_count": len(rows),
        **{f"answers today/{result.topic}": result.answers for result in results},
        **{f"fields/{result.topic}": result.fields for result in results},
        **{f"answers before/{result.topic}": result.compared for result in results},
        **({"changes": build_table(HEADINGS, shown), "first records": _link_examples(name, rows)} if shown else {}),
        "announced to end": " ".join(sunsets) or "nothing within 90 days",
    }
