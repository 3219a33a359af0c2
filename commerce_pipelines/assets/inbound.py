"""A marketplace's own warehouses in Dagster, one lane per channel.

    odoo/inbound_transfers -> <channel>/inbound_shipments
    <channel>/fba_inventory, <channel>/fba_removals -> <channel>/fba_reconciliation

What belongs here: keys, descriptions, metadata, checks. What does not: any rule (flows/inbound/, domain/inbound/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.groups import by_group
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .chart import bars
from .common import RETRY, build_table, counts, failures, labels, link_records, odoo_key
from .fba_removals import fba_removals_asset
from .inbound_plans import build_spec, describe_plans, judge_plans

if TYPE_CHECKING:
    from datetime import date

    from ..domain.inbound.reconciliation import Line
    from ..flows.inbound.ledger_days import Read
    from ..flows.inbound.receive import Received
    from ..flows.inbound.reconcile import Reconciled

FLOW = str(Topic.INBOUND)
ROWS_SHOWN = 50  # rows and names in metadata
TRANSFERS = "inbound_transfers"
CLAIM_DAYS_LEFT = 14
TRANSFER_COLUMNS = ("channel", "transfer", "shipment", "state", "products", "units")
CLAIMS = ("claim until", "shipment", "product", "shipped", "counted", "in Odoo", "what", "evidence")
LATE_LEDGER = 3  # days: the marketplace's ledger is a day or two behind
COLUMNS = ("product", "SKUs", "marketplace", "Odoo", "difference", "since", "why")


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES."""
    owner = settings.owner
    receiving = [channel for channel in channels if channel.inbound.receive]
    return [
        *(inbound_transfers_asset(members, owner, group) for group, members in by_group(receiving).items()),
        *(inbound_shipments_asset(channel, owner) for channel in receiving),
        *(fba_inventory_asset(channel, owner) for channel in channels),
        *(fba_removals_asset(channel, owner) for channel in channels if channel.inbound.removals.enabled),
        *(fba_reconciliation_asset(channel, owner) for channel in channels),
    ]


def inbound_transfers_asset(channels: Sequence[ChannelSettings], owner: str, group: str = "") -> dg.AssetsDefinition:
    """`odoo/inbound_transfers`: what is on the road, for all channels of a group at once."""
    names = [channel.name for channel in channels]

    @dg.asset(
        key=odoo_key(TRANSFERS, group),
        kinds={"odoo", "python"},
        retry_policy=RETRY,
        description="Transfers in Odoo from a transit location into a marketplace's warehouse, those of late included. "
        "The shipment's number stands in their Source Document; transfers without one are named here.",
        **labels("odoo", owner, FLOW, "extract"),
    )
    @in_our_words
    def inbound_transfers(connections: dg.ResourceParam[Connections]) -> dg.MaterializeResult:
        from ..flows.inbound.receive import list_transfers
        from ..odoo.inbound.receipts import name_state

        with failures():
            rows = [(name, transfer) for name in names for transfer in list_transfers(connections, name)]
        shown = (
            (name, row.name, row.shipment_id or "none", name_state(row.state),
             len({move.product for move in row.moves}), f"{sum(move.units for move in row.moves):g}")
            for name, row in rows[:ROWS_SHOWN]
        )  # fmt: skip
        waiting = [row for _, row in rows if row.state not in ("done", "cancel")]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(rows),
                "on the road": len(waiting),
                "without a shipment's number": ", ".join(row.name for row in waiting if not row.shipment_id) or "none",
                "transfers": build_table(TRANSFER_COLUMNS, shown),
                **{
                    f"pages/{name}": link_shipments(name, (row.shipment_id for of, row in rows if of == name))
                    for name in names
                },
            }
        )

    return inbound_transfers


def link_shipments(name: str, numbers: Iterable[str]) -> dg.MetadataValue:
    """numbers: of shipments; one transfer may have several, with blanks between them."""
    return link_records(name, (number for text in numbers for number in text.split()), ROWS_SHOWN)


def inbound_shipments_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/inbound_shipments`: not partitioned, because a shipment is counted for weeks."""
    name, kind = channel.name, str(channel.__struct_config__.tag)
    key = dg.AssetKey([name, "inbound_shipments"])

    @dg.asset(
        key=key,
        deps=[odoo_key(TRANSFERS, channel.group)],
        kinds={kind, "odoo"},
        pool=f"{name}_inbound",
        retry_policy=RETRY,
        check_specs=[
            dg.AssetCheckSpec(
                "counted_in_full",
                asset=key,
                description=f"Of no shipment that {name} has closed units are missing, and of none it has counted more "
                f"than was on the road. Red when the last day of a claim is less than {CLAIM_DAYS_LEFT} days off.",
            ),
            *([build_spec(key, name)] if channel.inbound.plans.enabled else []),
        ],
        description=f"What {name} has counted of the shipments to its warehouses, received in Odoo in steps and never "
        "more than is on the road. Units that are missing or too many are listed by the last day of a claim; nothing "
        "is adjusted. With `inbound.plans`, transfers that are ready become plans there first.",
        **labels(name, owner, FLOW, "load"),
    )
    @in_our_words
    def inbound_shipments(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.inbound.receive import receive
        from ..flows.inbound.send_in import advance

        started = connections.instruments.clock()
        with failures():
            done = receive(connections, name, context.run.run_id)
            sent = advance(connections, name, context.run.run_id) if channel.inbound.plans.enabled else None
        seconds = round(connections.instruments.clock() - started, 2)
        plans = describe_plans(sent, name) if sent else {}
        yield dg.MaterializeResult(asset_key=key, metadata=_describe_received(name, done, seconds) | plans)
        if sent:
            yield judge_plans(sent, key)
        yield _judge_counts(name, done, key, connections.instruments.now().astimezone(channel.zone).date())

    return inbound_shipments


def _describe_received(name: str, done: "Received", seconds: float) -> dict[str, Any]:
    from ..flows.inbound.receive import explain

    claims = (
        (row.last_day or "not arrived", row.shipment_id, row.code, f"{row.count.shipped:g}", f"{row.count.received:g}",
         f"{row.count.booked:g}", explain(row.count), row.evidence)
        for row in done.discrepancies[:ROWS_SHOWN]
    )  # fmt: skip
    return {
        "dagster/row_count": done.shipments,
        "dagster/uri": "postgresql:///commerce.fba_shipments",
        "units received": done.units,
        **counts(done.statuses, "shipments"),
        "transfers without a shipment's number": ", ".join(done.unnumbered) or "none",
        **counts(done.waiting, "waiting"),
        "seconds": seconds,
        "to claim or to clear": build_table(CLAIMS, claims),
        "shipments to clear": link_shipments(name, (row.shipment_id for row in done.discrepancies)),
    }


def _judge_counts(name: str, done: "Received", key: dg.AssetKey, today: "date") -> dg.AssetCheckResult:
    urgent = [
        row for row in done.discrepancies
        if row.last_day and 0 <= (row.last_day - today).days < CLAIM_DAYS_LEFT and row.count.missing
    ]  # fmt: skip
    differing = link_shipments(name, (row.shipment_id for row in done.discrepancies))
    return dg.AssetCheckResult(
        check_name="counted_in_full",
        asset_key=key,
        passed=not done.discrepancies,
        severity=dg.AssetCheckSeverity.ERROR if urgent else dg.AssetCheckSeverity.WARN,
        description=f"{len(done.discrepancies)} counts differ; for {len(urgent)} of them a claim is taken for few days "
        "more.",
        metadata={"differing": differing},
    )


def fba_inventory_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/fba_inventory`: not partitioned, because days are read again as long as late rows come."""
    name, kind = channel.name, str(channel.__struct_config__.tag)
    key = dg.AssetKey([name, "fba_inventory"])

    @dg.asset(
        key=key,
        kinds={kind, "postgres"},
        pool=f"{name}_inbound",
        retry_policy=RETRY,
        check_specs=[
            dg.AssetCheckSpec(
                "ledger_is_sound",
                asset=key,
                description="Within the marketplace's ledger every start and its events make the end, every day begins "
                "as the one before ended, details and summary tell of the same units, and every event is known.",
            )
        ],
        description=f"What lies in {name}'s own warehouses: its ledger of goods by whole days, read anew as long as "
        "late rows come, and what each of its stores shows now. Stores of one region may show the same pool, so their "
        "figures are never added up.",
        **labels(name, owner, FLOW, "extract"),
    )
    @in_our_words
    def fba_inventory(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.inbound.ledger_days import read

        started = connections.instruments.clock()
        with failures():
            done = read(connections, name, context.run.run_id)
        seconds = round(connections.instruments.clock() - started, 2)
        yield dg.MaterializeResult(asset_key=key, metadata=_describe_read(done, seconds))
        yield _judge_ledger(done, key)

    return fba_inventory


def _describe_read(done: "Read", seconds: float) -> dict[str, Any]:
    return {
        "dagster/row_count": done.events,
        "dagster/uri": "postgresql:///commerce.fba_ledger_events",
        "ledger complete until": str(done.last or "no day yet"),
        "days read": len(done.days),
        **counts(done.skus, "SKUs shown in"),
        **counts(done.fulfillable, "fulfillable units shown in"),
        **counts(done.flaws, "flaws"),
        "orders whose departure it contradicts": done.contradicted,
        "unknown events": ", ".join(done.unknown) or "none",
        "seconds": seconds,
        "units by place": dg.MetadataValue.md(bars(done.places, f"units at the end of {done.last}") or "none"),
    }


def _judge_ledger(done: "Read", key: dg.AssetKey) -> dg.AssetCheckResult:
    flaws = sum(done.flaws.values())
    return dg.AssetCheckResult(
        check_name="ledger_is_sound",
        asset_key=key,
        passed=not flaws and not done.unknown,
        severity=dg.AssetCheckSeverity.ERROR if done.unknown else dg.AssetCheckSeverity.WARN,
        description=f"{flaws} flaws and {len(done.unknown)} unknown events in the {len(done.days)} days that were "
        "read; the exceptions name them.",
        metadata=counts(done.flaws, "flaws"),
    )


def find_sources(channel: ChannelSettings) -> list[str]:
    """The tables that the comparison follows."""
    return ["fba_inventory", *(["fba_removals"] if channel.inbound.removals.enabled else [])]


def fba_reconciliation_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/fba_reconciliation`: the last complete day of the ledger against Odoo."""
    name = channel.name
    key = dg.AssetKey([name, "fba_reconciliation"])

    @dg.asset(
        key=key,
        deps=[dg.AssetKey([name, table]) for table in find_sources(channel)],
        kinds={"odoo", "python"},
        retry_policy=RETRY,
        check_specs=[
            dg.AssetCheckSpec(
                "stock_agrees",
                asset=key,
                description=f"At the end of the ledger's last complete day, Odoo had in {channel.channel_warehouse} "
                f"what {name} says; movements that are still open in Odoo may explain a difference for "
                f"{channel.inbound.overdue_days} days. The ledger is at most {LATE_LEDGER} days behind.",
            )
        ],
        description=f"Odoo's stock of {channel.channel_warehouse} against {name}'s own ledger, product by product, as "
        "of the end of its last complete day. What differs is taken apart by event, to the unit, and waits in the "
        "exceptions; nothing is adjusted.",
        **labels(name, owner, FLOW, "load"),
    )
    @in_our_words
    def fba_reconciliation(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.inbound.reconcile import reconcile

        started = connections.instruments.clock()
        with failures():
            done = reconcile(connections, name, context.run.run_id)
        seconds = round(connections.instruments.clock() - started, 2)
        yield dg.MaterializeResult(asset_key=key, metadata=_describe_reconciled(done, seconds))
        today = connections.instruments.now().astimezone(channel.zone).date()
        yield _judge_stock(done, key, today)

    return fba_reconciliation


def _describe_reconciled(done: "Reconciled", seconds: float) -> dict[str, Any]:
    return {
        "dagster/row_count": len(done.lines),
        "dagster/uri": "postgresql:///commerce.fba_reconciliation",
        "day": str(done.day or "none"),
        "products": done.products,
        "units in the marketplace's ledger": done.marketplace,
        "units in Odoo": done.odoo,
        "products that differ": len(done.differing),
        "products with open movements": len(done.open_lines),
        **counts(done.waiting, "not compared"),
        "seconds": seconds,
        "differences": build_table(COLUMNS, map(_build_row, done.lines[:ROWS_SHOWN])),
    }


def _build_row(line: "Line") -> tuple[str, ...]:
    from ..flows.inbound.reconcile import explain

    why = f"open in Odoo; {explain(line)}" if line.is_open else explain(line)
    figures = (f"{line.marketplace:g}", f"{line.odoo:g}", f"{line.difference:+g}")
    return (line.code, ", ".join(line.mskus), *figures, str(line.agreed_on + timedelta(days=1)), why)


def _judge_stock(done: "Reconciled", key: dg.AssetKey, today: "date") -> dg.AssetCheckResult:
    late = done.day is None or (today - done.day).days > LATE_LEDGER
    names = ", ".join(f"{line.code} {line.difference:+g}" for line in done.differing[:ROWS_SHOWN])
    behind = "there is no ledger yet" if done.day is None else f"the ledger ends with {done.day}"
    return dg.AssetCheckResult(
        check_name="stock_agrees",
        asset_key=key,
        passed=not done.differing and not done.waiting and not late,
        severity=dg.AssetCheckSeverity.ERROR if done.differing else dg.AssetCheckSeverity.WARN,
        description=f"{len(done.differing)} products differ, {sum(done.waiting.values())} SKUs could not be compared; "
        f"{behind}.",
        metadata={"differing": names or "none", "open": ", ".join(line.code for line in done.open_lines) or "none"},
    )
