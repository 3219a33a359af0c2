"""Returns and refunds in Dagster: raw_returns -> returns + refunds -> credit_notes, one lane per channel.

What belongs here: keys, partitions, descriptions, metadata. What does not: any rule (flows/, domain/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.lanes import backfill_lane, lane_name, run_tags
from ..core.topics import Topic
from ..domain.money import to_decimal
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
from .credited import complete, settled
from .looked_at import select

if TYPE_CHECKING:
    from ..flows.returns.load import Loaded
    from ..flows.returns.stage import Staged

FLOW = str(Topic.RETURNS)
STAGES = ("raw_returns", "returns", "refunds", "credit_notes")


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES."""
    return [
        asset
        for channel in channels
        for asset in (
            raw_returns_asset(channel, settings.owner),
            staged_returns_asset(channel, settings.owner),
            credit_notes_asset(channel, settings.owner),
        )
    ]


def jobs(settings: Settings, channels: Sequence[ChannelSettings]) -> list[Any]:
    """The lane's jobs, for LANES."""
    return [backfill_job(channel) for channel in channels]


def backfill_job(channel: ChannelSettings) -> Any:  # of a type that Dagster does not export
    """Old days of one channel's returns and refunds, read anew, by the command `backfill --flow returns` or in the
    job's page."""
    name = channel.name
    return dg.define_asset_job(
        f"{name}_returns_backfill",
        selection=select(*(dg.AssetKey([name, table]) for table in STAGES)),
        description=f"Asks {name} for all returns and refunds of the chosen days, brings them to Odoo and proves them. "
        "Choose the days under Materialize, a month of them is a run; or run "
        f"`commerce-pipelines backfill {name} --flow returns --from DAY --to DAY`.",
        tags=run_tags(name, FLOW, lane_name(name, backfill_lane(FLOW))),
    )


def raw_returns_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/raw_returns`: what the channel said."""
    name, kind = channel.name, str(channel.__struct_config__.tag)

    @dg.asset(
        key=dg.AssetKey([name, "raw_returns"]),
        partitions_def=business_days(channel),
        backfill_policy=SLICES,
        retry_policy=RETRY,
        kinds={kind, "postgres"},
        pool=f"{name}_returns_api",  # of its own, so that no order waits for a report of returns
        description=(
            f"Every answer {name} ever gave about a return or a refund made on this day, kept encrypted and never "
            "changed. A run by hand or a backfill asks the channel for the day's records; a run of the sensor finds "
            "them landed."
        ),
        **labels(name, owner, FLOW, "extract", NIGHTLY),
    )
    @in_our_words
    def raw_returns(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> dg.MaterializeResult:
        from ..flows.returns.stage import offered_topics

        started = connections.instruments.clock()
        per_topic: dict[Topic, dict[date, int]] = {}
        of_run: dict[str, Any] = {"asked the channel": LANDED_TAG not in context.run.tags}
        with failures():
            for topic in offered_topics(connections, name):
                of_run |= _ask_topic(context, connections, name, topic)
                per_topic[topic] = connections.landing(name, topic).records_per_day(*days_of(context))
        by_day = {day: _count_landed(per_topic, day) for day in each_day(context)}
        for topic, of_topic in per_topic.items():
            of_run[topic.value] = sum(of_topic.values())
        of_run["seconds"] = round(connections.instruments.clock() - started, 2)
        per_day = Counter({day: figures["dagster/row_count"] for day, figures in by_day.items()})
        of_run["answers per day"] = _draw_chart(per_day, "returns and refunds landed per day")
        say_by_day(context, context.asset_key, by_day, of_run)
        return dg.MaterializeResult()

    return raw_returns


def _ask_topic(context: dg.AssetExecutionContext, connections: Connections, name: str, topic: Topic) -> dict[str, Any]:
    """Ask the channel for the run's days, unless the sensor has landed them; returns the figures for the run."""
    from ..flows.intake.pull import pull

    if LANDED_TAG in context.run.tags:
        return {}
    landed = pull(connections, name, *days_of(context), topic=topic)
    return {f"{topic} seen": landed.seen, f"{topic} new": landed.new, f"{topic} pages": landed.pages}


def _count_landed(per_topic: dict[Topic, dict[date, int]], day: date) -> dict[str, Any]:
    figures = {topic.value: of_topic.get(day, 0) for topic, of_topic in per_topic.items()}
    return {"dagster/row_count": sum(figures.values()), **figures}


def staged_returns_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/returns` and `<channel>/refunds`: the newest answers as rows."""
    name = channel.name
    keys = {topic: dg.AssetKey([name, topic.value]) for topic in (Topic.RETURNS, Topic.REFUNDS)}
    shared: dict[str, Any] = {"deps": [dg.AssetKey([name, "raw_returns"])], "kinds": {"python", "postgres"}}
    shared |= labels(name, owner, FLOW, "transform")

    @dg.multi_asset(
        name=f"{name}__staged_returns",
        specs=[
            dg.AssetSpec(
                keys[Topic.RETURNS],
                description="One row per return as it stands now: which units of which order come back, how many have "
                "arrived, in what condition. Its lines are in commerce.return_lines. No personal data.",
                **shared,
            ),
            dg.AssetSpec(
                keys[Topic.REFUNDS],
                description="One row per refund as it stands now: money paid back, to the cent, and whether it is "
                "done. Its lines are in commerce.refund_lines. No personal data.",
                **shared,
            ),
        ],
        partitions_def=business_days(channel),
        backfill_policy=SLICES,
        retry_policy=RETRY,
    )
    @in_our_words
    def staged_returns(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult]:
        from ..flows.returns.stage import Staged, offered_topics, stage

        start, end = days_of(context)
        whole = LANDED_TAG not in context.run.tags
        with failures():
            offered = offered_topics(connections, name)
            staged = {
                topic: stage(connections, name, topic, start, end, run_id=context.run.run_id, whole=whole)
                if topic in offered
                else Staged()
                for topic in keys
            }
        for topic, key in keys.items():
            if staged[topic].refused:
                context.log.warning("%d %s could not be read and wait in exceptions.", staged[topic].refused, topic)
            _tell_staged(context, key, staged[topic])
            yield dg.MaterializeResult(asset_key=key)

    return staged_returns


def _tell_staged(context: dg.AssetExecutionContext, key: dg.AssetKey, staged: "Staged") -> None:
    per_day = {day: staged.of(day).records for day in each_day(context)}
    by_day = {day: {"dagster/row_count": count, **_describe_staged(staged.of(day))} for day, count in per_day.items()}
    chart = _draw_chart(per_day, f"{key.path[-1]} per day")
    say_by_day(context, key, by_day, {"records": staged.records, **_describe_staged(staged), "per day": chart})


def _describe_staged(part: "Staged") -> dict[str, Any]:
    """The figures of staged records, of a day or of the whole run."""
    return {
        "lines": part.lines,
        "in exceptions": part.refused,
        "erased": part.forgotten,
        **({"past their age limit": part.expired} if part.expired else {}),
        **counts(part.by_state, "state"),
        **money(part.by_currency),
    }


def credit_notes_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/credit_notes`: returns and refunds in Odoo, and the proof that none is missing."""
    name = channel.name
    key = dg.AssetKey([name, "credit_notes"])

    @dg.asset(
        key=key,
        deps=[dg.AssetKey([name, table]) for table in ("returns", "refunds")],
        partitions_def=business_days(channel),
        backfill_policy=SLICES,
        retry_policy=RETRY,
        kinds={"odoo", "python"},
        check_specs=_build_check_specs(name, key),
        description="Each return as a transfer that expects or has received its goods, and each refund as exactly one "
        "credit note, to the cent and by tax rate; a refund of what was neither delivered nor invoiced reduces its "
        "order instead. What cannot be loaded waits in exceptions with a reason; the rest goes on.",
        **labels(name, owner, FLOW, "load", NIGHTLY),
    )
    @in_our_words
    def credit_notes(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.returns.load import load
        from ..flows.returns.prove import prove, verdict

        started = connections.instruments.clock()
        span = days_of(context)
        with failures():
            loaded = load(
                connections, name, span, run_id=context.run.run_id, again=LANDED_TAG not in context.run.tags,
                advance=lambda count: context.log.info("%d more orders are done.", count),
            )  # fmt: skip
            _tell_loaded(context, loaded, round(connections.instruments.clock() - started, 2))
            prove(connections, name, *span)
            proven = verdict(connections, name, connections.instruments.now())
        odoo = connections.settings.odoo.url.rstrip("/")
        link = dg.MetadataValue.url(f"{odoo}/odoo/action-account.action_move_out_refund_type")
        yield dg.MaterializeResult(asset_key=key, metadata={"credit notes in Odoo": link})
        yield complete(proven, name, key)
        yield settled(proven, name, key)

    return credit_notes


def _build_check_specs(name: str, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            "complete",
            asset=key,
            description=f"Every refund of {name} that is done, of all days proved so far, is one credit note in "
            "Odoo, or has reduced its order there: same count, same money to the cent, none missing, none too many. An "
            "incomplete day stays incomplete until it is proved again.",
        ),
        dg.AssetCheckSpec(
            "settled",
            asset=key,
            description="Goods and money belong together: no return that the channel has received stays without "
            "its receipt in Odoo or without its refund, and no refund of goods without a return. A warning: each "
            "of them may be right.",
        ),
    ]


def _tell_loaded(context: dg.AssetExecutionContext, loaded: "Loaded", seconds: float) -> None:
    by_day = {
        day: {"dagster/row_count": loaded.of(day).actions.total(), **_describe_loaded(loaded.of(day))}
        for day in each_day(context)
    }
    chart = dg.MetadataValue.md(bars(dict(loaded.actions), "records by outcome") or "nothing to do")
    of_run = {**_describe_loaded(loaded), "seconds": seconds, "what became of them": chart}
    say_by_day(context, context.asset_key, by_day, of_run)


def _describe_loaded(part: "Loaded") -> dict[str, Any]:
    """The figures of records brought to Odoo, of a day or of the whole run."""
    return {
        **counts(part.actions, "records"),
        **counts(part.reasons, "reasons"),
        **money(part.by_currency),
        **{
            f"orders reduced/{key}": str(to_decimal(minor, key)) for key, minor in sorted(part.reduced.items()) if minor
        },
    }


def _draw_chart(per_day: Counter[date] | dict[date, int], title: str) -> dg.MetadataValue:
    return dg.MetadataValue.md(bars({f"{day:%d.%m.}": per_day[day] for day in sorted(per_day)}, title) or "none")
