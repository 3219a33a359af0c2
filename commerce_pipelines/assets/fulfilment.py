"""Shipments in Dagster: odoo/shipments -> <channel>/shipment_confirmations, one lane per channel.

What belongs here: keys, descriptions, metadata, checks. What does not: any rule (flows/, domain/).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.groups import by_group
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .chart import bars
from .common import NIGHTLY, RETRY, build_table, counts, failures, labels, link_records, odoo_key

if TYPE_CHECKING:
    from ..flows.fulfilment.confirm import Confirmed
    from ..flows.fulfilment.take_over import Taken

FLOW = "fulfilment"
SHIPMENTS = "shipments"
ROWS_SHOWN = 50  # rows and names in metadata


class ConfirmConfig(dg.Config):
    """release: confirm this once, although there are more parcels than `hold_above`. dry_run: only show the plan."""

    release: bool = False
    dry_run: bool = False


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES: one asset for Odoo's deliveries in each group of channels, and one of each
    channel."""
    own = [confirmations_asset(channel, settings.owner) for channel in channels]
    return [*(shipments_asset(settings.owner, group) for group in by_group(channels)), *own]


def shipments_asset(owner: str, group: str = "") -> dg.AssetsDefinition:
    """Odoo's deliveries, for all channels at once."""

    @dg.asset(
        key=odoo_key(SHIPMENTS, group),
        kinds={"odoo", "postgres"},
        retry_policy=RETRY,
        description="Deliveries of the channels' orders that are done in Odoo: what left, in which package, under "
        "which tracking number. Backorders, kits and dropshipments included; returns and what was sent again are not.",
        **labels("odoo", owner, FLOW, "extract", NIGHTLY),
    )
    @in_our_words
    def shipments(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> dg.MaterializeResult:
        from ..flows.fulfilment.inputs import counted, read_shipments

        started = connections.instruments.clock()
        with failures():
            read = read_shipments(connections, whole=True)
        for problem in read.problems:
            context.log.warning(problem)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(read.orders.values()),
                "dagster/uri": "postgresql:///commerce.shipments",
                **counts(read.orders, "orders read"),
                **counts(counted(read), "new or changed"),
                "not read": " ".join(read.problems) or "none",
                "seconds": round(connections.instruments.clock() - started, 2),
            }
        )

    return shipments


def confirmations_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/shipment_confirmations`: parcels told, and whether they were told in time."""
    name, kind = channel.name, str(channel.__struct_config__.tag)
    key = dg.AssetKey([name, "shipment_confirmations"])
    deadline = timedelta(hours=channel.fulfilment.deadline_hours)

    @dg.asset(
        key=key,
        deps=[odoo_key(SHIPMENTS, channel.group)],
        kinds={kind, "python"},
        pool=f"{name}_fulfilment",
        retry_policy=RETRY,
        check_specs=[
            dg.AssetCheckSpec(
                "confirmed_in_time",
                asset=key,
                description=f"No delivery that was done more than {deadline} ago is still to be told. What waits says "
                "why in the exceptions.",
            )
        ],
        description=f"Tells {name} which units left in which parcel, each once, and corrects tracking numbers that "
        "changed later. A delivery without tracking number waits in the exceptions by default. More parcels than "
        "`hold_above` wait for a person: materialise it with `release: true`.",
        **labels(name, owner, FLOW, "load", NIGHTLY),
    )
    @in_our_words
    def shipment_confirmations(
        context: dg.AssetExecutionContext, config: ConfirmConfig, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.fulfilment.confirm import confirm
        from ..flows.fulfilment.take_over import Taken, take_over

        started = connections.instruments.clock()
        with failures():
            dry = config.dry_run or channel.fulfilment.dry_run
            run_id, taken = context.run.run_id, Taken()
            try:
                done = confirm(connections, name, run_id=run_id, release=config.release, dry_run=config.dry_run)
            finally:
                if not dry:  # what waits for a person does not hold up what the channel has shipped itself
                    taken = take_over(connections, name, run_id=run_id)
        seconds = round(connections.instruments.clock() - started, 2)
        yield dg.MaterializeResult(asset_key=key, metadata=_describe_confirmed(name, done, taken, seconds))
        yield _judge_time(connections, name, key, deadline)

    return shipment_confirmations


def _describe_confirmed(name: str, done: "Confirmed", taken: "Taken", seconds: float) -> dict[str, Any]:
    return {
        "dagster/row_count": done.parcels + done.corrections,
        "dagster/uri": "postgresql:///commerce.effects",
        "dry run": done.dry,
        "orders looked at": done.orders,
        "orders settled": done.settled,
        "parcels to confirm": done.parcels,
        "units to confirm": done.units,
        "tracking numbers to correct": done.corrections,
        **({"sent": done.how} if done.how and done.parcels else {}),
        **counts(done.outcomes, "told"),
        **counts(done.waiting, "waiting"),
        "shipped by the channel, delivered in Odoo": taken.deliveries,
        **counts(taken.waiting, "not taken over"),
        "seconds": seconds,
        "parcels": _build_parcels(done),
        "orders": link_records(name, (row[0] for row in done.rows), ROWS_SHOWN),
        "waiting, by reason": dg.MetadataValue.md(bars(dict(done.waiting), "waiting, by reason") or "nothing"),
    }


def _build_parcels(done: "Confirmed") -> dg.MetadataValue:
    return build_table(("order", "delivery", "what", "carrier and number", "units"), done.rows[:ROWS_SHOWN])


def _judge_time(connections: Connections, name: str, key: dg.AssetKey, deadline: timedelta) -> dg.AssetCheckResult:
    from ..warehouse.fulfilment.shipments import overdue

    before: datetime = connections.instruments.now() - deadline
    with connections.warehouse.transaction() as connection:
        late = overdue(connection, name, before)
    return dg.AssetCheckResult(
        check_name="confirmed_in_time",
        asset_key=key,
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(late)} orders were delivered more than {deadline} ago and are not completely told.",
        metadata={
            "late": link_records(name, (order_id for order_id, _ in late)),
            "since": late[0][1].isoformat() if late else "none",
        },
    )
