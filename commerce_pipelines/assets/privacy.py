"""Personal data in Dagster: privacy/retention, one for all channels.

What belongs here: key, description, metadata, the checks of what waits too long and what is too old. What does not: any
rule (flows/privacy, domain/privacy).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.lanes import PRIVACY
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .common import NIGHTLY, RETRY, failures, labels

if TYPE_CHECKING:
    from ..flows.privacy.erase import Result
    from ..flows.privacy.retention import Aged, Kept

RETENTION = dg.AssetKey([PRIVACY, "retention"])
ANSWER_WITHIN = timedelta(days=25)  # GDPR Art. 12(3) allows a month


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """For LANES: one asset, whatever the channels."""
    return [retention_asset(settings.owner)]


def retention_asset(owner: str) -> dg.AssetsDefinition:
    """`privacy/retention`: age limits, erasures that waited, and addresses that invoices need no longer."""

    @dg.asset(
        key=RETENTION,
        kinds={"odoo", "postgres"},
        pool="odoo",
        retry_policy=RETRY,
        check_specs=_list_checks(),
        description="Destroys the marketplaces' answers that are older than `privacy.keep_days` after delivery, and "
        "Dagster's history older than `privacy.history_days`; erases who ordered nothing for "
        "`privacy.forget_after_days`, if that is set; goes on with requests for erasure that had to wait for a "
        "delivery, an invoice or an order, and makes contacts anonymous whose invoices need not be kept any longer. "
        "Takes up what marketplaces passed on of their buyers. Figures only, no personal data.",
        **labels(PRIVACY, owner, str(Topic.PRIVACY), "load", NIGHTLY),
    )
    @in_our_words
    def retention(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.privacy.asked import take_up
        from ..flows.privacy.dormant import ask_for_dormant
        from ..flows.privacy.erase import list_waiting, resume
        from ..flows.privacy.retention import apply_limits
        from ..resources.pruning import prune

        started, now = connections.instruments.clock(), connections.instruments.now()
        with failures():
            taken, dormant = take_up(connections), ask_for_dormant(connections)
            results = resume(connections)
            late = list_waiting(connections, ANSWER_WITHIN)
            aged = apply_limits(connections)
            pruned = prune(context.instance, now - timedelta(days=connections.settings.privacy.history_days))
        seconds = round(connections.instruments.clock() - started, 2)
        figures = {
            **_describe(results),
            "erasures asked for by messages": taken.requests,
            "erasures because of no order for long": dormant.requests,
            "persons without an order for long of whom something is open": dormant.open,
            **_describe_aged(aged),
            "runs pruned": pruned.runs,
            "seconds": seconds,
        }
        yield dg.MaterializeResult(asset_key=RETENTION, metadata=figures)
        yield _judge_time(late)
        yield _judge_age(aged.overdue)
        yield _judge_tombstones(connections)

    return retention


def _list_checks() -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            "answered_in_time",
            asset=RETENTION,
            description=f"No request for erasure has waited for more than {ANSWER_WITHIN.days} days. "
            "`commerce-pipelines erase` says for what it waits.",
        ),
        dg.AssetCheckSpec(
            "nothing_too_old",
            asset=RETENTION,
            description="No answer of a marketplace is readable beyond its age limit, `privacy.keep_days`. "
            "What is, would be lost: it cannot be read, or is not carried out in Odoo.",
        ),
        dg.AssetCheckSpec(
            "tombstones_agree",
            asset=RETENTION,
            description="The file `privacy.tombstones` and the database name the same erased persons, so that a "
            "restored backup brings nobody back.",
        ),
    ]


def _describe(results: Sequence["Result"]) -> dict[str, Any]:
    return {
        "dagster/uri": "postgresql:///commerce.erasures",
        "erasures carried out": sum(result.done for result in results),
        "erasures that wait": sum(not result.done for result in results),
        "contacts made anonymous": sum(result.certificate.get("contacts_made_anonymous", 0) for result in results),
        "keys destroyed": sum(result.certificate.get("keys_destroyed", 0) for result in results),
    }


def _describe_aged(aged: "Aged") -> dict[str, Any]:
    """What was destroyed at its age limit, and how old the oldest answers are that can be read."""
    oldest = {f"oldest readable of {channel} {topic}": f"{at:%Y-%m-%d %H:%M} UTC, of {count} records"
              for (channel, topic), (at, count) in aged.oldest.items()}  # fmt: skip
    return {
        **{f"records past their age limit, {channel}": count for channel, count in sorted(aged.records.items())},
        "answers destroyed at their age limit": aged.answers,
        "keys replaced": aged.keys,
        **({} if aged.log_renewed is None else {"log of the database renewed": aged.log_renewed}),
        **oldest,
    }


def _judge_age(overdue: Sequence["Kept"]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="nothing_too_old",
        asset_key=RETENTION,
        passed=not overdue,
        severity=dg.AssetCheckSeverity.ERROR,
        description=" ".join(f"{kept.count} {kept.topic} of {kept.channel} are readable beyond their age limit. "
                             f"{kept.why}" for kept in overdue) or "Nothing is readable beyond its age limit.",
        metadata={f"{kept.channel} {kept.topic}": ", ".join(kept.names) or str(kept.count) for kept in overdue},
    )  # fmt: skip


def _judge_time(late: Sequence[int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="answered_in_time",
        asset_key=RETENTION,
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(late)} requests have waited for more than {ANSWER_WITHIN.days} days.",
        metadata={"requests": ", ".join(map(str, late)) or "none"},
    )


def _judge_tombstones(connections: Connections) -> dg.AssetCheckResult:
    from ..warehouse.privacy.tombstones import compare

    place = connections.settings.privacy.tombstones
    with failures():
        difference = compare(connections.warehouse, connections.vault, Path(place)) if place else None
    passed = difference is None or not (difference.not_in_file or difference.not_in_database)
    return dg.AssetCheckResult(
        check_name="tombstones_agree",
        asset_key=RETENTION,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description="No tombstones are kept apart: set `privacy.tombstones`, or erase again after each restore."
        if difference is None
        else f"{difference.not_in_file} erased subjects are not in the file, "
        f"{difference.not_in_database} not in the database.",
    )
