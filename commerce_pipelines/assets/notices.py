"""Subscriptions in Dagster: <channel>/subscriptions, of every channel that receives messages.

What belongs here: key, description, metadata. What does not: any rule (flows/notices/).
"""

from collections.abc import Sequence

import dagster as dg

from ..channels.settings import ChannelSettings
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .common import OFTEN, RETRY, failures, labels

FLOW = "notices"


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """For LANES."""
    return [subscriptions_asset(channel, settings.owner) for channel in channels]


def subscriptions_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/subscriptions`: what the marketplace sends messages about."""
    name, kind = channel.name, str(channel.__struct_config__.tag)

    @dg.asset(
        key=dg.AssetKey([name, "subscriptions"]),
        kinds={kind, "python"},
        retry_policy=RETRY,
        description=f"Compares what {name} sends messages about with what it shall, and repairs it: marketplaces take "
        "a subscription away after failed deliveries. One that was missing is an alert.",
        **labels(name, owner, FLOW, "load", OFTEN),
    )
    @in_our_words
    def subscriptions(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> dg.MaterializeResult:
        from ..flows.alerts import note_subscriptions
        from ..flows.notices.subscribe import subscribe

        with failures():
            result = subscribe(connections, name, context.run.run_id)
            note_subscriptions(connections, name, result, connections.instruments.now())
        heard = {f"last message/{event}": at.isoformat() if at else "none yet" for event, at in result.heard.items()}
        return dg.MaterializeResult(
            metadata={
                "dagster/uri": "postgresql:///commerce.effects",
                "missing or wrong": ", ".join(lack.topic for lack in result.lacks) or "none",
                "taken away since": ", ".join(result.lost) or "none",
                "made": result.made,
                "problems": " ".join(result.problems) or "none",
                "to be entered by hand": " ".join(result.by_hand),
                **heard,
            }
        )

    return subscriptions
