"""SOP 1 in Dagster: raw_orders -> orders + order_lines -> sale_orders, one lane per channel, made by one factory.

What belongs here: keys, partitions, descriptions, metadata. What does not: any rule (flows/, domain/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.lanes import BACKFILL, lane_name, run_tags
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .chart import bars
from .common import (
    LANDED_TAG,
    NIGHTLY,
    RETRY,
    SLICES,
    business_days,
    counts,
    days_of,
    each_day,
    failures,
    labels,
    money,
    say_by_day,
)
from .complete import complete
from .looked_at import select

if TYPE_CHECKING:
    from ..flows.orders.figures import Loaded
    from ..flows.orders.stage import Staged
    from ..warehouse.landing.ways import Reading

FLOW = "orders"
WAIT_STEPS = (0, 5, 10, 20, 40, 60)  # seconds, of the chart
STAGES = ("raw_orders", "orders", "order_lines", "sale_orders")


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES."""
    alone = settings.odoo.writers == 1
    return [asset for channel in channels for asset in order_assets(channel, settings.owner, alone)]


def order_assets(channel: ChannelSettings, owner: str, alone: bool = True) -> list[dg.AssetsDefinition]:
    """The three stages of one channel's orders. owner: an e-mail address or `team:NAME`. alone: whether one run at a
    time writes orders to Odoo (`odoo.writers`)."""
    return [
        raw_orders_asset(channel, owner), staged_orders_asset(channel, owner), sale_orders_asset(channel, owner, alone),
    ]  # fmt: skip


def raw_orders_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/raw_orders`: what the channel said."""
    name, kind = channel.name, str(channel.__struct_config__.tag)

    @dg.asset(
        key=dg.AssetKey([name, "raw_orders"]),
        partitions_def=business_days(channel),
        backfill_policy=SLICES,
        retry_policy=RETRY,
        kinds={kind, "postgres"},
        pool=f"{name}_api",
        description=(
            f"Every answer {name} ever gave about an order placed on this day, kept encrypted and never changed. "
            "A run by hand or a backfill asks the channel for the day's orders; a run of the sensor finds them landed."
        ),
        **labels(name, owner, FLOW, "extract", NIGHTLY),
    )
    @in_our_words
    def raw_orders(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> dg.MaterializeResult:
        from ..flows.intake.pull import pull
        from ..warehouse.landing import ways

        started = connections.instruments.clock()
        start, end = days_of(context)
        with failures():
            landed = None if LANDED_TAG in context.run.tags else pull(connections, name, start, end)
            per_day = connections.landing(name, FLOW).records_per_day(start, end)
            with connections.warehouse.transaction() as connection:
                came = [] if landed else ways.read(connection, name, FLOW, start, end)
        days = each_day(context)
        by_day: dict[date, dict[str, Any]] = {day: {"dagster/row_count": per_day.get(day, 0)} for day in days}
        asked: dict[str, Any] = {"asked the channel": landed is not None}
        if landed is not None:
            asked |= {"answers seen": landed.seen, "answers new": landed.new, "pages": landed.pages}
            asked |= {"read by": "; ".join(landed.ways)} if landed.ways else {}
            by_day = {day: {**by_day[day], "answers new": landed.days[day]} for day in days}
        of_run = {
            **asked,
            **_describe_readings(came),
            "orders": sum(per_day.values()),
            "seconds": round(connections.instruments.clock() - started, 2),
            "orders per day": _draw_chart(per_day, "orders landed per day"),
        }
        say_by_day(context, context.asset_key, by_day, of_run)
        return dg.MaterializeResult()

    return raw_orders


def _describe_readings(came: "Sequence[Reading]") -> dict[str, Any]:
    """How the answers that a run found came, and why they were last read in that way."""
    words = {"poll": "polls", "webhook": "messages", "pull": "pulls of days"}
    counts = {f"answers by {words[reading.how]}": reading.answers for reading in came}
    return counts | {
        f"{words[reading.how]} were last read by": f"{reading.way} ({reading.read_at:%Y-%m-%d %H:%M:%S} UTC)"
        for reading in came
        if reading.read_at is not None
    }


def staged_orders_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/orders` and `<channel>/order_lines`: the newest answers as rows, both from one reading."""
    name = channel.name
    orders, order_lines, raw_orders = (dg.AssetKey([name, table]) for table in ("orders", "order_lines", "raw_orders"))
    shared: dict[str, Any] = {"deps": [raw_orders], "kinds": {"pandas", "postgres"}}
    shared |= labels(name, owner, FLOW, "transform")

    @dg.multi_asset(
        name=f"{name}__staged_orders",
        specs=[
            dg.AssetSpec(
                orders,
                description="One row per order as it stands now: status, money in minor units, destination country, "
                "fulfilment. No personal data: `subject_id` stands for the buyer.",
                **shared,
            ),
            dg.AssetSpec(
                order_lines,
                description="What each order is made of: products, shipping, discounts, gift wrap, tips, duties, each "
                "with its amount, tax and rate.",
                **shared,
            ),
        ],
        partitions_def=business_days(channel),
        backfill_policy=SLICES,
        retry_policy=RETRY,
    )
    @in_our_words
    def staged_orders(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult]:
        from ..flows.orders.stage import stage

        started = connections.instruments.clock()
        start, end = days_of(context)
        with failures():
            staged = stage(
                connections, name, start, end, run_id=context.run.run_id, whole=LANDED_TAG not in context.run.tags
            )
        if staged.refused:
            context.log.warning("%d orders could not be read and wait in exceptions.", staged.refused)
        seconds = round(connections.instruments.clock() - started, 2)
        _tell_staged(context, orders, order_lines, staged, seconds)
        yield dg.MaterializeResult(asset_key=orders)
        yield dg.MaterializeResult(asset_key=order_lines)

    return staged_orders


def sale_orders_asset(channel: ChannelSettings, owner: str, alone: bool) -> dg.AssetsDefinition:
    """`<channel>/sale_orders`: the orders in Odoo, and the proof that none is missing."""
    name = channel.name
    sale_orders_key = dg.AssetKey([name, "sale_orders"])

    @dg.asset(
        key=sale_orders_key,
        ins={"orders": dg.AssetIn(dg.AssetKey([name, "orders"]))},
        deps=[dg.AssetKey([name, "order_lines"])],
        partitions_def=business_days(channel),
        backfill_policy=SLICES,
        retry_policy=RETRY,
        kinds={"odoo", "python"},
        # Several writers are counted by locks of their own (flows/odoo_writer.py): no instance has to know the setting.
        pool="odoo" if alone else f"{name}_odoo",
        check_specs=[
            dg.AssetCheckSpec(
                "complete",
                asset=sale_orders_key,
                description=f"Every paid order of {name}, of all days proved so far, is one confirmed sale order in "
                "Odoo: same count, same money to the cent, no id missing, none waiting. An "
                "incomplete day stays incomplete until it is proved again, whatever days the last run was about.",
            )
        ],
        description="Each paid order as exactly one confirmed sale order in Odoo, with partner, addresses, taxes, team "
        "and analytic account. What cannot be loaded waits in exceptions with a reason; the rest goes on.",
        **labels(name, owner, FLOW, "load", NIGHTLY),
    )
    @in_our_words
    def sale_orders(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections], orders: Any
    ) -> Iterator[dg.Output[Any] | dg.AssetCheckResult]:
        from ..flows.orders.channel_proof import verdict
        from ..flows.orders.prove import prove

        start, end = days_of(context)
        yield _load_orders(context, connections, name, orders)
        with failures():
            landed_before = LANDED_TAG in context.run.tags
            prove(connections, name, start, end, afresh=not landed_before, pulled=not landed_before)
            proven = verdict(connections, name, connections.instruments.now())
        yield complete(proven, name, asset_key=sale_orders_key)

    return sale_orders


def _load_orders(context: dg.AssetExecutionContext, connections: Connections, name: str, orders: Any) -> dg.Output[Any]:
    """Bring the run's orders to Odoo, and say what became of them."""
    from ..flows.orders.load import load

    started = connections.instruments.clock()
    done = Counter[str]()

    def advance(count: int) -> None:
        done["orders"] += count
        context.log.info("%d orders are in Odoo.", done["orders"])

    with failures():
        ledger, loaded = load(
            connections,
            name,
            orders,
            span=days_of(context),
            run_id=context.run.run_id,
            again=LANDED_TAG not in context.run.tags,
            advance=advance,
        )
    by_day = {
        day: {"dagster/row_count": loaded.of(day).actions.total(), **_describe_loaded(loaded.of(day))}
        for day in each_day(context)
    }
    of_run = {
        **_describe_loaded(loaded),
        **({"collisions in Odoo, repeated": loaded.collisions} if loaded.collisions else {}),
        "seconds": round(connections.instruments.clock() - started, 2),
        "what became of them": dg.MetadataValue.md(bars(dict(loaded.actions), "orders by outcome")),
        **(_describe_waits(connections, name, ledger) if LANDED_TAG in context.run.tags else {}),
    }
    say_by_day(context, context.asset_key, by_day, of_run)
    odoo = connections.settings.odoo.url.rstrip("/")
    return dg.Output(ledger, metadata={"sale orders in Odoo": dg.MetadataValue.url(f"{odoo}/odoo/sales")})


def _describe_waits(connections: Connections, name: str, ledger: Any) -> dict[str, Any]:
    """How long the orders that this run made took since the first word of them. ledger: the run's rows."""
    from ..domain.sales.draft import Action
    from ..warehouse.orders.waits import read_waits

    made = ledger.loc[ledger["action"] == Action.CREATED.value, "order_id"].tolist()
    with connections.warehouse.transaction() as connection:
        waits = read_waits(connection, name, made, connections.instruments.now())
    if not waits:
        return {}
    by_length = {
        f"up to {limit} s": sum(after < seconds <= limit for seconds in waits) for after, limit in pairwise(WAIT_STEPS)
    } | {f"over {WAIT_STEPS[-1]} s": sum(seconds > WAIT_STEPS[-1] for seconds in waits)}
    return {
        "seconds until Odoo, median": round(median(waits), 1),
        "seconds until Odoo, longest": round(waits[-1], 1),
        "seconds until Odoo": dg.MetadataValue.md(bars(by_length, "orders by seconds from first notice to Odoo")),
    }


def jobs(settings: Settings, channels: Sequence[ChannelSettings]) -> list[Any]:
    """The lane's jobs, for LANES."""
    return [backfill_job(channel) for channel in channels]


def backfill_job(channel: ChannelSettings) -> Any:  # of a type that Dagster does not export
    """Old days of one channel, read anew: the command `backfill` runs this job, and a person can with *Materialize* in
    the job's page. `sale_orders` alone would read nothing from the channel."""
    return dg.define_asset_job(
        f"{channel.name}_backfill",
        selection=select(*(dg.AssetKey([channel.name, table]) for table in STAGES)),
        description=f"Asks {channel.name} for all orders of the chosen days, brings them to Odoo and proves them. "
        "Choose the days under Materialize, a month of them is a run; or run "
        f"`commerce-pipelines backfill {channel.name} --from DAY --to DAY`.",
        tags=run_tags(channel.name, FLOW, lane_name(channel.name, BACKFILL)),
    )


def _tell_staged(
    context: dg.AssetExecutionContext, orders: dg.AssetKey, order_lines: dg.AssetKey, staged: "Staged", seconds: float
) -> None:
    """The figures of both tables, of each day and of the run."""
    per_day = {day: staged.of(day).orders for day in each_day(context)}
    of_orders = {
        day: {"dagster/row_count": count, **_describe_staged(staged.of(day))} for day, count in per_day.items()
    }
    of_lines = {day: {"dagster/row_count": staged.of(day).lines} for day in per_day}
    of_run = {
        "orders": staged.orders,
        **_describe_staged(staged),
        "seconds": seconds,
        "orders per day": _draw_chart(per_day, "orders per day"),
    }
    say_by_day(context, orders, of_orders, of_run)
    say_by_day(context, order_lines, of_lines, {"lines": staged.lines, "seconds": seconds})


def _describe_staged(part: "Staged") -> dict[str, Any]:
    """The figures of staged orders, of a day or of the whole run."""
    return {
        "in exceptions": part.refused,
        "erased": part.forgotten,
        **({"past their age limit": part.expired} if part.expired else {}),
        **counts(part.by_status, "orders"),
        **money(part.by_currency),
    }


def _describe_loaded(part: "Loaded") -> dict[str, Any]:
    """The figures of orders loaded to Odoo, of a day or of the whole run."""
    return {
        **counts(part.actions, "orders"),
        **counts(part.reasons, "reasons"),
        **money(part.by_currency),
        **counts(part.regimes, "vat"),
        "tax differs at equal totals": part.tax_differs,
        "rounding lines": part.rounded,
    }


def _draw_chart(per_day: Counter[date] | dict[date, int], title: str) -> dg.MetadataValue:
    return dg.MetadataValue.md(bars({f"{day:%d.%m.}": per_day[day] for day in sorted(per_day)}, title) or "no orders")
