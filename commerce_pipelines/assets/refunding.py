"""Refunds out in Dagster: <channel>/issued_refunds, one lane per channel.

What belongs here: the key, description, metadata, checks. What does not: any rule (flows/refunding/, domain/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .chart import bars
from .common import ASKED_AGAIN, NIGHTLY, RETRY, build_table, counts, failures, labels, link_records, money

if TYPE_CHECKING:
    from ..flows.refunding.issue import Issued

FLOW = str(Topic.REFUNDING)
ROWS_SHOWN = 50  # rows and names in metadata
COLUMNS = ("order", "credit note", "amount", "lines")


class PayBackConfig(dg.Config):
    """release: pay this back once, although there are more or higher refunds than the limits. dry_run: only show the
    plan."""

    release: bool = False
    dry_run: bool = False


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES."""
    return [issued_refunds_asset(channel, settings.owner) for channel in channels]


def issued_refunds_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/issued_refunds`: not partitioned, because a person may credit an order long after it was placed."""
    name, kind = channel.name, str(channel.__struct_config__.tag)
    key = dg.AssetKey([name, "issued_refunds"])
    days = channel.refunding.overdue_days

    @dg.asset(
        key=key,
        deps=[dg.AssetKey([name, "credit_notes"])],
        kinds={kind, "python"},
        pool=f"{name}_refunding",
        retry_policy=RETRY,
        check_specs=[
            dg.AssetCheckSpec(
                "refunded_in_time",
                asset=key,
                description=f"No credit note that a person posted was seen more than {days} days ago without being "
                f"reported as paid back. What waits says why in the exceptions.",
            )
        ],
        description=f"Pays buyers of {name} back what a person credited in Odoo, each credit note once and never more "
        "than was paid. Credit notes of the pipelines, and those of refunds that were made in the channel, are left "
        "alone. More refunds than `hold_above`, or one above `hold_amount`, wait for a person: materialise it with "
        "`release: true`.",
        **labels(name, owner, FLOW, "load", NIGHTLY),
    )
    @in_our_words
    def issued_refunds(
        context: dg.AssetExecutionContext, config: PayBackConfig, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.refunding.issue import issue

        started = connections.instruments.clock()
        whole = not ASKED_AGAIN.items() <= context.run.tags.items()
        with failures():
            done = issue(
                connections, name, run_id=context.run.run_id, release=config.release, dry_run=config.dry_run,
                whole=whole,
            )  # fmt: skip
        seconds = round(connections.instruments.clock() - started, 2)
        odoo = connections.settings.odoo.url.rstrip("/")
        link = dg.MetadataValue.url(f"{odoo}/odoo/action-account.action_move_out_refund_type")
        yield dg.MaterializeResult(
            asset_key=key, metadata={**_describe_issued(name, done, seconds), "credit notes in Odoo": link}
        )
        yield _judge_time(connections, name, key, days)

    return issued_refunds


def _describe_issued(name: str, done: "Issued", seconds: float) -> dict[str, Any]:
    return {
        "dagster/row_count": done.planned,
        "dagster/uri": "postgresql:///commerce.effects",
        "dry run": done.dry,
        "credit notes looked at": done.notes,
        "credit notes settled": done.settled,
        "refunds to issue": done.planned,
        "credit notes that wait for the channel's reports": done.postponed,
        **money(done.by_currency),
        **counts(done.outcomes, "issued"),
        **counts(done.waiting, "waiting"),
        "seconds": seconds,
        "refunds": build_table(COLUMNS, done.rows[:ROWS_SHOWN]),
        "orders": link_records(name, (row[0] for row in done.rows), ROWS_SHOWN),
        "waiting, by reason": dg.MetadataValue.md(bars(dict(done.waiting), "waiting, by reason") or "nothing"),
    }


def _judge_time(connections: Connections, name: str, key: dg.AssetKey, days: int) -> dg.AssetCheckResult:
    from ..flows.refunding.prepare import compute_wait
    from ..warehouse.refunding.manual_credit_notes import list_late

    before = connections.instruments.now() - timedelta(days=days) - compute_wait(connections, name)
    with connections.warehouse.transaction() as connection:
        late = list_late(connection, name, before)
    names = ", ".join(f"{row.name} ({' '.join(filter(None, (row.state, row.code)))})" for row in late[:ROWS_SHOWN])
    return dg.AssetCheckResult(
        check_name="refunded_in_time",
        asset_key=key,
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(late)} credit notes were seen more than {days} days ago and are not paid back.",
        metadata={"late": names or "none"},
    )
