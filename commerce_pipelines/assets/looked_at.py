"""The checks `looked_at` and `messages_come`: every poller has looked lately and with success, and so has whoever
listens to messages.

What belongs here: the checks as Dagster's pages show them. What does not: what makes a poller late (flows/pollers.py)
and a marketplace silent (flows/notices/listeners.py), when they are evaluated (sensors/outcomes.py, and a person by
*Execute*).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

import dagster as dg

from ..core.groups import by_group, in_group, odoo_path
from ..flows.notices.listeners import UNANNOUNCED
from ..flows.pollers import SHIPMENT_POLLER, STOCK_POLLER, Poller, list_pollers, orders_poller, returns_poller
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings

SUBSCRIPTIONS = "subscriptions"
LOOKED_AT, MESSAGES_COME = "looked_at", "messages_come"


def looked_at_keys(settings: Settings) -> dict[str, dg.AssetKey]:
    """The asset of each poller's check, by the poller's name."""
    pollers = list_pollers(settings)
    keys = {orders_poller(channel.name): dg.AssetKey([channel.name, "raw_orders"]) for channel in settings.channels}
    keys |= {
        returns_poller(channel.name): dg.AssetKey([channel.name, "raw_returns"])
        for channel in settings.channels
        if channel.returns.enabled
    }
    of_odoo = {STOCK_POLLER: "stock_levels", SHIPMENT_POLLER: "shipments"}
    return keys | {
        name: dg.AssetKey(odoo_path(table, group))
        for group in by_group(settings.channels)
        for poller, table in of_odoo.items()
        if (name := in_group(poller, group)) in pollers
    }


def looked_at_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """One check for each poller of these settings."""
    pollers = list_pollers(settings)
    return [_build_check(pollers[name], key) for name, key in looked_at_keys(settings).items()]


def messages_come_keys(settings: Settings) -> dict[str, dg.AssetKey]:
    """The asset of each check `messages_come`, by the channel's name."""
    return {
        channel.name: dg.AssetKey([channel.name, SUBSCRIPTIONS]) for channel in settings.channels if channel.receives
    }


def messages_come_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """One check for each channel that receives messages."""
    return [_build_messages_check(name, key) for name, key in messages_come_keys(settings).items()]


def _build_messages_check(name: str, key: dg.AssetKey) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key,
        name=MESSAGES_COME,
        description=f"Somebody listens to the messages of {name}, and {UNANNOUNCED} new orders have not come in a row "
        "without any. Evaluated every minute by the sensor `outcomes`.",
    )
    @in_our_words
    def messages_come(connections: dg.ResourceParam[Connections]) -> dg.AssetCheckResult:
        from ..flows.alerts import judge_messages

        problem = judge_messages(connections, connections.instruments.now())[name]
        return dg.AssetCheckResult(passed=not problem, description=describe_messages(problem))

    return messages_come


def _build_check(poller: Poller, key: dg.AssetKey) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key,
        name=LOOKED_AT,
        description=f"The sensor {poller.name} has looked at {poller.subject} with success of late. Evaluated every "
        "minute by the sensor `outcomes`; `commerce-pipelines dev` tells the people under `alerts` even while "
        "Dagster's daemon is dead.",
    )
    @in_our_words
    def looked_at(connections: dg.ResourceParam[Connections]) -> dg.AssetCheckResult:
        from ..flows.alerts import judge_pollers

        problem = judge_pollers(connections, connections.instruments.now())[poller.name]
        return dg.AssetCheckResult(passed=not problem, description=describe(problem))

    return looked_at


def select(*keys: dg.AssetKey) -> dg.AssetSelection:
    """These assets and their checks without those of this module, because a run says nothing about whether sensors look
    and messages come."""
    polled = [
        dg.AssetCheckKey(key, MESSAGES_COME if key.path[-1] == SUBSCRIPTIONS else LOOKED_AT)
        for key in keys
        if key.path[-1] in ("raw_orders", "raw_returns", "stock_levels", "shipments", SUBSCRIPTIONS)
    ]
    selection = dg.AssetSelection.assets(*keys)
    return selection - dg.AssetSelection.checks(*polled) if polled else selection


def describe(problem: str) -> str:
    return problem or "It has."


def describe_messages(problem: str) -> str:
    return problem or "They come, or there was nothing to tell."
