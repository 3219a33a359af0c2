"""`commerce-pipelines subscribe`: what the marketplaces send messages about, compared and repaired now.

What belongs here: the command and its output. What does not: the comparison (flows/notices/subscribe.py).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..core.errors import SettingsError
from ..core.local_time import local_time
from ..resources.connections import open_connections
from ..settings import file as settings_file
from .terminal import say

if TYPE_CHECKING:
    from ..flows.notices.subscribe import Subscribed


@click.command()
@click.argument("channel", required=False)
def subscribe(channel: str | None) -> None:
    """Make the subscriptions of CHANNEL, default: of every channel that receives messages.

    The receiver must be reached under listen.public_url, because eBay asks it at once. Prints what has to be entered by
    hand, and whether a message of it has come. Exits 1 if a subscription could not be made.
    """
    from ..flows.alerts import note_subscriptions
    from ..flows.notices.subscribe import subscribe as compare

    connections = open_connections(settings_file.load())
    names = [channel] if channel else [row.name for row in connections.settings.channels if row.receives]
    if not names:
        raise SettingsError("No channel receives messages: set notifications.enabled, see docs/webhooks.md.")
    wrong = 0
    for name in names:
        result = compare(connections, name, "subscribe")
        note_subscriptions(connections, name, result, connections.instruments.now())
        for line in _describe(name, result):
            say(line)
        wrong += len(result.problems)
    if wrong:
        sys.exit(1)


def _describe(name: str, result: Subscribed) -> list[str]:
    lines = [f"{name}: {lack.topic} was {lack.what}." for lack in result.lacks]
    made = f"{result.made} made or repaired" if result.lacks else "all subscriptions are there"
    lines.append(f"{name}: {made}.")
    lines += [f"{name}: {problem}" for problem in result.problems]
    lines += [f"By hand: {sentence}" for sentence in result.by_hand]
    for event, at in result.heard.items():
        heard = f"the last message came on {local_time(at)}" if at else "no message has come yet; send a test message"
        lines.append(f"{name}: {event}: {heard}.")
    return lines
