"""`rehearsal` in Dagster: what other settings would make of the last weeks, started by a person from the launchpad.

What belongs here: key, config, metadata. What does not: the comparison (flows/rehearsal.py).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.lanes import OVERVIEW, REHEARSAL
from ..core.topics import Topic
from ..domain.money import write_totals
from ..resources.connections import Connections
from ..settings import file as settings_file
from ..settings.file import Settings
from .common import build_table, failures, labels, link_records, shows_now

if TYPE_CHECKING:
    from ..domain.rehearsal.side_by_side import Difference
    from ..flows.rehearsal import Rehearsed

KEY = dg.AssetKey([REHEARSAL])
COLUMNS = ("channel", "of", "what differs", "records", "worth")
SIDES = ("channel", "of", "record", "what", "now", "then", "why then")
MOST_SHOWN = 200
UNNAMED = "Name the file to try: `settings` of the op `rehearsal` in the launchpad, such as /etc/new.yaml."


class RehearsalConfig(dg.Config):
    """settings: path of the settings to try, on the machine where runs work. days: how many days back."""

    settings: str = ""
    days: int = 30


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The one asset, for LANES."""
    return [rehearsal_asset(settings.owner)]


def rehearsal_asset(owner: str) -> dg.AssetsDefinition:
    """`rehearsal`: only a person materialises it."""

    @shows_now(
        KEY,
        labels(OVERVIEW, owner, REHEARSAL, "transform"),
        kinds={"odoo", "postgres"},
        retry_policy=None,
        description="What the settings of another file would make of the answers of the last weeks, beside what the "
        "settings in use make of them: orders whose tax, warehouse, products, total … would differ, and listings that "
        "would show another quantity. Nothing is written to Odoo or a marketplace. `commerce-pipelines rehearse` does "
        "the same; `commerce-pipelines release --rehearsal N` agrees to the settings.",
    )
    def rehearsal(config: RehearsalConfig, connections: dg.ResourceParam[Connections]) -> dg.MaterializeResult:
        from ..flows.rehearsal import list_examples, rehearse

        if not config.settings:  # a run of all assets, which must not fail because of this one
            return dg.MaterializeResult(metadata={"nothing compared": UNNAMED})
        with failures():
            done = rehearse(connections, settings_file.load(Path(config.settings)), config.days)
            examples = list_examples(connections, done.rehearsal.id, limit=MOST_SHOWN)
        return dg.MaterializeResult(metadata=_describe(done, examples))

    return rehearsal


def _describe(done: "Rehearsed", examples: "Sequence[Difference]") -> dict[str, Any]:
    tallies = [
        (channel, topic, kind, str(tally.count), write_totals(tally.money, "–"))
        for (channel, topic, kind), tally in sorted(done.tallies.items())
    ]
    sides = [
        (row.either.channel, row.either.topic, row.either.record_id, kind,
         row.before.fields.get(kind, "–") if row.before else "not there",
         row.after.fields.get(kind, "–") if row.after else "not there",
         "; ".join(f"{name} {value}" for name, value in (row.after.why if row.after else {}).items()) or "–")
        for row in examples for kind in row.kinds
    ]  # fmt: skip
    of_orders: dict[str, list[str]] = {}
    for row in examples:
        if row.either.topic == Topic.ORDERS:
            of_orders.setdefault(row.either.channel, []).append(row.either.record_id)
    return {
        "rehearsal": done.rehearsal.id,
        "dagster/row_count": done.rehearsal.differing,
        "records compared": done.rehearsal.records,
        "records that differ": done.rehearsal.differing,
        **({"differences": build_table(COLUMNS, tallies)} if tallies else {}),
        **({"side by side": build_table(SIDES, sides)} if sides else {}),
        **{f"orders/{name}": link_records(name, ids, MOST_SHOWN) for name, ids in of_orders.items()},
        "not compared": " ".join(done.left_out) or "nothing",
        "settings": done.rehearsal.stamp,
    }
