"""Invoices and payments in Dagster: <channel>/invoices, one lane per channel.

What belongs here: the key, description, metadata, checks. What does not: any rule (flows/invoicing/, domain/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.topics import Topic
from ..domain.money import to_decimal
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .chart import bars
from .common import ASKED_AGAIN, NIGHTLY, RETRY, counts, failures, labels, link_records, money

if TYPE_CHECKING:
    from ..flows.invoicing.bill import Billed

FLOW = str(Topic.INVOICING)
ROWS_SHOWN = 50  # orders named in a check's metadata


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES."""
    return [invoices_asset(channel, settings.owner) for channel in channels]


def invoices_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/invoices`: not partitioned, because an order is invoiced long after the day on which it was placed."""
    name = channel.name
    key = dg.AssetKey([name, "invoices"])

    @dg.asset(
        key=key,
        deps=[dg.AssetKey([name, "sale_orders"])],
        kinds={"odoo", "python"},
        retry_policy=RETRY,
        check_specs=_build_check_specs(channel, key),
        description=f"The orders of {name} invoiced in Odoo, and what the channel took registered as their payments, "
        "each once. What a person invoiced or paid is recognised; what cannot go on waits in exceptions with a reason.",
        **labels(name, owner, FLOW, "load", NIGHTLY),
    )
    @in_our_words
    def invoices(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.invoicing.bill import bill

        started = connections.instruments.clock()
        again = not ASKED_AGAIN.items() <= context.run.tags.items()
        with failures():
            billed = bill(connections, name, run_id=context.run.run_id, again=again)
        seconds = round(connections.instruments.clock() - started, 2)
        odoo = connections.settings.odoo.url.rstrip("/")
        link = dg.MetadataValue.url(f"{odoo}/odoo/action-account.action_move_out_invoice_type")
        yield dg.MaterializeResult(
            asset_key=key, metadata={**_describe_billed(billed, seconds), "invoices in Odoo": link}
        )
        yield _judge_time(connections, channel, key)
        yield _judge_money(connections, name, key)

    return invoices


def _build_check_specs(channel: ChannelSettings, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    days = channel.invoicing.overdue_days
    return [
        dg.AssetCheckSpec(
            "invoiced_in_time",
            asset=key,
            description=f"No order that was delivered more than {days} days ago is without its posted invoice. A "
            "warning: whoever posts invoices by hand may be late with them.",
        ),
        dg.AssetCheckSpec(
            "money_agrees",
            asset=key,
            description="The invoices of each invoiced order come to what the channel took for it, to the cent, unless "
            "a note on the order explains the difference.",
        ),
    ]


def _describe_billed(billed: "Billed", seconds: float) -> dict[str, Any]:
    return {
        "dagster/row_count": billed.orders,
        "dagster/uri": "postgresql:///commerce.invoices",
        "invoices made": billed.created,
        "invoices posted": billed.posted,
        "payments registered": billed.registered,
        **counts(billed.states, "orders"),
        **counts(billed.reasons, "reasons"),
        **money(billed.invoiced),
        **{f"paid/{currency}": value for currency, value in _write_amounts(billed.paid).items()},
        "seconds": seconds,
        "orders by state": dg.MetadataValue.md(bars(dict(billed.states), "orders by state") or "nothing to do"),
    }


def _write_amounts(totals: Counter[str]) -> dict[str, dg.MetadataValue]:
    return {
        currency: dg.MetadataValue.text(str(to_decimal(minor, currency))) for currency, minor in sorted(totals.items())
    }


def _judge_time(connections: Connections, channel: ChannelSettings, key: dg.AssetKey) -> dg.AssetCheckResult:
    from ..warehouse.invoicing import ledger

    days = channel.invoicing.overdue_days
    with connections.warehouse.transaction() as connection:
        late = ledger.list_late(connection, channel.name, connections.instruments.now(), days)
    reasons = ", ".join(f"{count} {why}" for why, count in Counter(why for _, why in late).most_common())
    return dg.AssetCheckResult(
        check_name="invoiced_in_time",
        asset_key=key,
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(late)} orders were delivered more than {days} days ago and are not invoiced completely.",
        metadata={"late": link_records(channel.name, (order_id for order_id, _ in late)), "because": reasons or "–"},
    )


def _judge_money(connections: Connections, name: str, key: dg.AssetKey) -> dg.AssetCheckResult:
    from ..warehouse.invoicing import ledger

    with connections.warehouse.transaction() as connection:
        differing = ledger.list_differing(connection, name)
    rows = [
        f"{row.order_id}: channel {to_decimal(row.total, row.currency)} {row.currency}, invoiced "
        f"{to_decimal(row.invoiced, row.currency)}"
        for row in differing[:ROWS_SHOWN]
    ]
    return dg.AssetCheckResult(
        check_name="money_agrees",
        asset_key=key,
        passed=not differing,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(differing)} orders are invoiced at another amount than the channel took.",
        metadata={
            "differing": "; ".join(rows) or "none",
            "orders": link_records(name, (row.order_id for row in differing), ROWS_SHOWN),
        },
    )
