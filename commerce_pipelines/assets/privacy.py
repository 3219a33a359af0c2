"""Personal data in Dagster: privacy/retention, one for all channels.

What belongs here: key, description, metadata, the check of what waits too long. What does not: any rule
(flows/privacy, domain/privacy).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.lanes import PRIVACY
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .common import RETRY, failures, labels

if TYPE_CHECKING:
    from ..flows.privacy.erase import Result

RETENTION = dg.AssetKey([PRIVACY, "retention"])
ANSWER_WITHIN = timedelta(days=25)  # GDPR Art. 12(3) allows a month


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """For LANES: one asset, whatever the channels."""
    return [retention_asset(settings.owner)]


def retention_asset(owner: str) -> dg.AssetsDefinition:
    """`privacy/retention`: erasures that waited, and addresses that invoices need no longer."""

    @dg.asset(
        key=RETENTION,
        kinds={"odoo", "postgres"},
        pool="odoo",
        retry_policy=RETRY,
        check_specs=[
            dg.AssetCheckSpec(
                "answered_in_time",
                asset=RETENTION,
                description=f"No request for erasure has waited for more than {ANSWER_WITHIN.days} days. "
                "`commerce-pipelines erase` says for what it waits.",
            )
        ],
        description="Goes on with requests for erasure that had to wait for a delivery, an invoice or an order, and "
        "makes contacts anonymous whose invoices need not be kept any longer. Figures only, no personal data.",
        **labels(PRIVACY, owner, str(Topic.PRIVACY), "load"),
    )
    @in_our_words
    def retention(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.privacy.erase import list_waiting, resume

        started = connections.instruments.clock()
        with failures():
            results = resume(connections)
            late = list_waiting(connections, ANSWER_WITHIN)
        seconds = round(connections.instruments.clock() - started, 2)
        yield dg.MaterializeResult(asset_key=RETENTION, metadata=_describe(results, seconds))
        yield _judge_time(late)

    return retention


def _describe(results: Sequence["Result"], seconds: float) -> dict[str, Any]:
    return {
        "dagster/uri": "postgresql:///commerce.erasures",
        "erasures carried out": sum(result.done for result in results),
        "erasures that wait": sum(not result.done for result in results),
        "contacts made anonymous": sum(result.certificate.get("contacts_made_anonymous", 0) for result in results),
        "keys destroyed": sum(result.certificate.get("keys_destroyed", 0) for result in results),
        "seconds": seconds,
    }


def _judge_time(late: Sequence[int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="answered_in_time",
        asset_key=RETENTION,
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(late)} requests have waited for more than {ANSWER_WITHIN.days} days.",
        metadata={"requests": ", ".join(map(str, late)) or "none"},
    )
